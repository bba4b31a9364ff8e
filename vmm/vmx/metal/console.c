/* SPDX-License-Identifier: Apache-2.0
 *
 * The console: COM1, 115200 baud, written to and waited for; and the end of the machine.
 */
#include "metal.h"
#include "port.h"

#define COM1	      0x3f8
#define LINE_STATUS   (COM1 + 5)
#define RECEIVED      0x01
#define TRANSMIT_IDLE 0x20
#define TRANSMIT_DONE 0x40

#define BOCHS_SHUTDOWN 0x8900

void metal_console_init(void)
{
	port_out8(COM1 + 1, 0);	   /* no interrupts */
	port_out8(COM1 + 3, 0x80); /* divisor */
	port_out8(COM1, 1);
	port_out8(COM1 + 1, 0);
	port_out8(COM1 + 3, 3); /* 8 bits, no parity */
	port_out8(COM1 + 2, 7); /* FIFOs on and empty */
}

static void put(char c)
{
	while (!(port_in8(LINE_STATUS) & TRANSMIT_IDLE))
		;
	port_out8(COM1, (uint8_t)c);
}

void metal_console_write(const void *bytes, size_t n)
{
	for (const char *p = bytes; n--;)
		put(*p++);
}

bool metal_console_ready(void)
{
	return port_in8(LINE_STATUS) & RECEIVED;
}

uint8_t metal_console_read(void)
{
	return port_in8(COM1);
}

static void put_string(const char *s)
{
	while (*s)
		put(*s++);
}

__attribute__((format(printf, 1, 0))) static void put_format(const char *format, va_list ap)
{
	char text[512];

	metal_vformat(text, sizeof(text), format, ap);
	put_string(text);
}

void metal_print(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put_format(format, ap);
	va_end(ap);
}

void metal_log(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put_format(format, ap);
	va_end(ap);
	put('\n');
}

_Noreturn void metal_off(void)
{
	const char *word = "Shutdown";

	while (!(port_in8(LINE_STATUS) & TRANSMIT_DONE))
		;
	while (*word)
		port_out8(BOCHS_SHUTDOWN, (uint8_t)*word++);
	for (;;)
		__asm__ volatile("cli; hlt");
}

_Noreturn void metal_die(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	put_string("\nmetal: ");
	put_format(format, ap);
	put_string("\n");
	va_end(ap);
	metal_off();
}
