/* SPDX-License-Identifier: Apache-2.0
 *
 * The backend's table, and the VM: memory and what its vCPUs share.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "vmm/kvm/kvm_internal.h"

#define IDENTITY_MAP_GPA 0xfffbc000ull
#define TSS_GPA		 0xfffbd000ull
#define FORGET_GPA	 0x3000000000ull /* 192 GiB: above what callers map */

static int kvm_available(char *why, size_t why_size)
{
	int fd = kvm_device_open(KVM_DEVICE, why, why_size);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* What the device knows is asked once: it is closed again, so that the jail holds no door to new
 * VMs. */
static int vm_learn(struct vm *vm, int device)
{
	int size, sync;

	size = kvm_ioctl(device, KVM_GET_VCPU_MMAP_SIZE, NULL);
	if (size < 0)
		return size;
	if ((size_t)size < sizeof(struct kvm_run))
		return -ENOTSUP;
	vm->run_size = (size_t)size;
	sync = ioctl(device, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
	vm->sync_regs =
		sync > 0 && ((unsigned long)sync & (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS)) ==
				    (KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS);
	size = kvm_cpuid_supported(device, &vm->cpuid);
	if (size < 0)
		return size;
	vm->phys_bits = kvm_cpuid_phys_bits(vm->cpuid);
	vm->osxsave = kvm_cpuid_has_xsave(vm->cpuid) &&
		      ioctl(device, KVM_CHECK_EXTENSION, KVM_CAP_XCRS) > 0;
	vm->xcr0 = vm->osxsave ? kvm_cpuid_xcr0(vm->cpuid) : 0;
	kvm_cpuid_trim(vm->cpuid);
	return 0;
}

static void vm_place_real_mode_pages(const struct vm *vm)
{
	uint64_t identity = IDENTITY_MAP_GPA;

	/*
	 * Where the CPU needs none of this KVM takes the addresses and makes nothing; where it
	 * does, leaving them out costs a kernel warning. Our vCPUs never run in real mode: no error
	 * matters.
	 */
	(void)kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	(void)kvm_ioctl(vm->fd, KVM_SET_TSS_ADDR, (void *)(uintptr_t)TSS_GPA);
}

static void kvm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->device >= 0)
		close(vm->device);
	free(vm->cpuid);
	free(vm);
}

static int vm_open(struct vm *vm, int device)
{
	int result = kvm_ioctl(device, KVM_CREATE_VM, NULL);

	if (result < 0)
		return result;
	vm->fd = result;
	vm_place_real_mode_pages(vm);
	return 0;
}

static int kvm_again_keep(struct vm *vm)
{
	vm->device = kvm_device_open(KVM_DEVICE, NULL, 0);
	return vm->device < 0 ? vm->device : 0;
}

static int kvm_again(struct vm *vm)
{
	int result;

	close(vm->fd);
	vm->fd = -1;
	result = vm_open(vm, vm->device);
	close(vm->device);
	vm->device = -1;
	return result;
}

static size_t kvm_again_ioctls(const unsigned long **out)
{
	static const unsigned long numbers[] = {
		KVM_CREATE_VM,
		KVM_SET_IDENTITY_MAP_ADDR,
		KVM_SET_TSS_ADDR,
		KVM_SET_USER_MEMORY_REGION,
		KVM_CREATE_VCPU,
		KVM_SET_CPUID2,
		KVM_SET_XCRS,
		KVM_SET_DEVICE_ATTR,
		KVM_GET_DEVICE_ATTR,
		KVM_GET_MSRS,
		KVM_GET_VCPU_EVENTS,
		KVM_SET_VCPU_EVENTS,
	};

	*out = numbers;
	return sizeof(numbers) / sizeof(numbers[0]);
}

static size_t kvm_save_ioctls(const unsigned long **out)
{
	static const unsigned long numbers[] = {KVM_GET_MSRS, KVM_GET_VCPU_EVENTS};

	*out = numbers;
	return sizeof(numbers) / sizeof(numbers[0]);
}

