/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

#include "tests/unit/vmm/tlb.h"

#define VA	   0x90000ull
#define FRAME_A	   0xa0000ull
#define FRAME_B	   0xb0000ull
#define VALUE_A	   0xaaaaaaaaull
#define VALUE_B	   0xbbbbbbbbull
#define VA2	   0x490000ull /* PD[2] */
#define SLOT_DUMMY 31
#define DUMMY_GPA  0x80000000ull
#define CR3_PWT	   8ull /* means nothing for memory of a VM, and makes a CR3 another one */

const char *const tlb_change_names[TLB_CHANGES] = {
	[TLB_ADD] = "add",
	[TLB_GRANT_WRITE] = "ro -> rw",
	[TLB_REVOKE_WRITE] = "rw -> ro",
	[TLB_UNMAP] = "unmap",
	[TLB_REMAP] = "remap",
	[TLB_REVOKE_USER] = "user -> supervisor",
	[TLB_REMAP_TABLE] = "another table",
};

const char *const tlb_flush_names[TLB_FLUSHES] = {
	[TLB_FLUSH_NONE] = "none",
	[TLB_FLUSH_SREGS_SAME] = "set_sregs, same cr3",
	[TLB_FLUSH_SREGS_TOGGLE] = "set_sregs, cr3 ^ PWT",
	[TLB_FLUSH_MADVISE] = "madvise of the frame",
	[TLB_FLUSH_MPROTECT] = "mprotect of the frame",
	[TLB_FLUSH_SLOT] = "dummy slot",
	[TLB_FLUSH_GUEST_CR3] = "mov cr3 in the trap",
	[TLB_FLUSH_GUEST_INVLPG] = "invlpg in the trap",
	[TLB_FLUSH_GUEST_PTE] = "entry written in the trap",
	[TLB_FLUSH_OTHER_PTE] = "entry written by another vCPU",
};

static const struct {
	uint64_t before, after;
	bool write_first, write_then;
	unsigned vector_first, vector_then; /* 6: no fault */
	uint64_t error_then;
	uint64_t value_then;
} changes[TLB_CHANGES] = {
	[TLB_ADD] = {0, FRAME_A | 7, false, false, 14, 6, 0, VALUE_A},
	[TLB_GRANT_WRITE] = {FRAME_A | 5, FRAME_A | 7, true, true, 14, 6, 0, VALUE_A},
	[TLB_REVOKE_WRITE] = {FRAME_A | 7, FRAME_A | 5, true, true, 6, 14, 7, 0},
	[TLB_UNMAP] = {FRAME_A | 7, 0, false, false, 6, 14, 4, 0},
	[TLB_REMAP] = {FRAME_A | 7, FRAME_B | 7, false, false, 6, 6, 0, VALUE_B},
	[TLB_REVOKE_USER] = {FRAME_A | 7, FRAME_A | 3, false, false, 6, 14, 5, 0},
	[TLB_REMAP_TABLE] = {FRAME_A | 7, FRAME_B | 7, false, false, 6, 6, 0, VALUE_B},
};

static int flush_sregs(struct machine *m, bool toggle)
{
	struct vm_sregs s;

	if (machine_ops->vcpu_get_sregs(m->vcpu, &s) < 0)
		return -1;
	if (toggle)
		s.cr3 ^= CR3_PWT;
	return machine_ops->vcpu_set_sregs(m->vcpu, &s);
}

/* Shared memory: what it holds stays, the host's mapping of it goes, and with that KVM's. */
static int flush_frame(struct machine *m, bool protect)
{
	char *frame = m->memory + FRAME_A;

	if (!protect)
		return madvise(frame, 0x1000, MADV_DONTNEED);
	if (mprotect(frame, 0x1000, PROT_READ) < 0)
		return -1;
	return mprotect(frame, 0x1000, PROT_READ | PROT_WRITE);
}

static int flush_slot(struct machine *m)
{
	if (machine_ops != &vm_kvm_ops)
		return machine_ops->forget_translations(m->vm);
	if (machine_ops->map_memory(m->vm, SLOT_DUMMY, DUMMY_GPA, m->memory, 0x1000, 0) < 0)
		return -1;
	return machine_ops->map_memory(m->vm, SLOT_DUMMY, DUMMY_GPA, m->memory, 0, 0);
}

