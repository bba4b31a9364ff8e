/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SECURITY_HOSTILE_H
#define TESTS_SECURITY_HOSTILE_H

#include "vmm/vm.h"

/* Guest memory: identity-mapped, all of it reachable from ring 0. */
#define HOSTILE_PML4	  0x1000
#define HOSTILE_PDPT	  0x2000
#define HOSTILE_PD	  0x3000
#define HOSTILE_PT	  0x4000
#define HOSTILE_GDT	  0x5000
#define HOSTILE_IDT	  0x6000
#define HOSTILE_TSS	  0x7000
#define HOSTILE_STACK	  0x9000 /* grows down */
#define HOSTILE_HANDLER	  0x9000
#define HOSTILE_COUNTER	  0xa000
#define HOSTILE_CODE	  0x10000
#define HOSTILE_CODE_SIZE 0x4000
#define HOSTILE_RAM	  0x100000ull
#define HOSTILE_ROM	  0x10000ull
#define HOSTILE_ROM_GPA	  0x180000ull
#define HOSTILE_SIZE	  (HOSTILE_RAM + HOSTILE_ROM)

#define HOSTILE_COUNT 100000u

struct hostile_vm {
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned char *memory;
	int error;
	uint64_t code;
	uint64_t exits[VM_EXIT_REASONS];
};

uint64_t hostile_random(uint64_t *state);
/* guest.c: tables, descriptors, and code of random instructions. */
void hostile_fill(unsigned char *memory, uint64_t *random);
/* A guest that counts to HOSTILE_COUNT and tells it by OUT. */
void hostile_fill_counter(unsigned char *memory);

#endif
