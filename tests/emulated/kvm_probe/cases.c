// SPDX-License-Identifier: Apache-2.0
/* Each case enters the guest at its piece of guest.S and looks at how it comes out. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "layout.h"
#include "machine.h"
#include "probe.h"

static int case_plain(struct machine *m)
{
	return ended_with(m, vcpu_run(m), 1);
}

static int loop_note(struct machine *m)
{
	snprintf(m->note, sizeof(m->note), "%d rounds, %u exits, %.2f us a round", LOOPS, m->exits,
		m->seconds / LOOPS * 1e6);
	return 1;
}

static int case_loop(struct machine *m)
{
	return ended_with(m, vcpu_run(m), 1) ? loop_note(m) : 0;
}

/* Traps that ring 0 answers itself, or that go to userspace. */
static int case_gate(struct machine *m)
{
	uint32_t reason;

	do
		reason = vcpu_run(m);
	while (stopped_by_trap(m, reason) && trap_frame(m)[1] == 3);
	return ended_with(m, reason, 1) ? loop_note(m) : 0;
}

static int case_hlt(struct machine *m)
{
	uint32_t reason = vcpu_run(m);

	if (reason != KVM_EXIT_HLT)
		return ended_with(m, reason, 0) & 0;
	return ended_with(m, vcpu_run(m), 1);
}

static int trap_expected(struct machine *m, unsigned vector, unsigned error)
{
	uint32_t reason = vcpu_run(m);

	if (!stopped_by_trap(m, reason))
		return ended_with(m, reason, ~0u) & 0;
	if (trap_frame(m)[1] != vector || trap_frame(m)[2] != error || (trap_frame(m)[4] & 3) != 3)
		return ended_with(m, reason, 0) & 0;
	return 1;
}

/* Demand paging by userspace: the fault is reported, the page put in, the guest returns by iretq.
 */
static int case_fault(struct machine *m)
{
	if (!trap_expected(m, 14, 4))
		return 0;
	if (trap_get(m)->cr2 != HOLE) {
		snprintf(m->note, sizeof(m->note), "cr2 %#llx",
			(unsigned long long)trap_get(m)->cr2);
		return 0;
	}
	guest_words(m, PT)[HOLE >> 12] = HOLE | 7;
	guest_words(m, HOLE)[0] = 0x4321;
	return ended_with(m, vcpu_run(m), 0x4321);
}

/* What ring 3 must not do: the trap, then skip the instruction. */
static int trap_skip(struct machine *m, unsigned vector, unsigned error, unsigned length)
{
	if (!trap_expected(m, vector, error))
		return 0;
	trap_frame(m)[3] += length;
	return ended_with(m, vcpu_run(m), 1);
}

static int case_protected(struct machine *m)
{
	return trap_skip(m, 14, 7, 6);
}

static int case_ud2(struct machine *m)
{
	return trap_skip(m, 6, 0, 2);
}

static int case_user_hlt(struct machine *m)
{
	return trap_skip(m, 13, 0, 1);
}

static int case_int3(struct machine *m)
{
	return trap_skip(m, 3, 0, 0);
}

static int case_int(struct machine *m)
{
	return trap_skip(m, 0x50, 0, 0);
}

static int case_step(struct machine *m)
{
	if (!trap_expected(m, 1, 0))
		return 0;
	trap_frame(m)[5] &= ~0x100ull;
	return ended_with(m, vcpu_run(m), 1);
}

static int case_xsave(struct machine *m)
{
	if (!cpuid_offers(m->kvm, 1, 'c', 26))
		return -1;
	return case_plain(m);
}

static int case_fsgsbase(struct machine *m)
{
	if (!cpuid_offers(m->kvm, 7, 'b', 0))
		return -1;
	return case_plain(m);
}