/* Any thread, also while the first vCPU runs. */
static int flush_other_vcpu(struct machine *m)
{
	struct vm_sregs s;
	struct vm_exit x;
	int r = m->other ? 0 : machine_ops->vcpu_create(m->vm, 1, &m->other);

	machine_sregs(m, 0, &s);
	if (r == 0)
		r = machine_ops->vcpu_set_sregs(m->other, &s);
	if (r < 0)
		return r;
	*machine_ops->vcpu_gprs(m->other) = (struct vm_gprs){
		.rip = machine_at(guest_touch),
		.rdi = GUEST_PT + (VA >> 12) * 8,
		.rflags = RFLAGS_FIXED,
	};
	machine_ops->vcpu_gprs_dirty(m->other);
	r = machine_ops->vcpu_run(m->other, &x);
	return r < 0 || x.reason != VM_EXIT_IO_OUT ? -1 : 0;
}

int tlb_flush_host(struct machine *m, enum tlb_flush flush)
{
	switch (flush) {
	case TLB_FLUSH_SREGS_SAME:
		return flush_sregs(m, false);
	case TLB_FLUSH_SREGS_TOGGLE:
		return flush_sregs(m, true);
	case TLB_FLUSH_MADVISE:
		return flush_frame(m, false);
	case TLB_FLUSH_MPROTECT:
		return flush_frame(m, true);
	case TLB_FLUSH_SLOT:
		return flush_slot(m);
	case TLB_FLUSH_OTHER_PTE:
		return flush_other_vcpu(m);
	default:
		return 0;
	}
}

/* The frames' contents and clean shadows of the page tables: what an earlier try left stale goes.
 */
static int frames_fill(struct machine *m)
{
	*machine_words(m, FRAME_A) = VALUE_A;
	*machine_words(m, FRAME_B) = VALUE_B;
	machine_words(m, GUEST_PD)[0] = GUEST_PT | PTE_P | PTE_W | PTE_U;
	return tlb_flush_host(m, TLB_FLUSH_SLOT);
}

static uint32_t flush_guest(enum tlb_flush flush)
{
	switch (flush) {
	case TLB_FLUSH_GUEST_CR3:
		return FLUSH_CR3;
	case TLB_FLUSH_GUEST_INVLPG:
		return FLUSH_INVLPG;
	case TLB_FLUSH_GUEST_PTE:
		return FLUSH_PTE;
	default:
		return FLUSH_NONE;
	}
}

static void change_apply(struct machine *m, enum tlb_change change)
{
	if (change != TLB_REMAP_TABLE) {
		*machine_pte(m, VA) = changes[change].after;
		return;
	}
	/* A second table that differs in one entry. */
	for (unsigned i = 0; i < 512; i++)
		machine_words(m, GUEST_TABLES2)[i] = machine_words(m, GUEST_PT)[i];
	machine_words(m, GUEST_TABLES2)[VA >> 12] = changes[change].after;
	machine_words(m, GUEST_PD)[0] = GUEST_TABLES2 | PTE_P | PTE_W | PTE_U;
}

static uint64_t entry_changed(enum tlb_change change)
{
	return change == TLB_REMAP_TABLE ? GUEST_PD : GUEST_PT + (VA >> 12) * 8;
}

int tlb_try_trap(struct machine *m, enum tlb_change change, enum tlb_flush flush)
{
	const char *first = changes[change].write_first ? guest_write : guest_read;
	const char *then = changes[change].write_then ? guest_write : guest_read;
	struct machine_frame *frame;

	*machine_pte(m, VA) = changes[change].before;
	if (frames_fill(m) < 0 || machine_start(m, first) < 0)
		return -1;
	machine_regs(m)->rdi = VA;
	machine_regs(m)->rax = VALUE_A;
	if (!machine_trap(m, changes[change].vector_first))
		return -1;

	change_apply(m, change);
	if (tlb_flush_host(m, flush) < 0)
		return -1;
	machine_redirect(m, then);
	machine_regs(m)->rax = VALUE_A;
	machine_regs(m)->r14 = flush == TLB_FLUSH_GUEST_PTE ? entry_changed(change) : VA;
	machine_regs(m)->r15 = flush_guest(flush);
	machine_set_regs(m);
	if (machine_run(m) != VM_EXIT_IO_OUT || (m->exit.io.port != 6 && m->exit.io.port != 14))
		return -1;
	frame = machine_frame(m);
	if (m->exit.io.port != changes[change].vector_then)
		return 0;
	if (m->exit.io.port == 14)
		return frame->error == changes[change].error_then;
	return machine_regs(m)->rax == changes[change].value_then;
}

struct kicker {
	struct machine *m;
	unsigned patience_ms;
	bool remap;
	enum tlb_flush flush;
	int result;
	atomic_bool ended, kicked;
};

static void sleep_ms(unsigned ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000l}, NULL);
}

