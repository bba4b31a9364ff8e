/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * A virtual machine: made and ended. Its memory is memory.c's.
 */
#include "vcpu.h"

int vmx_vm_create(const struct vmx_host_ops *host, void *host_vm, struct vmx_vm **out)
{
	struct vmx_vm *vm = host->alloc(sizeof(*vm));
	int result;

	if (!vm)
		return -ENOMEM;
	vm->host = host;
	vm->host_vm = host_vm;
	vm->mmu = vmx_caps.ept ? &vmx_mmu_ept : &vmx_mmu_shadow;
	vm->msr_bitmap = host->page_alloc();
	result = vm->msr_bitmap ? vm->mmu->vm_init(vm) : -ENOMEM;
	if (result) {
		vmx_vm_destroy(vm);
		return result;
	}
	vmx_msr_bitmap_init(vm->msr_bitmap);
	*out = vm;
	return 0;
}

void vmx_vm_destroy(struct vmx_vm *vm)
{
	const struct vmx_host_ops *host = vm->host;

	vm->mmu->vm_destroy(vm);
	for (uint32_t i = 0; i < VMX_SLOTS; i++)
		if (vm->slots[i].dirty)
			host->free(vm->slots[i].dirty);
	if (vm->msr_bitmap)
		host->page_free(vm->msr_bitmap);
	host->free(vm);
}

struct shadow_vcpu *shadow_of(struct vmx_vcpu *v)
{
	return &v->shadow;
}

struct vmx_vm *shadow_vm_of(struct vmx_vcpu *v)
{
	return v->vm;
}
