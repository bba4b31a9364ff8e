/* SPDX-License-Identifier: Apache-2.0
 *
 * A host of the VMX core with no operating system: one CPU, memory mapped one to one, nothing but
 * a serial console. What its files offer each other.
 */
#ifndef VMX_METAL_H
#define VMX_METAL_H

#include "../core/vmx.h"
#include <stdarg.h>

/* --- format.c --- */

void metal_vformat(char *buffer, size_t size, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* --- console.c: COM1 --- */

void metal_console_init(void);
void metal_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void metal_log(const char *format, ...) __attribute__((format(printf, 1, 2))); /* a line */
/* Ends the machine: Bochs' port for it. */
_Noreturn void metal_off(void);
_Noreturn void metal_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* --- pages.c: physical memory --- */

void metal_pages_init(uint64_t start, uint64_t end);
/* n pages in a row, zeroed; NULL: none. */
void *metal_pages_alloc(size_t n);
void metal_pages_free(void *first);
size_t metal_pages_used(void);
/* Is there memory at this address? */
bool metal_is_memory(uint64_t pa);
/* From now on this many allocations succeed, then none; -1: all. */
void metal_pages_limit(int n);

/* --- traps.c: the host's own exceptions and interrupts --- */

void metal_traps_init(void);
/* Takes what is pending: interrupts are on for a moment. */
void metal_interrupts_window(void);
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

/* --- host.c --- */

extern const struct vmx_host_ops metal_host;
/* VMX on this CPU, with EPT or as if there were none. An answer of vmx_discover. */
enum sbv_state metal_vmx_on(bool want_ept);
void metal_vmx_off(void);
/* Runs until the owner has something to do. False: so many ticks of the timer came before. */
bool metal_run(struct vmx_vcpu *v, uint64_t ticks);

#endif
