/* SPDX-License-Identifier: Apache-2.0
 *
 * A VM with one vCPU and 2 MiB of memory, identity-mapped with 4 KiB pages, for the tests; a window
 * of 2 MiB behind it that tests fill, and 2 MiB of nothing.
 */
#ifndef TESTS_UNIT_VMM_MACHINE_H
#define TESTS_UNIT_VMM_MACHINE_H

#include "tests/unit/vmm/guest.h"
#include "vmm/vm.h"

#define GUEST_MEMORY  0x200000ull
#define GUEST_PML4    0x1000ull
#define GUEST_PDPT    0x2000ull
#define GUEST_PD      0x3000ull
#define GUEST_PT      0x4000ull /* of the memory */
#define GUEST_GDT     0x5000ull
#define GUEST_IDT     0x6000ull
#define GUEST_TSS     0x7000ull
#define GUEST_STACK0  0xc000ull
#define GUEST_TABLES2 0xd000ull /* room for four more tables */
#define GUEST_PT_WIN  0x11000ull
#define GUEST_CODE0   0x20000ull
#define GUEST_CODE3   0x40000ull /* ring 3 may from here on */
#define GUEST_STACK3  0x60000ull
#define GUEST_DATA    0x70000ull
#define GUEST_WINDOW  0x200000ull
#define GUEST_NOTHING 0x400000ull

#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull

#define RFLAGS_IF    0x200ull
#define RFLAGS_FIXED 2ull

#define SLOT_MEMORY 0
#define SLOT_WINDOW 1

struct machine {
	struct vm *vm;
	struct vcpu *vcpu;
	struct vcpu *other; /* made by who needs a second */
	char *memory;
	struct vm_exit exit;
};

/* The backend under test: main.c chooses. */
extern const struct vm_ops *machine_ops;

struct machine_frame {
	uint64_t error, rip, cs, rflags, rsp, ss;
};

/* 0 or -errno. `sync_regs` false: as on a KVM that lacks it; nothing to other backends. */
int machine_begin(struct machine *m, bool sync_regs);
void machine_end(struct machine *m);

uint64_t *machine_words(struct machine *m, uint64_t gpa);
uint64_t *machine_pte(struct machine *m, uint64_t va); /* of the 2 MiB and the window */
uint64_t machine_at(const char *label);		       /* guest address of a piece of code */

void machine_sregs(const struct machine *m, unsigned ring, struct vm_sregs *s);
/* Start at a piece of code, in its ring, with interrupts on in ring 3. 0 or -errno. */
int machine_start(struct machine *m, const char *label);
/* Ring 3 goes on at another piece when the trap it is in returns. */
void machine_redirect(struct machine *m, const char *label);

struct vm_gprs *machine_regs(struct machine *m);
void machine_set_regs(struct machine *m);
/* To the next exit that is not an INTR of nobody's making; its reason, or -errno. */
int machine_run(struct machine *m);
/* Run, and was it a trap with this vector? Its frame, or NULL. */
struct machine_frame *machine_trap(struct machine *m, unsigned vector);
struct machine_frame *machine_frame(struct machine *m);

#endif