/* Remap while it runs, if asked to; kick it if it has not ended in time. */
static void *kicker_run(void *arg)
{
	struct kicker *k = arg;

	if (k->remap) {
		sleep_ms(5);
		__atomic_store_n(machine_pte(k->m, VA), FRAME_B | 7, __ATOMIC_SEQ_CST);
		k->result = tlb_flush_host(k->m, k->flush);
	}
	for (unsigned ms = 0; ms < k->patience_ms && !atomic_load(&k->ended); ms += 2)
		sleep_ms(2);
	atomic_store(&k->kicked, true);
	machine_ops->vcpu_kick(k->m->vcpu);
	return NULL;
}

/* Until an exit or the kick; the reason, -1 if it is beyond use. */
static int run_kicked(struct machine *m, struct kicker *k)
{
	pthread_t thread;
	int result;

	k->m = m;
	if (pthread_create(&thread, NULL, kicker_run, k) != 0)
		return -1;
	/* An earlier try's kick may come first. */
	do
		result = machine_ops->vcpu_run(m->vcpu, &m->exit);
	while (result == 0 && m->exit.reason == VM_EXIT_INTR && !atomic_load(&k->kicked));
	atomic_store(&k->ended, true);
	pthread_join(thread, NULL);
	return result < 0 || k->result < 0 ? -1 : (int)m->exit.reason;
}

static int while_start(struct machine *m)
{
	*machine_pte(m, VA) = FRAME_A | 7;
	if (frames_fill(m) < 0 || machine_start(m, guest_while) < 0)
		return -1;
	machine_regs(m)->rdi = VA;
	machine_regs(m)->rsi = VALUE_A;
	return 0;
}

int tlb_try_kick(struct machine *m, enum tlb_flush flush, unsigned patience_ms)
{
	int reason;

	if (while_start(m) < 0)
		return -1;
	do
		reason = run_kicked(m, &(struct kicker){.patience_ms = 2});
	while (reason == VM_EXIT_INTR && machine_regs(m)->rbx < 2);
	if (reason != VM_EXIT_INTR)
		return -1;
	*machine_pte(m, VA) = FRAME_B | 7;
	if (tlb_flush_host(m, flush) < 0)
		return -1;
	reason = run_kicked(m, &(struct kicker){.patience_ms = patience_ms});
	if (reason == VM_EXIT_IO_OUT && m->exit.io.port == 6)
		return machine_regs(m)->rax == VALUE_B ? 1 : -1;
	return reason == VM_EXIT_INTR ? 0 : -1;
}

int tlb_try_live(struct machine *m, enum tlb_flush flush, unsigned patience_ms)
{
	struct kicker k = {.patience_ms = patience_ms, .remap = true, .flush = flush};
	int reason;

	if (while_start(m) < 0)
		return -1;
	reason = run_kicked(m, &k);
	if (reason == VM_EXIT_IO_OUT && m->exit.io.port == 6)
		return 1;
	return reason == VM_EXIT_INTR ? 0 : -1;
}

/* Ring 3, in a trap, reads at va next; the vector it ends with, -1 if it is none. */
static int read_next(struct machine *m, uint64_t va)
{
	machine_redirect(m, guest_read);
	machine_regs(m)->rdi = va;
	machine_set_regs(m);
	return machine_run(m) == VM_EXIT_IO_OUT ? m->exit.io.port : -1;
}

/*
 * A table maps A. Its page is emptied and becomes the table of PD[2], with another entry: a read by
 * that makes KVM shadow the table there, if it does so with what it remembers, A shows at VA2.
 */
int tlb_try_reuse(struct machine *m, enum tlb_flush flush, unsigned patience_ms)
{
	uint64_t *table = machine_words(m, GUEST_TABLES2), *pd = machine_words(m, GUEST_PD);
	uint64_t nothing = pd[2];
	int seen = -1;

	*machine_pte(m, VA) = FRAME_A | 7;
	if (frames_fill(m) < 0)
		return -1;
	for (unsigned i = 0; i < 512; i++)
		table[i] = machine_words(m, GUEST_PT)[i];
	pd[0] = GUEST_TABLES2 | PTE_P | PTE_W | PTE_U;
	if (machine_start(m, guest_read) < 0)
		return -1;
	machine_regs(m)->rdi = VA;
	machine_set_regs(m);
	if (!machine_trap(m, 6) || machine_regs(m)->rax != VALUE_A)
		return -1;

	pd[0] = GUEST_PT | PTE_P | PTE_W | PTE_U;
	for (unsigned i = 0; i < 512; i++)
		table[i] = 0;
	table[0] = FRAME_B | PTE_P | PTE_U;
	pd[2] = GUEST_TABLES2 | PTE_P | PTE_W | PTE_U;
	if (tlb_flush_host(m, flush) == 0 && read_next(m, VA2 & ~0x1fffffull) == 6) {
		seen = read_next(m, VA2);
		seen = seen < 0 ? -1 : seen == 14;
	}
	pd[2] = nothing;
	return seen;
}
