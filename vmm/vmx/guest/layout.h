/* SPDX-License-Identifier: Apache-2.0
 *
 * A tiny guest for the tests: 128 KiB of memory mapped one to one for both rings, page by page, and
 * an interrupt table whose entries say their vector by an OUT to the port of that number. So a
 * piece of code ends in an exit that tells how it ended, and no register is needed for it. On metal
 * and in a process alike.
 */
#ifndef VMX_GUEST_LAYOUT_H
#define VMX_GUEST_LAYOUT_H

#include "../core/x86.h"

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
#define GUEST_VA_APIC	   0x400000ull /* on metal this CPU's own */
#define GUEST_VA_LOST	   0x600000ull /* a slot of which the host has no memory */
#define GUEST_VA_READONLY  0x800000ull /* a page that the guest may not write */
#define GUEST_VA_LOGGED	   0xa00000ull /* two pages whose writes are logged */
#define GUEST_GPA_NOWHERE  0x40000000ull
#define GUEST_GPA_APIC	   0xfee00000ull
#define GUEST_GPA_LOST	   0x50000000ull
#define GUEST_GPA_READONLY 0x60000000ull
#define GUEST_GPA_LOGGED   0x70000000ull

enum { GUEST_SLOT_MAIN, GUEST_SLOT_APIC, GUEST_SLOT_LOST, GUEST_SLOT_READONLY, GUEST_SLOT_LOGGED };

#define GUEST_CS0	0x08
#define GUEST_SS0	0x10
#define GUEST_TR	0x18 /* 16 bytes */
#define GUEST_CS3	0x2b
#define GUEST_SS3	0x33
#define GUEST_GDT_LIMIT 0x37
#define GUEST_IDT_LIMIT 0xfff
#define GUEST_TSS_LIMIT 0x67

#define GUEST_CR0  (CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_PE)
#define GUEST_CR4  (CR4_PAE | CR4_OSFXSR)
#define GUEST_EFER (EFER_LME | EFER_LMA | EFER_SCE)

/* What a gate of the interrupt table does to RFLAGS.IF: 8eh and 8fh, open to ring 3. */
enum guest_gates { GUEST_GATES_CLEAR_IF = 0xee, GUEST_GATES_KEEP_IF = 0xef };

/* Fills GUEST_SIZE bytes: the tables, and all else zero. */
void guest_image(uint8_t *memory, enum guest_gates gates);

#endif
