/* SPDX-License-Identifier: Apache-2.0
 *
 * A VM and its vCPUs once more, in a process that was forked from the one that has them: the module
 * makes VMs only for the process that asks.
 */
#include <errno.h>
#include <string.h>

#include "vmm/vmx/user/user.h"

struct saved {
	struct sbv_vcpu_state state;
	uint16_t irq;	 /* as in the run page */
	uint8_t xsave[]; /* caps.xsave_size */
};

/* The first VM's own descriptor is the door to the next: SBV_NEW. */
int vmx_again_keep(struct vm *vm)
{
	(void)vm;
	return 0;
}

int vmx_again(struct vm *vm)
{
	int fd = vmx_system_ioctl(vm->fd, SBV_NEW, NULL);

	vmx_system_close(vm->fd);
	vm->fd = fd < 0 ? -1 : fd;
	return fd < 0 ? fd : 0;
}

size_t vmx_vcpu_saved_size(const struct vcpu *v)
{
	return sizeof(struct saved) + v->vm->caps.xsave_size;
}

/* The caller's changes count, as they would in the next run. */
int vmx_vcpu_save(struct vcpu *v, void *buf)
{
	struct saved *to = buf;
	int result = vmx_system_ioctl(v->fd, SBV_GET_STATE, &to->state);

	if (result < 0)
		return result;
	if (v->run->regs_dirty)
		to->state.regs = v->run->regs;
	to->irq = v->run->irq;
	return vmx_vcpu_get_fpu(v, to->xsave, v->vm->caps.xsave_size);
}

static int load(struct vcpu *v, const struct saved *from)
{
	struct sbv_vcpu_state state = from->state; /* the call takes what it only reads as it is */
	int result = vmx_system_ioctl(v->fd, SBV_SET_STATE, &state);

	if (!result)
		result = vmx_vcpu_set_fpu(v, from->xsave, v->vm->caps.xsave_size);
	v->run->irq = from->irq;
	return result;
}

int vmx_vcpu_again(struct vcpu *v, const void *saved)
{
	int result;

	vmx_vcpu_close(v);
	v->io_in = false;
	v->stats = (struct vm_stats){0};
	v->kick.owner_tid = 0; /* the signal is let in again, for this thread */
	result = vmx_vcpu_open(v);
	return result || !saved ? result : load(v, saved);
}

static void sregs_read(const struct sbv_vcpu_state *from, struct vm_sregs *s)
{
	const struct sbv_segment *segment = from->segment;

	*s = (struct vm_sregs){
		.cr0 = from->cr0,
		.cr2 = from->cr2,
		.cr3 = from->cr3,
		.cr4 = from->cr4,
		.efer = from->efer,
		.gdt_base = from->gdt_base,
		.idt_base = from->idt_base,
		.tss_base = segment[SBV_TR].base,
		.fs_base = segment[SBV_FS].base,
		.gs_base = segment[SBV_GS].base,
		.gdt_limit = from->gdt_limit,
		.idt_limit = from->idt_limit,
		.tss_limit = (uint16_t)segment[SBV_TR].limit,
		.cs = segment[SBV_CS].selector,
		.ss = segment[SBV_SS].selector,
		.tr = segment[SBV_TR].selector,
	};
}

void vmx_saved_read(const void *saved, struct vm_saved *out)
{
	const struct saved *from = saved;

	memcpy(&out->gprs, &from->state.regs, sizeof(out->gprs));
	sregs_read(&from->state, &out->sregs);
	out->kernel_gs_base = from->state.kernel_gs_base;
	out->fpu = from->xsave;
}