static int kvm_create(struct vm **out)
{
	struct vm *vm;
	int device, result;

	device = kvm_device_open(KVM_DEVICE, NULL, 0);
	if (device < 0)
		return device;
	vm = aligned_alloc(_Alignof(struct vm), sizeof(*vm));
	if (!vm) {
		close(device);
		return -ENOMEM;
	}
	memset(vm, 0, sizeof(*vm));
	vm->fd = vm->device = -1;
	result = vm_learn(vm, device);
	if (result < 0)
		goto fail;
	result = vm_open(vm, device);
	if (result < 0)
		goto fail;
	result = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XSAVE2);
	vm->xsave_size =
		result > (int)sizeof(struct kvm_xsave) ? (size_t)result : sizeof(struct kvm_xsave);
	close(device);
	*out = vm;
	return 0;
fail:
	close(device);
	kvm_destroy(vm);
	return result;
}

static int kvm_map_memory(
	struct vm *vm, uint32_t slot, uint64_t gpa, void *hva, uint64_t size, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags & VM_MEM_READONLY ? KVM_MEM_READONLY : 0,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)hva,
	};
	int result;

	if (slot >= KVM_SLOTS || (flags & ~VM_MEM_READONLY))
		return -EINVAL;
	result = kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
	return result < 0 ? result : 0;
}

/* Making and deleting any slot zaps KVM's shadow pages (README.md, measured: 72 us). Slot and
 * address are out of the caller's reach. */
static int kvm_forget_translations(struct vm *vm)
{
	struct kvm_userspace_memory_region region = {
		.slot = KVM_SLOTS,
		.guest_phys_addr = FORGET_GPA,
		.memory_size = sizeof(vm->scratch),
		.userspace_addr = (uintptr_t)vm->scratch,
	};
	int result = kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);

	region.memory_size = 0;
	return result < 0 ? result : kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);
}

static size_t kvm_vcpu_ioctls(const unsigned long **out)
{
	static const unsigned long numbers[] = {
		KVM_RUN,
		KVM_GET_REGS,
		KVM_SET_REGS,
		KVM_GET_SREGS,
		KVM_SET_SREGS,
		KVM_SET_MSRS,
		KVM_INTERRUPT,
		KVM_GET_XSAVE,
#ifdef KVM_GET_XSAVE2
		KVM_GET_XSAVE2,
#endif
		KVM_SET_XSAVE,
	};

	*out = numbers;
	return sizeof(numbers) / sizeof(numbers[0]);
}

const struct vm_ops vm_kvm_ops = {
	.name = "kvm",
	.available = kvm_available,
	.probe = kvm_probe,
	.create = kvm_create,
	.destroy = kvm_destroy,
	.map_memory = kvm_map_memory,
	.forget_translations = kvm_forget_translations,
	.forget_ioctl = KVM_SET_USER_MEMORY_REGION,
	.again_keep = kvm_again_keep,
	.again = kvm_again,
	.vcpu_saved_size = kvm_vcpu_saved_size,
	.vcpu_save = kvm_vcpu_save,
	.vcpu_again = kvm_vcpu_again,
	.again_ioctls = kvm_again_ioctls,
	.save_ioctls = kvm_save_ioctls,
	.saved_read = kvm_saved_read,
	.vcpu_create = kvm_vcpu_create,
	.vcpu_set_sregs = kvm_vcpu_set_sregs,
	.vcpu_get_sregs = kvm_vcpu_get_sregs,
	.vcpu_gprs = kvm_vcpu_gprs,
	.vcpu_gprs_dirty = kvm_vcpu_gprs_dirty,
	.vcpu_set_msr = kvm_vcpu_set_msr,
	.vcpu_get_fpu = kvm_vcpu_get_fpu,
	.vcpu_set_fpu = kvm_vcpu_set_fpu,
	.vcpu_run = kvm_vcpu_run,
	.vcpu_interrupt = kvm_vcpu_interrupt,
	.vcpu_kick = kvm_vcpu_kick,
	.vcpu_destroy = kvm_vcpu_destroy,
	.stats = kvm_vcpu_stats,
	.show = kvm_vcpu_show,
	.vcpu_ioctls = kvm_vcpu_ioctls,
};
