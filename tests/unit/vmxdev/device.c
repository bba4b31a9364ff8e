/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "tests/unit/vmxdev/device.h"

#define VM_FD	1000
#define VCPU_FD 1001
#define NEW_FD	1002

struct device device;

void device_reset(void)
{
	memset(&device, 0, sizeof(device));
	device.caps = (struct sbv_caps){
		.abi_version = SBV_ABI_VERSION,
		.state = SBV_STATE_READY,
		.ept = 1,
		.xsave_size = 576,
		.xcr0 = 3,
		.phys_bits = 39,
	};
	device.page.irq = SBV_IRQ_NONE;
}

int vmx_system_open(const char *path)
{
	if (strcmp(path, SBV_DEVICE) || device.open_result)
		return device.open_result;
	device.opened++;
	return VM_FD;
}

void vmx_system_close(int fd)
{
	device.closed++;
}

void *vmx_system_map(int fd)
{
	return fd == VCPU_FD ? &device.page : NULL;
}

void vmx_system_unmap(void *page)
{
}

static int run(void)
{
	device.ran++;
	device.seen = device.page;
	device.page.regs_dirty = 0;
	if (device.again) {
		device.again--;
		return -EAGAIN;
	}
	if (device.irq_taken)
		device.page.irq = SBV_IRQ_NONE;
	device.page.reason = device.exit.reason;
	device.page.port = device.exit.port;
	device.page.size = device.exit.size;
	device.page.value = device.exit.value;
	device.page.gpa = device.exit.gpa;
	device.page.code = device.exit.code;
	device.page.detail = device.exit.detail;
	device.page.regs = device.exit.regs;
	return device.run_result;
}

static int fpu(const struct sbv_fpu *f, bool set)
{
	void *image = (void *)(uintptr_t)f->address;

	if (f->size != device.caps.xsave_size)
		return -EINVAL;
	if (set)
		memcpy(device.fpu, image, f->size);
	else
		memcpy(image, device.fpu, f->size);
	return 0;
}

static int vm_ioctl(unsigned long request, void *argument)
{
	switch (request) {
	case SBV_CAPS:
		memcpy(argument, &device.caps, sizeof(device.caps));
		return device.caps_result;
	case SBV_MAP_MEMORY:
		memcpy(&device.memory, argument, sizeof(device.memory));
		return 0;
	case SBV_SET_DOORBELL:
		memcpy(&device.bell, argument, sizeof(device.bell));
		return 0;
	case SBV_FORGET:
		return 0;
	case SBV_NEW:
		device.opened++;
		return NEW_FD;
	case SBV_VCPU_CREATE:
		return VCPU_FD;
	default:
		return -ENOTTY;
	}
}

static int vcpu_ioctl(unsigned long request, void *argument)
{
	switch (request) {
	case SBV_RUN:
		return run();
	case SBV_SET_SREGS:
		memcpy(&device.sregs, argument, sizeof(device.sregs));
		return 0;
	case SBV_GET_SREGS:
		memcpy(argument, &device.sregs, sizeof(device.sregs));
		return 0;
	case SBV_GET_STATE:
		memcpy(argument, &device.state, sizeof(device.state));
		return 0;
	case SBV_SET_STATE:
		memcpy(&device.state, argument, sizeof(device.state));
		return device.state_result;
	case SBV_SET_FPU:
		return fpu(argument, true);
	case SBV_GET_FPU:
		return fpu(argument, false);
	default:
		return -ENOTTY;
	}
}

int vmx_system_ioctl(int fd, unsigned long request, void *argument)
{
	return fd == VM_FD || fd == NEW_FD ? vm_ioctl(request, argument)
					   : vcpu_ioctl(request, argument);
}
