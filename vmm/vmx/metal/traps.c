/* SPDX-License-Identifier: Apache-2.0
 *
 * Exceptions and interrupts of the host itself. An exception is the end, but where metal_try waits
 * for one.
 */
#include "../core/x86.h"
#include "metal.h"

#define GATE_INTERRUPT 0x8e00ull
#define HOST_CS	       8ull
#define VECTOR_NMI     2

struct frame {
	uint64_t r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

extern char metal_trap_entries[];
void metal_trap(struct frame *f);

uint64_t metal_interrupts, metal_nmis;

/* What metal_try goes back to: set while an instruction is tried. */
static uint64_t try_rip, try_rsp;
static int try_vector;

static struct {
	uint64_t low, high;
} idt[256];

void metal_traps_init(void)
{
	struct x86_table t = {.limit = sizeof(idt) - 1, .base = (uintptr_t)idt};

	for (unsigned i = 0; i < 256; i++) {
		uint64_t entry = (uintptr_t)metal_trap_entries + 16 * i;

		idt[i].low = (entry & 0xffff) | HOST_CS << 16 | GATE_INTERRUPT << 32 |
			     (entry >> 16 & 0xffff) << 48;
		idt[i].high = entry >> 32;
	}
	__asm__ volatile("lidt %0" : : "m"(t));
}

void metal_trap(struct frame *f)
{
	if (f->vector == VECTOR_NMI) {
		metal_nmis++;
	} else if (f->vector >= 32) {
		metal_interrupts++;
		metal_apic_eoi();
	} else if (try_rip) {
		try_vector = (int)f->vector;
		f->rip = try_rip;
		f->rsp = try_rsp;
		try_rip = 0;
	} else {
		metal_die(
			"exception %lu, error %lx, at %lx; cr2 %lx rsp %lx rax %lx rcx %lx rdx %lx",
			(unsigned long)f->vector, (unsigned long)f->error, (unsigned long)f->rip,
			(unsigned long)x86_cr2(), (unsigned long)f->rsp, (unsigned long)f->rax,
			(unsigned long)f->rcx, (unsigned long)f->rdx);
	}
}

void metal_interrupts_window(void)
{
	__asm__ volatile("sti; nop; cli" : : : "memory");
}

void metal_interrupts_wait(void)
{
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

/* The function is called with the place to go to noted; it is lost if there is an exception, and so
 * must hold nothing. */
int metal_try(void (*instruction)(void))
{
	try_vector = -1;
	__asm__ volatile(
		"lea 1f(%%rip), %%rax\n\t"
		"mov %%rax, %0\n\t"
		"mov %%rsp, %1\n\t"
		"call *%2\n"
		"1:"
		: "=m"(try_rip), "=m"(try_rsp)
		: "r"(instruction)
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
	try_rip = 0;
	return try_vector;
}
