/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile guests through a backend of vmm/vm.h: what the files of this program offer each other.
 * They may include vmm/vm.h, vmm/vmx/abi.h and vmm/vmx/guest.
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include "vmm/vm.h"
#include "vmm/vmx/guest/hostile.h"

/* --- main.c --- */

struct options {
	const struct vm_ops *ops;
	bool is_vmx;
	/* The host cannot interrupt a guest whose IF is clear (Bochs): it is kept set. */
	bool keep_if;
	uint64_t first, seeds; /* seeds 0: as many as there is time for */
	uint64_t seconds;      /* 0: until the seeds are through */
	size_t xsave_size;
};

/* Something that must not be; the run goes on and ends with status 1. From any thread. */
void failed(uint64_t seed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- guest.c: a VM with the tests' guest in it --- */

/* Behind the guest's main memory, page by page: read-only, logged twice, the doorbell's words. The
 * last page is one that cannot be had. */
#define GUEST_PAGE_READONLY (GUEST_SIZE)
#define GUEST_PAGE_LOGGED   (GUEST_SIZE + VMX_PAGE_SIZE)
#define GUEST_PAGE_BELL	    (GUEST_SIZE + 3 * VMX_PAGE_SIZE)
#define GUEST_PAGE_LOST	    (GUEST_SIZE + 4 * VMX_PAGE_SIZE)
#define GUEST_AREA	    (GUEST_SIZE + 5 * VMX_PAGE_SIZE)
#define GUEST_CODE_SIZE	    4000u

/* All but rip and rflags, in the order of struct vm_gprs and struct sbv_regs. */
#define GUEST_REGS 16u

struct guest {
	const struct vm_ops *ops;
	struct vm *vm;
	struct vcpu *v;
	uint8_t *memory; /* GUEST_AREA bytes */
};

/* The memory alone, NULL if there is none. */
uint8_t *guest_memory(void);
/* 0 or -errno; then, too, guest_end. */
int guest_make(struct guest *g, const struct vm_ops *ops);
void guest_end(struct guest *g);
/* Slot i (GUEST_SLOT_*) as it is made, with other flags; or without it. */
int guest_slot(struct guest *g, uint32_t i, uint32_t flags);
int guest_slot_gone(struct guest *g, uint32_t i);
struct vm_sregs guest_sregs(int ring);

/* --- kicks.c: each run ends after a moment --- */

/* For the calling thread, until it ends or kicks_end: some hundred times in a second it gets a
 * signal; and `kicks_target`, if any, a kick. */
int kicks_begin(void);
void kicks_end(void);
void kicks_target(const struct vm_ops *ops, struct vcpu *v);

/* --- life.c: a guest from a seed --- */

struct tally {
	_Atomic uint64_t ends[VM_EXIT_REASONS]; /* runs, by what ended them */
	_Atomic uint64_t calls;			/* of the owner, between them */
};
void live(const struct options *o, uint64_t seed, struct tally *t);

/* --- neighbour.c: a VM that minds its own business, in a thread of its own --- */

struct neighbour;
struct neighbour *neighbour_begin(const struct options *o);
/* Since the last call: what it did must be right, and something must have been done. */
void neighbour_check(struct neighbour *n, uint64_t seed);
uint64_t neighbour_end(struct neighbour *n); /* rounds in all */

/* --- device.c: the device of backend vmx, without vmm/vmx/user --- */

/* Two threads with their own mind about the same descriptors; how many calls failed(). */
void device_trial(const struct options *o, uint64_t seed);

/* --- host.c: what is left --- */

struct host_counts {
	long vms, vcpus, pages; /* of the module's debugfs */
};
/* false: they cannot be read. */
bool host_counts_read(struct host_counts *c);
/* KiB of the host's memory that are free or have a living owner. */
long host_memory_accounted(void);

#endif
