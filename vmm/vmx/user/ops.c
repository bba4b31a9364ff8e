/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend's table, and the VM: a descriptor of the device.
 */
#include <errno.h>
#include <stdlib.h>

#include "vmm/vmx/user/user.h"

static int vmx_available(char *why, size_t why_size)
{
	struct sbv_caps caps;
	int fd = vmx_device_open(&caps, why, why_size);

	if (fd < 0)
		return fd;
	vmx_system_close(fd);
	return 0;
}

static void vmx_destroy(struct vm *vm)
{
	if (!vm)
		return;
	if (vm->fd >= 0)
		vmx_system_close(vm->fd);
	free(vm);
}

static int vmx_create(struct vm **out)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm)
		return -ENOMEM;
	vm->fd = vmx_device_open(&vm->caps, NULL, 0);
	if (vm->fd < 0) {
		int result = vm->fd;

		free(vm);
		return result;
	}
	*out = vm;
	return 0;
}

static int vmx_map_memory(
	struct vm *vm, uint32_t slot, uint64_t gpa, void *hva, uint64_t size, uint32_t flags)
{
	struct sbv_memory memory = {
		.slot = slot,
		.flags = flags & VM_MEM_READONLY ? SBV_MEM_READONLY : 0,
		.gpa = gpa,
		.hva = (uintptr_t)hva,
		.size = size,
	};

	if (slot >= SBV_SLOTS || (flags & ~VM_MEM_READONLY))
		return -EINVAL;
	return vmx_system_ioctl(vm->fd, SBV_MAP_MEMORY, &memory);
}

static int vmx_forget_translations(struct vm *vm)
{
	return vmx_system_ioctl(vm->fd, SBV_FORGET, NULL);
}

static int vmx_set_doorbell(struct vm *vm, const struct vm_doorbell *d)
{
	struct sbv_doorbell bell = {0};

	if (d)
		bell = (struct sbv_doorbell){
			.port = d->port,
			.enable = 1,
			.wait_ns = d->wait_ns,
			.bells = (uintptr_t)d->bells,
			.served = (uintptr_t)d->served,
			.polling = (uintptr_t)d->polling,
		};
	return vmx_system_ioctl(vm->fd, SBV_SET_DOORBELL, &bell);
}

static size_t vmx_vcpu_ioctls(const unsigned long **out)
{
	static const unsigned long numbers[] = {
		SBV_RUN,
		SBV_SET_SREGS,
		SBV_GET_SREGS,
		SBV_SET_MSR,
		SBV_SET_FPU,
		SBV_GET_FPU,
	};

	*out = numbers;
	return sizeof(numbers) / sizeof(numbers[0]);
}

static size_t vmx_again_ioctls(const unsigned long **out)
{
	static const unsigned long numbers[] = {
		SBV_NEW, SBV_MAP_MEMORY, SBV_VCPU_CREATE, SBV_GET_STATE, SBV_SET_STATE};

	*out = numbers;
	return sizeof(numbers) / sizeof(numbers[0]);
}

static size_t vmx_save_ioctls(const unsigned long **out)
{
	static const unsigned long numbers[] = {SBV_GET_STATE};

	*out = numbers;
	return sizeof(numbers) / sizeof(numbers[0]);
}

const struct vm_ops vm_vmx_ops = {
	.name = "vmx",
	.available = vmx_available,
	.probe = vmx_device_probe,
	.create = vmx_create,
	.destroy = vmx_destroy,
	.map_memory = vmx_map_memory,
	.forget_translations = vmx_forget_translations,
	.forget_ioctl = SBV_FORGET,
	.set_doorbell = vmx_set_doorbell,
	.again_keep = vmx_again_keep,
	.again = vmx_again,
	.vcpu_saved_size = vmx_vcpu_saved_size,
	.vcpu_save = vmx_vcpu_save,
	.vcpu_again = vmx_vcpu_again,
	.again_ioctls = vmx_again_ioctls,
	.save_ioctls = vmx_save_ioctls,
	.saved_read = vmx_saved_read,
	.vcpu_create = vmx_vcpu_create,
	.vcpu_set_sregs = vmx_vcpu_set_sregs,
	.vcpu_get_sregs = vmx_vcpu_get_sregs,
	.vcpu_gprs = vmx_vcpu_gprs,
	.vcpu_gprs_dirty = vmx_vcpu_gprs_dirty,
	.vcpu_set_msr = vmx_vcpu_set_msr,
	.vcpu_get_fpu = vmx_vcpu_get_fpu,
	.vcpu_set_fpu = vmx_vcpu_set_fpu,
	.vcpu_run = vmx_vcpu_run,
	.vcpu_interrupt = vmx_vcpu_interrupt,
	.vcpu_kick = vmx_vcpu_kick,
	.vcpu_destroy = vmx_vcpu_destroy,
	.stats = vmx_vcpu_stats,
	.show = vmx_vcpu_show,
	.vcpu_ioctls = vmx_vcpu_ioctls,
};
