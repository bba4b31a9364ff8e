/* SPDX-License-Identifier: Apache-2.0
 *
 * A tiny guest for the tests: 128 KiB of memory mapped one to one for both rings, page by page, and
 * an interrupt table whose entries say their vector by an OUT to the port of that number. So a
 * piece of code ends in an exit that tells how it ended, and no register is needed for it.
 */
#ifndef VMX_METAL_GUEST_H
#define VMX_METAL_GUEST_H

#include "../core/vcpu.h"
#include "metal.h"

/* Guest-physical and virtual. */
#define GUEST_SIZE	   0x20000ull
#define GUEST_PML4	   0x1000ull
#define GUEST_PDPT	   0x2000ull
#define GUEST_PD	   0x3000ull
#define GUEST_PT	   0x4000ull
#define GUEST_GDT	   0x5000ull
#define GUEST_TSS	   0x5100ull
#define GUEST_IDT	   0x6000ull
#define GUEST_ENTRY_POINTS 0x7000ull
#define GUEST_CODE	   0x8000ull
#define GUEST_SCRATCH	   0x9000ull
#define GUEST_STACK	   0xb000ull  /* top, ring 0 */
#define GUEST_STACK1	   0xd000ull  /* top, of the double fault's handler */
#define GUEST_STACK3	   0xf000ull  /* top, ring 3 */
#define GUEST_FREE	   0x10000ull /* a page for the test */

/* 2 MiB of addresses each, and what is behind them. */
#define GUEST_VA_NOWHERE   0x200000ull /* no slot */
#define GUEST_VA_APIC	   0x400000ull /* this CPU's own */
#define GUEST_VA_LOST	   0x600000ull /* a slot of which the host has no memory */
#define GUEST_VA_READONLY  0x800000ull /* a page that the guest may not write */
#define GUEST_VA_LOGGED	   0xa00000ull /* two pages whose writes are logged */
#define GUEST_GPA_NOWHERE  0x40000000ull
#define GUEST_GPA_LOST	   0x50000000ull
#define GUEST_GPA_READONLY 0x60000000ull
#define GUEST_GPA_LOGGED   0x70000000ull

enum { GUEST_SLOT_MAIN, GUEST_SLOT_APIC, GUEST_SLOT_LOST, GUEST_SLOT_READONLY, GUEST_SLOT_LOGGED };

#define GUEST_DONE 0x80 /* the vector that the code ends with */

#define GUEST_CR0 (CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE)

struct guest {
	struct vmx_vm *vm;
	struct vmx_vcpu *v;
	uint8_t *memory, *readonly, *logged;
	struct vmx_user_exit exit; /* of the last run */
	struct sbv_stats stats;
};

/* false: no memory. Then, too, guest_end. */
bool guest_make(struct guest *g);
void guest_end(struct guest *g);

uint64_t *guest_word(struct guest *g, uint64_t gpa);
/* The entry for a page of the main memory in the guest's page table. */
uint64_t *guest_pte(struct guest *g, uint64_t va);
uint64_t guest_cr4(void);

/* The code, and behind it the end; in which ring, with registers as the caller then sets them. */
struct sbv_regs *guest_start(struct guest *g, const char *code, size_t n, int ring);
/* The other registers: between a read and a write of these. */
void guest_sregs(struct guest *g, void (*change)(struct sbv_sregs *s));
void guest_run(struct guest *g);
/* INTR after a moment. */
void guest_run_briefly(struct guest *g);
/* Its tables as they were made, and all else zero. The core is not told. */
void guest_reset(struct guest *g);

/* The vector that a handler told of, -1: the exit was another. */
int guest_trap(const struct guest *g);
/* Where the exception that was told of happened, and its error code if it has one. */
uint64_t guest_trap_rip(struct guest *g);
uint64_t guest_trap_error(struct guest *g);
/* Exits so far that are neither a marker's nor the demand for memory. */
uint64_t guest_exits(const struct guest *g);

#endif
