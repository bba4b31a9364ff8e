/* SPDX-License-Identifier: Apache-2.0
 *
 * A host of the VMX core with no operating system: one CPU, memory mapped one to one, nothing but
 * a serial console. What its files offer each other.
 */
#ifndef VMX_METAL_H
#define VMX_METAL_H

#include "../core/vmx.h"
#include <stdarg.h>

/* --- multiboot.c: what the loader left --- */

struct multiboot;
/* First of all: console, memory, exceptions, timer, FPU. */
void metal_boot(uint32_t magic, const struct multiboot *m);
/* NAME=NUMBER of the command line. */
uint64_t metal_option(const char *name, uint64_t otherwise);
/* The words behind "--" on the command line, copied to the buffer; how many, at most max. */
size_t metal_words(char **words, size_t max, char *buffer, size_t size);
/* The first module: [*start, *end). false: there is none. */
bool metal_module(uint64_t *start, uint64_t *end);

/* --- format.c --- */

void metal_vformat(char *buffer, size_t size, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* --- console.c: COM1 --- */

void metal_console_init(void);
void metal_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void metal_log(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a line */
/* As it is. */
void metal_console_write(const void *bytes, size_t n);
bool metal_console_ready(void); /* a byte has come in */
uint8_t metal_console_read(void);
/* Ends the machine: Bochs' port for it. */
_Noreturn void metal_off(void);
_Noreturn void metal_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- pages.c: physical memory --- */

void metal_pages_init(uint64_t start, uint64_t end);
/* n pages in a row, zeroed; NULL: none. */
void *metal_pages_alloc(size_t n);
void metal_pages_free(void *first);
size_t metal_pages_used(void);
/* Memory that is not ours to give away: [start, end). Once. */
void metal_memory_lent(uint64_t start, uint64_t end);
/* Is there memory at this address, ours or lent? */
bool metal_is_memory(uint64_t pa);
/* From now on this many allocations succeed, then none; -1: all. */
void metal_pages_limit(int n);

/* --- traps.c: the host's own exceptions and interrupts --- */

void metal_traps_init(void);
/* Takes what is pending: interrupts are on for a moment. */
void metal_interrupts_window(void);
/* Sleeps until there is one, and takes it. */
void metal_interrupts_wait(void);
extern uint64_t metal_interrupts; /* that the host took */
extern uint64_t metal_nmis;	  /* likewise */
/* Calls a function that may raise an exception: its vector, or -1. */
int metal_try(void (*instruction)(void));

/* --- apic.c: the CPU's own interrupt controller --- */

#define METAL_APIC	   0xfee00000ull
#define METAL_VECTOR_SELF  0x40
#define METAL_VECTOR_TIMER 0x41

void metal_apic_init(void);
void metal_apic_self(uint8_t vector); /* pending from now on, if interrupts are off */
void metal_apic_eoi(void);
/* The timer's ticks from now on, in its own counts, and what it has left of the present one. */
void metal_apic_timer(uint32_t count);
uint32_t metal_apic_timer_left(void);

/* --- host.c --- */

extern const struct vmx_host_ops metal_host;
/* VMX on this CPU, with EPT or as if there were none. An answer of vmx_discover. */
enum sbv_state metal_vmx_on(bool want_ept);
void metal_vmx_off(void);
/* Runs until the owner has something to do. False: so many ticks of the timer came before. */
bool metal_run(struct vmx_vcpu *v, uint64_t ticks);

#endif
