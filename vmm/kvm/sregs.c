/* SPDX-License-Identifier: Apache-2.0
 *
 * System registers: vm.h's selectors and bases to KVM's cached descriptors and back.
 *
 * With KVM_CAP_SYNC_REGS a change that KVM cannot refuse waits for the next KVM_RUN, which takes it
 * along; everything else goes by ioctl at once, so that the caller gets the error.
 */
#include <errno.h>
#include <string.h>

#include "vmm/kvm/kvm_internal.h"

#define CR4_OSXSAVE (1ull << 18)

/* Descriptor types: SDM vol. 3, 3.4.5.1 and 3.5. Accessed and busy, as VM entry wants them. */
#define TYPE_DATA_RW  3
#define TYPE_CODE_RX  11
#define TYPE_TSS_BUSY 11

static struct kvm_segment segment_flat(uint16_t selector, uint8_t dpl, uint64_t base)
{
	return (struct kvm_segment){
		.base = base,
		.limit = UINT32_MAX,
		.selector = selector,
		.type = TYPE_DATA_RW,
		.present = 1,
		.dpl = dpl,
		.db = 1,
		.s = 1,
		.g = 1,
	};
}

static void sregs_to_kvm(const struct vm_sregs *s, uint64_t cr4, struct kvm_sregs *k)
{
	uint8_t cpl = s->cs & 3;

	k->cr0 = s->cr0;
	k->cr2 = s->cr2;
	k->cr3 = s->cr3;
	k->cr4 = cr4;
	k->efer = s->efer;
	k->gdt.base = s->gdt_base;
	k->gdt.limit = s->gdt_limit;
	k->idt.base = s->idt_base;
	k->idt.limit = s->idt_limit;
	k->cs = segment_flat(s->cs, cpl, 0);
	k->cs.type = TYPE_CODE_RX;
	k->cs.db = 0;
	k->cs.l = 1;
	k->ss = segment_flat(s->ss, cpl, 0);
	/* DPL 3: iretq to ring 3 would take away what is more privileged than the program. */
	k->ds = k->es = segment_flat(0, 3, 0);
	k->fs = segment_flat(0, 3, s->fs_base);
	k->gs = segment_flat(0, 3, s->gs_base);
	k->tr = (struct kvm_segment){
		.base = s->tss_base,
		.limit = s->tss_limit,
		.selector = s->tr,
		.type = TYPE_TSS_BUSY,
		.present = 1,
	};
	k->ldt = (struct kvm_segment){.unusable = 1};
	/* A set bit would queue an interrupt a second time; KVM keeps what it has queued. */
	memset(k->interrupt_bitmap, 0, sizeof(k->interrupt_bitmap));
}

int kvm_sregs_flush(struct vcpu *v)
{
	int result;

	if (!v->sregs_dirty)
		return 0;
	result = kvm_ioctl(v->fd, KVM_SET_SREGS, v->sregs);
	if (result == 0)
		v->sregs_dirty = false;
	return result;
}

/* Could KVM refuse it? (arch/x86/kvm/x86.c, kvm_is_valid_sregs) */
static bool sregs_safe(const struct vcpu *v, const struct vm_sregs *s, uint64_t cr4)
{
	return v->good_cr0 && s->cr0 == v->good_cr0 && cr4 == v->good_cr4 &&
	       s->efer == v->good_efer && s->cr3 >> v->vm->phys_bits == 0;
}

int kvm_vcpu_set_sregs(struct vcpu *v, const struct vm_sregs *s)
{
	uint64_t cr4 = v->vm->osxsave ? s->cr4 | CR4_OSXSAVE : s->cr4;
	struct kvm_sregs next = *v->sregs; /* apic_base and cr8 as KVM last told them */
	bool later = v->vm->sync_regs && sregs_safe(v, s, cr4);

	sregs_to_kvm(s, cr4, &next);
	if (!later) {
		int result = kvm_ioctl(v->fd, KVM_SET_SREGS, &next);

		if (result < 0)
			return result;
		v->good_cr0 = s->cr0;
		v->good_cr4 = cr4;
		v->good_efer = s->efer;
	}
	*v->sregs = next;
	v->sregs_valid = true;
	v->sregs_dirty = later;
	return 0;
}

int kvm_vcpu_get_sregs(struct vcpu *v, struct vm_sregs *s)
{
	int result;

	/* Who asks once after an exit asks after the next ones as well. */
	v->sregs_hot = 8;
	if (!v->sregs_valid) {
		result = kvm_ioctl(v->fd, KVM_GET_SREGS, v->sregs);
		if (result < 0)
			return result;
		v->sregs_valid = true;
	}
	kvm_sregs_read(v->sregs, s);
	return 0;
}

void kvm_sregs_read(const struct kvm_sregs *k, struct vm_sregs *s)
{
	*s = (struct vm_sregs){
		.cr0 = k->cr0,
		.cr2 = k->cr2,
		.cr3 = k->cr3,
		.cr4 = k->cr4,
		.efer = k->efer,
		.gdt_base = k->gdt.base,
		.idt_base = k->idt.base,
		.tss_base = k->tr.base,
		.fs_base = k->fs.base,
		.gs_base = k->gs.base,
		.gdt_limit = k->gdt.limit,
		.idt_limit = k->idt.limit,
		.tss_limit = (uint16_t)k->tr.limit,
		.cs = k->cs.selector,
		.ss = k->ss.selector,
		.tr = k->tr.selector,
	};
}