/* Without EFER.SCE a system call is an invalid opcode: another door where LSTAR is none. */
static int case_syscall_ud(struct machine *m)
{
	struct kvm_sregs sregs;

	ioctl(m->vcpu, KVM_GET_SREGS, &sregs);
	sregs.efer &= ~1ull;
	machine_need(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	return trap_skip(m, 6, 0, 2);
}

/* XCR0 by ioctl, so that ring 3 may use AVX without any privileged instruction in the guest. */
static int case_avx(struct machine *m)
{
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = 7}};

	ioctl(m->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr4 |= 0x40000;
	if (ioctl(m->vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(m->vcpu, KVM_SET_XCRS, &xcrs) < 0)
		snprintf(m->note, sizeof(m->note), "CR4.OSXSAVE or XCR0 refused (%s)",
			strerror(errno));
	return case_plain(m);
}

static int case_mmio(struct machine *m)
{
	uint32_t reason = vcpu_run(m);

	if (reason != KVM_EXIT_MMIO || !m->run->mmio.is_write || m->run->mmio.phys_addr != MMIO)
		return ended_with(m, reason, 0) & 0;
	reason = vcpu_run(m);
	if (reason != KVM_EXIT_MMIO || m->run->mmio.is_write)
		return ended_with(m, reason, 0) & 0;
	uint32_t value = 0x77;
	memcpy(m->run->mmio.data, &value, sizeof(value));
	return ended_with(m, vcpu_run(m), 0x77);
}

/* A slot over memory that even userspace cannot write: reads hit it, a write is an MMIO exit. */
static int case_read_only(struct machine *m)
{
	uint32_t reason;
	uint32_t *page =
		mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {.slot = 1,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = READ_ONLY,
		.memory_size = 0x10000,
		.userspace_addr = (uintptr_t)page};

	*page = 0x99;
	mprotect(page, 0x10000, PROT_READ);
	if (ioctl(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0)
		return -1;
	machine_need(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region), "read-only slot");
	reason = vcpu_run(m);
	if (reason != KVM_EXIT_MMIO || m->run->mmio.phys_addr != READ_ONLY + 8)
		return ended_with(m, reason, 0) & 0;
	return ended_with(m, vcpu_run(m), 0x99);
}

static int case_dirty_log(struct machine *m)
{
	uint64_t bitmap[MEMORY / 0x1000 / 64] = {0};
	struct kvm_dirty_log log = {.dirty_bitmap = bitmap};
	struct kvm_userspace_memory_region region = {.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.memory_size = MEMORY,
		.userspace_addr = (uintptr_t)m->memory};

	machine_need(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region), "dirty log slot");
	machine_need(ioctl(m->vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	if (!ended_with(m, vcpu_run(m), 1))
		return 0;
	machine_need(ioctl(m->vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	snprintf(m->note, sizeof(m->note), "first word %#llx", (unsigned long long)bitmap[0]);
	return bitmap[0] >> (SCRATCH >> 12) & 1;
}

static int case_immediate_exit(struct machine *m)
{
	m->run->immediate_exit = 1;
	if (vcpu_run(m) != KVM_EXIT_INTR)
		return 0;
	m->run->immediate_exit = 0;
	return ended_with(m, vcpu_run(m), 1);
}

static int case_sync_regs(struct machine *m)
{
	int offered = ioctl(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
	uint32_t reason;

	if (offered <= 0 || !((unsigned long)offered & KVM_SYNC_X86_REGS))
		return -1;
	m->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	reason = vcpu_run(m);
	if (!stopped_by_trap(m, reason))
		return ended_with(m, reason, 0) & 0;
	/* Write through the run page: continue at the end of the program, as if nothing had
	 * happened. */
	m->run->s.regs.regs.rip = kernel_at(kernel_enter_user);
	m->run->s.regs.regs.rsp = KERNEL_STACK;
	m->run->s.regs.regs.r14 = 2;
	m->run->s.regs.regs.rdi = trap_frame(m)[3] + 2;
	m->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	return ended_with(m, vcpu_run(m), 1);
}

static void tick(int signal)
{
	(void)signal;
}

/* A signal takes a vCPU out of a loop in ring 3; is the state right, in ring 3? */
static int case_kick(struct machine *m)
{
	struct sigaction action = {.sa_handler = tick};
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec when = {.it_value.tv_nsec = 50000000};
	struct kvm_sregs sregs;
	uint32_t reason;

	sigaction(SIGUSR1, &action, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &when, NULL);
	reason = vcpu_run(m);
	if (reason != KVM_EXIT_INTR)
		return ended_with(m, reason, 0) & 0;
	ioctl(m->vcpu, KVM_GET_SREGS, &sregs);
	snprintf(m->note, sizeof(m->note), "after %.1f ms, ring %u", m->seconds * 1e3,
		sregs.cs.selector & 3u);
	return (sregs.cs.selector & 3) == 3;
}

/* The same, then an interrupt put in by KVM_INTERRUPT: preemption without an interrupt controller.
 */
static int case_interrupt(struct machine *m)
{
	struct kvm_interrupt interrupt = {.irq = VECTOR_IRQ};
	uint32_t reason;

	if (!case_kick(m))
		return 0;
	if (!m->run->ready_for_interrupt_injection) {
		m->run->request_interrupt_window = 1;
		reason = vcpu_run(m);
		if (reason != KVM_EXIT_IRQ_WINDOW_OPEN)
			return ended_with(m, reason, 0) & 0;
		m->run->request_interrupt_window = 0;
	}
	machine_need(ioctl(m->vcpu, KVM_INTERRUPT, &interrupt), "KVM_INTERRUPT");
	if (!trap_expected(m, VECTOR_IRQ, 0))
		return 0;
	snprintf(m->note, sizeof(m->note), "taken in ring 3");
	return 1;
}

#define ENTRY(name) extern const char name[]
ENTRY(kernel_out);
ENTRY(kernel_hlt);
ENTRY(kernel_msr);
ENTRY(kernel_swapgs);
ENTRY(kernel_cr3);
ENTRY(kernel_invlpg);
ENTRY(kernel_fxsave);
ENTRY(kernel_xsave);
ENTRY(kernel_fsgsbase);
ENTRY(kernel_cmpxchg16b);
ENTRY(kernel_rep_stos);
ENTRY(kernel_mmio);
ENTRY(kernel_read_only);
ENTRY(user_one);
ENTRY(user_syscall);
ENTRY(user_local);
ENTRY(user_report);
ENTRY(user_gate);
ENTRY(user_fault);
ENTRY(user_protected);
ENTRY(user_ud2);
ENTRY(user_int3);
ENTRY(user_int);
ENTRY(user_hlt);
ENTRY(user_step);
ENTRY(user_avx);
ENTRY(user_rdtsc);
ENTRY(user_spin);

const struct probe probes[] = {
	{"ring0-out", kernel_out, case_loop, 0},
	{"ring0-hlt", kernel_hlt, case_hlt, 0},
	{"ring0-msr", kernel_msr, case_plain, 0},
	{"ring0-swapgs", kernel_swapgs, case_plain, 0},
	{"ring0-mov-cr3", kernel_cr3, case_plain, 0},
	{"ring0-invlpg", kernel_invlpg, case_plain, 0},
	{"ring0-fxsave", kernel_fxsave, case_plain, 0},
	{"ring0-xsave", kernel_xsave, case_xsave, 0},
	{"ring0-fsgsbase", kernel_fsgsbase, case_fsgsbase, 0},
	{"ring0-cmpxchg16b", kernel_cmpxchg16b, case_plain, 0},
	{"ring0-rep-stos", kernel_rep_stos, case_plain, 0},
	{"ring0-mmio", kernel_mmio, case_mmio, 0},
	{"read-only-slot", kernel_read_only, case_read_only, 0},
	{"dirty-log", kernel_rep_stos, case_dirty_log, 0},
	{"immediate-exit", user_one, case_immediate_exit, 0},
	{"ring3-iretq-trap", user_one, case_plain, 0},
	{"syscall-ring0", user_syscall, case_plain, 0},
	{"syscall-ud-without-sce", user_syscall, case_syscall_ud, 0},
	{"syscall-iretq-local", user_local, case_loop, 0},
	{"syscall-iretq-userspace", user_report, case_loop, 0},
	{"syscall-sysretq-local", user_local, case_loop, 1},
	{"syscall-sysretq-userspace", user_report, case_loop, 1},
	{"gate-iretq-local", user_gate, case_gate, 2},
	{"gate-iretq-userspace", user_gate, case_gate, 0},
	{"ring3-page-fault", user_fault, case_fault, 0},
	{"ring3-supervisor-page", user_protected, case_protected, 0},
	{"ring3-ud2", user_ud2, case_ud2, 0},
	{"ring3-int3", user_int3, case_int3, 0},
	{"ring3-int-n", user_int, case_int, 0},
	{"ring3-hlt", user_hlt, case_user_hlt, 0},
	{"ring3-single-step", user_step, case_step, 0},
	{"ring3-avx", user_avx, case_avx, 0},
	{"ring3-rdtsc", user_rdtsc, case_plain, 0},
	{"sync-regs", user_ud2, case_sync_regs, 0},
	{"kick-by-signal", user_spin, case_kick, 0},
	{"interrupt-injection", user_spin, case_interrupt, 0},
};
const size_t nprobes = sizeof(probes) / sizeof(probes[0]);
