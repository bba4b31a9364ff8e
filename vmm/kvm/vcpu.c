/* SPDX-License-Identifier: Apache-2.0
 *
 * A vCPU's making and its state beyond the registers: CPUID, XCR0, TSC, MSRs, the FPU.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <x86intrin.h>

#include "vmm/kvm/kvm_internal.h"

#define MSR_TSC 0x10u

static int vcpu_set_xcr0(const struct vcpu *v)
{
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = v->vm->xcr0}};

	return v->vm->osxsave ? kvm_ioctl(v->fd, KVM_SET_XCRS, &xcrs) : 0;
}

/* Programs read the clock as on the host: guest TSC = host TSC, by offset 0 where KVM lets us say
 * so. */
static int vcpu_set_tsc(struct vcpu *v)
{
#ifdef KVM_VCPU_TSC_CTRL
	uint64_t offset = 0, now = UINT64_MAX;
	struct kvm_device_attr attr = {.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset};

	if (kvm_ioctl(v->fd, KVM_SET_DEVICE_ATTR, &attr) == 0) {
		attr.addr = (uintptr_t)&now;
		if (kvm_ioctl(v->fd, KVM_GET_DEVICE_ATTR, &attr) == 0 && now == 0) {
			v->tsc_is_host = true;
			return 0;
		}
	}
#endif
	return kvm_vcpu_set_msr(v, MSR_TSC, __rdtsc());
}

bool kvm_vcpu_tsc_is_host(const struct vcpu *v)
{
	return v->tsc_is_host;
}

/* Where the registers live, and what KVM has in them now. */
int kvm_vcpu_first_registers(struct vcpu *v)
{
	struct kvm_sync_regs *place = v->vm->sync_regs ? &v->run->s.regs : &v->own;
	int result;

	v->regs = &place->regs;
	v->sregs = &place->sregs;
	result = kvm_ioctl(v->fd, KVM_GET_REGS, v->regs);
	if (result < 0)
		return result;
	result = kvm_ioctl(v->fd, KVM_GET_SREGS, v->sregs);
	if (result < 0)
		return result;
	v->regs_valid = v->sregs_valid = true;
	return 0;
}

void kvm_vcpu_close(struct vcpu *v)
{
	if (v->run)
		munmap(v->run, v->vm->run_size);
	if (v->fd >= 0)
		close(v->fd);
	v->run = NULL;
	v->fd = -1;
}

void kvm_vcpu_destroy(struct vcpu *v)
{
	if (!v)
		return;
	kvm_vcpu_close(v);
	free(v->xsave);
	free(v);
}

int kvm_vcpu_open(struct vcpu *v)
{
	void *run;

	v->irq = -1;
	v->fd = kvm_ioctl(v->vm->fd, KVM_CREATE_VCPU, (void *)(uintptr_t)v->index);
	if (v->fd < 0)
		return v->fd;
	run = mmap(NULL, v->vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (run == MAP_FAILED)
		return -errno;
	v->run = run;
	v->kick.immediate_exit = &v->run->immediate_exit;
	return 0;
}

/* What is to be before it first runs. */
int kvm_vcpu_begin(struct vcpu *v)
{
	/* Before XCR0 and the sregs: KVM checks both against the guest's CPUID. */
	int result = kvm_cpuid_set(v->vm, v->fd, v->index);

	if (result >= 0)
		result = vcpu_set_xcr0(v);
	if (result >= 0)
		result = vcpu_set_tsc(v);
	return result < 0 ? result : kvm_vcpu_first_registers(v);
}

int kvm_vcpu_create(struct vm *vm, uint32_t index, struct vcpu **out)
{
	struct vcpu *v = calloc(1, sizeof(*v));
	int result;

	if (!v)
		return -ENOMEM;
	v->vm = vm;
	v->index = index;
	result = kvm_vcpu_open(v);
	if (!result) {
		v->xsave = calloc(1, vm->xsave_size);
		result = v->xsave ? vm_kick_install() : -ENOMEM;
	}
	if (!result)
		result = kvm_vcpu_begin(v);
	if (result < 0) {
		kvm_vcpu_destroy(v);
		return result;
	}
	*out = v;
	return 0;
}

int kvm_vcpu_set_msr(struct vcpu *v, uint32_t msr, uint64_t value)
{
	_Alignas(struct kvm_msrs) char
		room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)] = {0};
	struct kvm_msrs *msrs = (struct kvm_msrs *)(void *)room;
	int result = kvm_sregs_flush(v);

	if (result < 0)
		return result;
	msrs->nmsrs = 1;
	msrs->entries[0].index = msr;
	msrs->entries[0].data = value;
	result = kvm_ioctl(v->fd, KVM_SET_MSRS, msrs);
	if (result < 0)
		return result;
	v->sregs_valid = false; /* FS_BASE, GS_BASE and EFER are MSRs too */
	return result == 1 ? 0 : -EINVAL;
}

int kvm_vcpu_get_fpu(struct vcpu *v, void *buf, size_t size)
{
	unsigned long request = KVM_GET_XSAVE;
	int result;

#ifdef KVM_GET_XSAVE2
	/* The old call knows 4096 bytes only and fails where the guest's state is larger (AMX). */
	if (v->vm->xsave_size > sizeof(struct kvm_xsave))
		request = KVM_GET_XSAVE2;
#endif
	if (size >= v->vm->xsave_size)
		return kvm_ioctl(v->fd, request, buf);
	result = kvm_ioctl(v->fd, request, v->xsave);
	if (result == 0)
		memcpy(buf, v->xsave, size);
	return result;
}

int kvm_vcpu_set_fpu(struct vcpu *v, const void *buf, size_t size)
{
	if (size > v->vm->xsave_size)
		return -EINVAL;
	/* KVM reads all of its size, the caller's image may be shorter. */
	memcpy(v->xsave, buf, size);
	memset((char *)v->xsave + size, 0, v->vm->xsave_size - size);
	if (size == 512) /* FXSAVE only: the header says what is in it, x87 and SSE */
		((uint64_t *)v->xsave)[512 / 8] = 3;
	return kvm_ioctl(v->fd, KVM_SET_XSAVE, v->xsave);
}

void kvm_vcpu_stats(struct vcpu *v, struct vm_stats *out)
{
	*out = v->stats;
}

void kvm_vcpu_show(struct vcpu *v, _Atomic uint64_t *exits)
{
	v->shown = exits;
}
