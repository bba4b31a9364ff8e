/* SPDX-License-Identifier: Apache-2.0
 *
 * KVM_RUN: into the guest and out, interrupts, kicks.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "vmm/kvm/kvm_internal.h"

/* vm.h's registers are KVM's: no copy at an exit. */
#define SAME_PLACE(field)                                                                          \
	_Static_assert(offsetof(struct vm_gprs, field) == offsetof(struct kvm_regs, field), #field)
SAME_PLACE(rax);
SAME_PLACE(rbx);
SAME_PLACE(rcx);
SAME_PLACE(rdx);
SAME_PLACE(rsi);
SAME_PLACE(rdi);
SAME_PLACE(rsp);
SAME_PLACE(rbp);
SAME_PLACE(r8);
SAME_PLACE(r9);
SAME_PLACE(r10);
SAME_PLACE(r11);
SAME_PLACE(r12);
SAME_PLACE(r13);
SAME_PLACE(r14);
SAME_PLACE(r15);
SAME_PLACE(rip);
SAME_PLACE(rflags);
_Static_assert(sizeof(struct vm_gprs) == sizeof(struct kvm_regs), "kvm_regs");

#define RFLAGS_IF 0x200ull

/* --- registers --- */

struct vm_gprs *kvm_vcpu_gprs(struct vcpu *v)
{
	if (!v->regs_valid)
		v->regs_valid = kvm_ioctl(v->fd, KVM_GET_REGS, v->regs) == 0;
	return (struct vm_gprs *)(void *)v->regs;
}

void kvm_vcpu_gprs_dirty(struct vcpu *v)
{
	v->regs_dirty = true;
}

static int registers_in(struct vcpu *v)
{
	int result;

	if (v->vm->sync_regs) {
		/* The sregs cost time at each exit, the general registers as good as none. */
		v->run->kvm_valid_regs =
			KVM_SYNC_X86_REGS | (v->sregs_hot ? KVM_SYNC_X86_SREGS : 0);
		v->run->kvm_dirty_regs = (v->regs_dirty ? KVM_SYNC_X86_REGS : 0) |
					 (v->sregs_dirty ? KVM_SYNC_X86_SREGS : 0);
		return 0;
	}
	if (v->regs_dirty) {
		result = kvm_ioctl(v->fd, KVM_SET_REGS, v->regs);
		if (result < 0)
			return result;
	}
	return kvm_sregs_flush(v);
}

static void registers_out(struct vcpu *v)
{
	v->regs_dirty = v->sregs_dirty = false;
	v->regs_valid = v->vm->sync_regs;
	v->sregs_valid = v->vm->sync_regs && v->sregs_hot;
	if (v->sregs_hot)
		v->sregs_hot--;
}

/* --- interrupts --- */

int kvm_vcpu_interrupt(struct vcpu *v, uint8_t vector)
{
	if (v->irq >= 0)
		return -EBUSY;
	v->irq = vector;
	return 0;
}

/*
 * KVM's word on readiness is of the last exit; since then the caller may have cleared IF. If it set
 * IF, the window opens at once.
 */
static bool interrupt_ready(const struct vcpu *v)
{
	if (!v->run->ready_for_interrupt_injection)
		return false;
	return !v->regs_dirty || (v->regs->rflags & RFLAGS_IF);
}

static int interrupt_in(struct vcpu *v)
{
	struct kvm_interrupt request;
	int result;

	v->run->request_interrupt_window = 0;
	if (v->irq < 0)
		return 0;
	if (!interrupt_ready(v)) {
		v->run->request_interrupt_window = 1;
		return 0;
	}
	request.irq = (uint32_t)v->irq;
	result = kvm_ioctl(v->fd, KVM_INTERRUPT, &request);
	if (result < 0)
		return result;
	v->irq = -1;
	v->stats.interrupts++;
	return 0;
}

/* --- kicks --- */

void kvm_vcpu_kick(struct vcpu *v)
{
	vm_kick(&v->kick);
}

/* The guest's interrupts are on, and still KVM is not ready for one: the signal kept it from
 * delivering an exception (kvm_vcpu_ready_for_interrupt_injection in arch/x86/kvm/x86.c).
 * KVM_GET_VCPU_EVENTS is no substitute, it keeps silent about int3 and into. */
static bool exception_in_flight(const struct vcpu *v)
{
	return v->run->if_flag && !v->run->ready_for_interrupt_injection;
}

/* --- exits --- */

static uint8_t *io_data(const struct vcpu *v)
{
	return (uint8_t *)v->run + v->run->io.data_offset;
}

static void io_answer(struct vcpu *v, const struct vm_exit *answer)
{
	if (v->io_in)
		memcpy(io_data(v), &answer->io.value, v->run->io.size);
	v->io_in = false;
}

/*
 * KVM ends an IN or an access to nothing on its next entry and may then write over the registers
 * that the caller set meanwhile. So, where it set some: an entry only for that, without the guest
 * running.
 */
static int unfinished_finish(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	bool more = v->unfinished && (v->regs_dirty || v->sregs_dirty);

	v->unfinished = false;
	if (!more)
		return 0;
	run->kvm_valid_regs = run->kvm_dirty_regs = 0;
	/* An access across two pages has two parts, of 16 bytes more; each is an exit. */
	for (int part = 0; more && part < 16; part++) {
		__atomic_store_n(&run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		more = ioctl(v->fd, KVM_RUN, 0) == 0 &&
		       (run->exit_reason == KVM_EXIT_MMIO || run->exit_reason == KVM_EXIT_IO);
	}
	vm_kick_restore(&v->kick);
	return more ? -EIO : 0;
}

/* An OUT's instruction may still be to be stepped over. */
int kvm_vcpu_finish(struct vcpu *v)
{
	int result = registers_in(v);
	bool more;

	if (result < 0)
		return result;
	v->unfinished = false;
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	more = ioctl(v->fd, KVM_RUN, 0) == 0;
	registers_out(v);
	v->regs_valid = v->sregs_valid = false;
	vm_kick_restore(&v->kick);
	return more ? -EIO : errno == EINTR ? 0 : -errno;
}

static void exit_fail(struct vm_exit *out, uint32_t exit_reason, uint64_t detail)
{
	out->reason = VM_EXIT_FAIL;
	out->fail.code = KVM_FAIL_CODE(exit_reason, detail);
}

static void exit_io(struct vcpu *v, struct vm_exit *out)
{
	const struct kvm_run *run = v->run;

	if (run->io.size > sizeof(out->io.value)) {
		exit_fail(out, KVM_EXIT_IO, run->io.size);
		return;
	}
	out->reason = run->io.direction == KVM_EXIT_IO_OUT ? VM_EXIT_IO_OUT : VM_EXIT_IO_IN;
	out->io.port = run->io.port;
	out->io.size = run->io.size;
	out->io.value = 0;
	if (out->reason == VM_EXIT_IO_OUT)
		memcpy(&out->io.value, io_data(v), run->io.size);
	else
		v->io_in = true;
	/* String forms have several at once, and may go on: of `outs` the first is told, the answer
	 * to `ins` is the first's, and the others read as on a bus without a device. */
	if (v->io_in && run->io.count > 1)
		memset(io_data(v), 0xff, (size_t)run->io.size * run->io.count);
	v->unfinished = v->io_in || run->io.count > 1;
}

static void exit_mmio(struct vcpu *v, struct vm_exit *out)
{
	v->unfinished = true;
	out->reason = VM_EXIT_MMIO;
	out->gpa = v->run->mmio.phys_addr;
	/* Should the caller go on: a read of nothing is all ones, as on a bus. */
	if (!v->run->mmio.is_write)
		memset(v->run->mmio.data, 0xff, sizeof(v->run->mmio.data));
}

static void exit_decode(struct vcpu *v, struct vm_exit *out)
{
	const struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IO:
		exit_io(v, out);
		break;
	case KVM_EXIT_MMIO:
		exit_mmio(v, out);
		break;
	case KVM_EXIT_HLT:
		out->reason = VM_EXIT_HLT;
		break;
	case KVM_EXIT_INTR:
		out->reason = VM_EXIT_INTR;
		break;
	case KVM_EXIT_SHUTDOWN:
		out->reason = VM_EXIT_SHUTDOWN;
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		exit_fail(out, run->exit_reason, run->internal.suberror);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		exit_fail(out, run->exit_reason, run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		exit_fail(out, run->exit_reason, 0);
	}
}

/* KVM_RUN ended with an error that leaves the vCPU as it was before the instruction, or -errno. */
static int exit_error(struct vcpu *v, int error, struct vm_exit *out)
{
	switch (error) {
	case EINTR:
		vm_kick_clear(&v->kick); /* before the caller looks at what it was kicked for */
		out->reason = VM_EXIT_INTR;
		return 0;
	case EFAULT:
	case EHWPOISON:
		out->reason = VM_EXIT_MEMORY;
		out->gpa = UINT64_MAX;
		/* exit_reason is of this run only if KVM set it: kvm_vcpu_run cleared it before. */
		if (v->run->exit_reason == KVM_EXIT_MEMORY_FAULT)
			memcpy(&out->gpa, (const char *)&v->run->hw + 8, sizeof(out->gpa));
		return 0;
	default:
		return -error;
	}
}

/* One KVM_RUN; errno or 0. */
static int run_once(struct vcpu *v, bool want_window)
{
	int result = interrupt_in(v);

	if (result == 0)
		result = registers_in(v);
	if (result < 0)
		return -result;
	v->run->request_interrupt_window |= want_window;
	v->run->exit_reason = KVM_EXIT_UNKNOWN;
	result = ioctl(v->fd, KVM_RUN, 0) < 0 ? errno : 0;
	registers_out(v);
	return result;
}

/*
 * As many runs as it takes, behind the caller's back, for an interrupt's window to open, and for an
 * exception in flight to be delivered: a kick waits for that, else the exception would hit what the
 * caller runs next. errno or 0.
 */
static int run_until_exit(struct vcpu *v)
{
	bool kicked = false;

	for (;;) {
		int result = run_once(v, kicked);

		if (result == EINTR && exception_in_flight(v)) {
			vm_kick_clear(&v->kick);
			kicked = true;
		} else if (result != 0 || v->run->exit_reason != KVM_EXIT_IRQ_WINDOW_OPEN) {
			if (kicked && result != EINTR)
				vm_kick_set(&v->kick); /* this exit first, then the kick's */
			return result;
		} else if (kicked) {
			return EINTR;
		}
	}
}

int kvm_vcpu_run(struct vcpu *v, struct vm_exit *out)
{
	int result = vm_kick_bind(&v->kick);

	if (result < 0)
		return result;
	io_answer(v, out);
	result = unfinished_finish(v);
	if (result < 0)
		return result;
	vm_kick_begin(&v->kick);
	result = run_until_exit(v);
	vm_kick_end(&v->kick);
	if (result != 0)
		result = exit_error(v, result, out);
	else
		exit_decode(v, out);
	if (result == 0)
		vm_count_exit(&v->stats, v->shown, out->reason);
	return result;
}
