/* SPDX-License-Identifier: Apache-2.0
 *
 * SBV_RUN: into the guest and out, interrupts, kicks.
 */
#include <errno.h>
#include <string.h>

#include "vmm/vmx/user/user.h"

int vmx_vcpu_interrupt(struct vcpu *v, uint8_t vector)
{
	if (v->run->irq != SBV_IRQ_NONE)
		return -EBUSY;
	v->run->irq = vector;
	return 0;
}

void vmx_vcpu_kick(struct vcpu *v)
{
	vm_kick(&v->kick);
}

static void exit_io(struct vcpu *v, struct vm_exit *out)
{
	const struct sbv_run *run = v->run;

	v->io_in = run->reason == SBV_EXIT_IO_IN;
	out->reason = v->io_in ? VM_EXIT_IO_IN : VM_EXIT_IO_OUT;
	out->io.port = run->port;
	out->io.size = (uint8_t)run->size;
	out->io.value = run->value;
}

static void exit_decode(struct vcpu *v, struct vm_exit *out)
{
	const struct sbv_run *run = v->run;

	switch (run->reason) {
	case SBV_EXIT_IO_OUT:
	case SBV_EXIT_IO_IN:
		exit_io(v, out);
		break;
	case SBV_EXIT_MMIO:
		out->reason = VM_EXIT_MMIO;
		out->gpa = run->gpa;
		break;
	case SBV_EXIT_HLT:
		out->reason = VM_EXIT_HLT;
		break;
	case SBV_EXIT_INTR:
		vm_kick_clear(&v->kick);
		out->reason = VM_EXIT_INTR;
		break;
	case SBV_EXIT_SHUTDOWN:
		out->reason = VM_EXIT_SHUTDOWN;
		break;
	case SBV_EXIT_MEMORY:
		out->reason = VM_EXIT_MEMORY;
		out->gpa = run->gpa;
		break;
	case SBV_EXIT_FAIL:
		out->reason = VM_EXIT_FAIL;
		out->fail.code = VMX_FAIL_CODE(run->code, run->detail);
		break;
	default:
		out->reason = VM_EXIT_FAIL;
		out->fail.code = VMX_FAIL_CODE(0, run->reason);
	}
}

int vmx_vcpu_run(struct vcpu *v, struct vm_exit *out)
{
	bool waiting = v->run->irq != SBV_IRQ_NONE;
	int result = vm_kick_bind(&v->kick);

	if (result < 0)
		return result;
	if (v->io_in)
		v->run->in_value = out->io.value;
	v->io_in = false;
	vm_kick_begin(&v->kick);
	do /* EAGAIN: the kernel only wanted the thread out for a moment */
		result = vmx_system_ioctl(v->fd, SBV_RUN, NULL);
	while (result == -EAGAIN);
	vm_kick_end(&v->kick);
	if (result < 0)
		return result;
	exit_decode(v, out);
	vm_count_exit(&v->stats, v->shown, out->reason);
	v->stats.interrupts += waiting && v->run->irq == SBV_IRQ_NONE;
	return 0;
}

void vmx_vcpu_stats(struct vcpu *v, struct vm_stats *out)
{
	*out = v->stats;
}

void vmx_vcpu_show(struct vcpu *v, _Atomic uint64_t *exits)
{
	v->shown = exits;
}
