/* SPDX-License-Identifier: Apache-2.0
 *
 * A VM and its vCPUs once more, in a process that was forked from the one that has them: KVM's
 * objects belong to the memory of the process that made them.
 */
#include <errno.h>
#include <string.h>

#include "vmm/kvm/kvm_internal.h"

/* Registers that the general and the system ones do not bring: SDM vol. 4, table 2-2. */
static const uint32_t msrs_saved[] = {
	0xc0000081, /* STAR */
	0xc0000082, /* LSTAR */
	0xc0000084, /* FMASK */
	0xc0000102, /* KERNEL_GS_BASE */
};
#define MSRS (sizeof(msrs_saved) / sizeof(msrs_saved[0]))

struct saved {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	/* a struct kvm_msrs with its entries */
	_Alignas(struct kvm_msrs) char msrs[sizeof(struct kvm_msrs) +
					    MSRS * sizeof(struct kvm_msr_entry)];
	struct kvm_vcpu_events events;
	int irq;
	uint8_t xsave[]; /* vm->xsave_size */
};

size_t kvm_vcpu_saved_size(const struct vcpu *v)
{
	return sizeof(struct saved) + v->vm->xsave_size;
}

static int get_msrs(const struct vcpu *v, struct saved *to)
{
	struct kvm_msrs *m = (struct kvm_msrs *)(void *)to->msrs;
	int result;

	memset(to->msrs, 0, sizeof(to->msrs));
	m->nmsrs = MSRS;
	for (size_t i = 0; i < MSRS; i++)
		m->entries[i].index = msrs_saved[i];
	result = kvm_ioctl(v->fd, KVM_GET_MSRS, m);
	return result < 0 ? result : result == MSRS ? 0 : -EINVAL;
}

int kvm_vcpu_save(struct vcpu *v, void *buf)
{
	struct saved *to = buf;
	int result = kvm_vcpu_finish(v);

	if (result < 0)
		return result;
	to->irq = v->irq;
	result = kvm_ioctl(v->fd, KVM_GET_REGS, &to->regs);
	if (result >= 0)
		result = kvm_ioctl(v->fd, KVM_GET_SREGS, &to->sregs);
	if (result >= 0)
		result = get_msrs(v, to);
	if (result >= 0)
		result = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &to->events);
	return result < 0 ? result : kvm_vcpu_get_fpu(v, to->xsave, v->vm->xsave_size);
}

/* After XCR0, which says what the FPU state may have. The events last: they are injected into what
 * the others say. */
static int load(struct vcpu *v, const struct saved *from)
{
	struct saved copy =
		*from; /* requests take what they only read by pointers that are not const */
	int result = kvm_ioctl(v->fd, KVM_SET_SREGS, &copy.sregs);

	if (result >= 0)
		result = kvm_ioctl(v->fd, KVM_SET_REGS, &copy.regs);
	if (result >= 0)
		result = kvm_ioctl(v->fd, KVM_SET_MSRS, copy.msrs);
	if (result >= 0 && result != MSRS)
		result = -EINVAL;
	if (result >= 0)
		result = kvm_vcpu_set_fpu(v, from->xsave, v->vm->xsave_size);
	if (result >= 0)
		result = kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &copy.events);
	v->irq = from->irq;
	return result < 0 ? result : 0;
}

int kvm_vcpu_again(struct vcpu *v, const void *saved)
{
	int result;

	kvm_vcpu_close(v);
	v->regs_dirty = v->sregs_dirty = false;
	v->sregs_hot = 0;
	v->good_cr0 = v->good_cr4 = v->good_efer = 0;
	v->io_in = v->unfinished = false;
	v->stats = (struct vm_stats){0};
	v->kick.owner_tid = 0; /* the signal is let in again, for this thread */
	result = kvm_vcpu_open(v);
	if (!result)
		result = kvm_vcpu_begin(v);
	if (result || !saved)
		return result;
	result = load(v, saved);
	return result ? result : kvm_vcpu_first_registers(v);
}

#define KERNEL_GS_BASE (MSRS - 1) /* in msrs_saved */
_Static_assert(sizeof(struct vm_gprs) == sizeof(struct kvm_regs) &&
		       offsetof(struct vm_gprs, rsp) == offsetof(struct kvm_regs, rsp) &&
		       offsetof(struct vm_gprs, r15) == offsetof(struct kvm_regs, r15) &&
		       offsetof(struct vm_gprs, rflags) == offsetof(struct kvm_regs, rflags),
	"registers are copied as they are");

void kvm_saved_read(const void *saved, struct vm_saved *out)
{
	const struct saved *from = saved;
	const struct kvm_msrs *m = (const struct kvm_msrs *)(const void *)from->msrs;

	memcpy(&out->gprs, &from->regs, sizeof(out->gprs));
	kvm_sregs_read(&from->sregs, &out->sregs);
	out->kernel_gs_base = m->entries[KERNEL_GS_BASE].data;
	out->fpu = from->xsave;
}
