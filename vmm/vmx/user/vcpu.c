/* SPDX-License-Identifier: Apache-2.0
 *
 * A vCPU's making and its state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/vmx/user/user.h"

/* vm.h's registers are the run page's: no copy at an exit. */
#define SAME_PLACE(field)                                                                          \
	_Static_assert(offsetof(struct vm_gprs, field) == offsetof(struct sbv_regs, field), #field)
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
_Static_assert(sizeof(struct vm_gprs) == sizeof(struct sbv_regs), "sbv_regs");

#define FXSAVE_SIZE 512u
#define CR4_OSXSAVE (1ull << 18)

void vmx_vcpu_close(struct vcpu *v)
{
	if (v->run)
		vmx_system_unmap(v->run);
	if (v->fd >= 0)
		vmx_system_close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

void vmx_vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	vmx_vcpu_close(v);
	free(v->xsave);
	free(v);
}

int vmx_vcpu_open(struct vcpu *v)
{
	v->fd = vmx_system_ioctl(v->vm->fd, SBV_VCPU_CREATE, (void *)(uintptr_t)v->index);
	if (v->fd < 0)
		return v->fd;
	v->run = vmx_system_map(v->fd);
	if (!v->run)
		return -ENOMEM;
	v->kick.immediate_exit = &v->run->immediate_exit;
	return 0;
}

int vmx_vcpu_create(struct vm *vm, uint32_t index, struct vcpu **out)
{
	struct vcpu *v = calloc(1, sizeof(*v));
	int result;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->index = index;
	result = vmx_vcpu_open(v);
	if (!result) {
		v->xsave = calloc(1, vm->caps.xsave_size);
		result = v->xsave ? vm_kick_install() : -ENOMEM;
	}
	if (result < 0) {
		vmx_vcpu_destroy(v);
		return result;
	}
	*out = v;
	return 0;
}

int vmx_vcpu_set_sregs(struct vcpu *v, const struct vm_sregs *s)
{
	struct sbv_sregs sregs = {
		.cr0 = s->cr0,
		.cr2 = s->cr2,
		.cr3 = s->cr3,
		/* Where there is XSAVE programs may use it; with kvm, too. */
		.cr4 = s->cr4 | (v->vm->caps.xcr0 ? CR4_OSXSAVE : 0),
		.efer = s->efer,
		.gdt_base = s->gdt_base,
		.idt_base = s->idt_base,
		.tss_base = s->tss_base,
		.fs_base = s->fs_base,
		.gs_base = s->gs_base,
		.gdt_limit = s->gdt_limit,
		.idt_limit = s->idt_limit,
		.tss_limit = s->tss_limit,
		.cs = s->cs,
		.ss = s->ss,
		.tr = s->tr,
	};

	return vmx_system_ioctl(v->fd, SBV_SET_SREGS, &sregs);
}

int vmx_vcpu_get_sregs(struct vcpu *v, struct vm_sregs *s)
{
	struct sbv_sregs sregs;
	int result = vmx_system_ioctl(v->fd, SBV_GET_SREGS, &sregs);

	if (result < 0)
		return result;
	*s = (struct vm_sregs){
		.cr0 = sregs.cr0,
		.cr2 = sregs.cr2,
		.cr3 = sregs.cr3,
		.cr4 = sregs.cr4,
		.efer = sregs.efer,
		.gdt_base = sregs.gdt_base,
		.idt_base = sregs.idt_base,
		.tss_base = sregs.tss_base,
		.fs_base = sregs.fs_base,
		.gs_base = sregs.gs_base,
		.gdt_limit = sregs.gdt_limit,
		.idt_limit = sregs.idt_limit,
		.tss_limit = sregs.tss_limit,
		.cs = sregs.cs,
		.ss = sregs.ss,
		.tr = sregs.tr,
	};
	return 0;
}

int vmx_vcpu_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	struct sbv_msr m = {.index = msr, .value = value};

	return vmx_system_ioctl(v->fd, SBV_SET_MSR, &m);
}

/* The module takes and gives whole images only. */
static int fpu_call(struct vcpu *v, unsigned long request)
{
	struct sbv_fpu fpu = {.address = (uintptr_t)v->xsave, .size = v->vm->caps.xsave_size};

	return vmx_system_ioctl(v->fd, request, &fpu);
}

int vmx_vcpu_get_fpu(struct vcpu *v, void *buf, size_t size)
{
	int result = fpu_call(v, SBV_GET_FPU);

	if (result == 0)
		memcpy(buf, v->xsave,
			size < v->vm->caps.xsave_size ? size : v->vm->caps.xsave_size);
	return result;
}

int vmx_vcpu_set_fpu(struct vcpu *v, const void *buf, size_t size)
{
	if (size > v->vm->caps.xsave_size)
		return -EINVAL;
	memcpy(v->xsave, buf, size);
	memset((char *)v->xsave + size, 0, v->vm->caps.xsave_size - size);
	/* FXSAVE only: the header says what is in it, x87 and SSE. */
	if (size == FXSAVE_SIZE && v->vm->caps.xsave_size > FXSAVE_SIZE)
		((uint64_t *)v->xsave)[FXSAVE_SIZE / 8] = 3;
	return fpu_call(v, SBV_SET_FPU);
}

struct vm_gprs *vmx_vcpu_gprs(struct vcpu *v)
{
	return (struct vm_gprs *)(void *)&v->run->regs;
}

void vmx_vcpu_gprs_dirty(struct vcpu *v)
{
	v->run->regs_dirty = 1;
}
