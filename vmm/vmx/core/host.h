/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What the core asks of the system that it runs in: Linux (vmm/vmx/linux), bare metal
 * (vmm/vmx/metal), the unit tests' process. Knows of no caller.
 *
 * Contexts. "atomic": may be called with interrupts off, the VM's lock held. All others may sleep
 * and are called with interrupts on, no lock held and the host's FPU in place.
 */
#ifndef VMX_CORE_HOST_H
#define VMX_CORE_HOST_H

#include "types.h"

struct vmx_vm;

/* The host's memory behind a piece of the guest's. */
struct vmx_frame {
	uint64_t pa; /* host-physical, of the 4 KiB page asked for */
	bool writable;
	/* How far around pa the host's own mapping is one piece, naturally aligned and with the
	 * same rights: 1: 4 KiB, 2: 2 MiB, 3: 1 GiB. */
	uint8_t level;
	void *cookie; /* the host's, for frame_put */
};

struct vmx_host_ops {
	/* Pages for the core's own structures: 4 KiB, zeroed. NULL: none. atomic. */
	void *(*page_alloc)(void);
	void (*page_free)(void *page);
	uint64_t (*page_pa)(const void *page);
	void *(*page_va)(uint64_t pa); /* only of pages from page_alloc */
	/* Zeroed memory for its structs. */
	void *(*alloc)(size_t size);
	void (*free)(void *p);

	/* The lock of a VM's memory: slots, EPT or shadow tables. Does not nest. atomic. */
	void (*lock)(void *host_vm);
	void (*unlock)(void *host_vm);

	/*
	 * The page at hva of the VM's owner. Between frame_sequence and the moment when the frame
	 * is in a table, the host may take the page away; so:
	 *	seq = frame_sequence(); frame_get(); lock();
	 *	if (frame_stale(seq, hva)) { unlock(); frame_put(); again }
	 *	put it in the table; unlock(); frame_put();
	 * When the host takes a page away it calls vmx_vm_zap_hva, under the lock. Nothing is kept
	 * pinned.
	 * frame_get: 0; -EFAULT: no mapping, or not with this right; -EHWPOISON, -ENOMEM; -EINTR: a
	 * signal wants the thread.
	 */
	uint64_t (*frame_sequence)(void *host_vm);
	int (*frame_get)(void *host_vm, uint64_t hva, bool write, struct vmx_frame *out);
	/* The pages from hva on, at most n, that the host has at hand with this right: nothing is
	 * read or copied for it, and level is 1. How many. */
	uint32_t (*frames_at_hand)(
		void *host_vm, uint64_t hva, bool write, uint32_t n, struct vmx_frame *out);
	bool (*frame_stale)(void *host_vm, uint64_t sequence, uint64_t hva); /* atomic */
	void (*frame_put)(void *host_vm, struct vmx_frame *frame);

	/* Copies from the owner's memory; 0 or -EFAULT. Within one page. */
	int (*user_read)(void *host_vm, uint64_t hva, void *to, size_t n);
	/* 64 bits, aligned. 0: it was `old` and is `new`; 1: it was something else; -EFAULT. */
	int (*user_cmpxchg64)(void *host_vm, uint64_t hva, uint64_t old, uint64_t new_value);

	/* Every vCPU of the VM that is in guest mode on another CPU leaves it, before this returns;
	 * it looks at vmx_vm.tlb_generation before it enters again. atomic. */
	void (*leave_guest)(void *host_vm);

	/* The FPU is the core's between these, as in Linux' kernel_fpu_begin: the thread's own
	 * state is saved, and preemption is off. */
	void (*fpu_begin)(void);
	void (*fpu_end)(void);

	/* Let the host handle what ended guest mode: interrupts off, right after the exit. atomic.
	 */
	void (*nmi)(void);
	void (*machine_check)(void);

	/* One line for the host's log, without a newline; printf's format. atomic. */
	void (*log)(const char *format, ...) __attribute__((format(printf, 1, 2)));
};

#endif
