/* SPDX-License-Identifier: Apache-2.0
 *
 * What the guest is told of its CPU, and what the CPU tells us. Leaves: Intel SDM vol. 2A, CPUID;
 * AMD APM vol. 3, appendix E.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/kvm/kvm_internal.h"

#define CPUID_ENTRIES 256

#define LEAF1_ECX_MONITOR      (1u << 3)
#define LEAF1_ECX_VMX	       (1u << 5)
#define LEAF1_ECX_X2APIC       (1u << 21)
#define LEAF1_ECX_TSC_DEADLINE (1u << 24)
#define LEAF1_ECX_XSAVE	       (1u << 26)
#define LEAF1_ECX_HYPERVISOR   (1u << 31)
#define LEAF1_ECX_OSXSAVE      (1u << 27)
#define LEAF80000001_ECX_SVM   (1u << 2)

/* Hypervisor leaves: 100 ranges of 100h each may hold one (Linux, hypervisor_cpuid_base). */
#define HYPERVISOR_FIRST 0x40000000u
#define HYPERVISOR_LAST	 0x4000ffffu

int kvm_cpuid_supported(int device, struct kvm_cpuid2 **out)
{
	struct kvm_cpuid2 *cpuid;
	int result;

	cpuid = calloc(1, sizeof(*cpuid) + CPUID_ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return -ENOMEM;
	cpuid->nent = CPUID_ENTRIES;
	result = kvm_ioctl(device, KVM_GET_SUPPORTED_CPUID, cpuid);
	if (result < 0) {
		free(cpuid);
		return result;
	}
	*out = cpuid;
	return 0;
}

const struct kvm_cpuid_entry2 *kvm_cpuid_find(
	const struct kvm_cpuid2 *cpuid, uint32_t leaf, uint32_t index)
{
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function != leaf)
			continue;
		if (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index)
			return e;
	}
	return NULL;
}

/* A program must see a hypervisor (it is the truth) and no interface of one. */
static void hypervisor_leaf(struct kvm_cpuid_entry2 *e)
{
	*e = (struct kvm_cpuid_entry2){.function = HYPERVISOR_FIRST, .eax = HYPERVISOR_FIRST};
	memcpy(&e->ebx, "KVMK", 4);
	memcpy(&e->ecx, "VMKV", 4);
	memcpy(&e->edx, "M\0\0", 4);
}

void kvm_cpuid_trim(struct kvm_cpuid2 *cpuid)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 e = cpuid->entries[i];

		if (e.function > HYPERVISOR_FIRST && e.function <= HYPERVISOR_LAST)
			continue;
		switch (e.function) {
		case 1:
			/* There is no APIC, and no virtual machine inside this one. */
			e.ecx &= ~(LEAF1_ECX_MONITOR | LEAF1_ECX_VMX | LEAF1_ECX_X2APIC |
				   LEAF1_ECX_TSC_DEADLINE);
			/* KVM offers the leaves and leaves this bit to us. */
			e.ecx |= LEAF1_ECX_HYPERVISOR;
			break;
		case 0xa:	 /* performance counters: not virtualized for programs */
		case 0x8000000a: /* SVM */
			e.eax = e.ebx = e.ecx = e.edx = 0;
			break;
		case HYPERVISOR_FIRST:
			hypervisor_leaf(&e);
			break;
		case 0x80000001:
			e.ecx &= ~LEAF80000001_ECX_SVM;
			break;
		default:
			break;
		}
		cpuid->entries[kept++] = e;
	}
	cpuid->nent = kept;
}

/* KVM keeps a copy, but the APIC id is the vCPU's own. */
int kvm_cpuid_set(const struct vm *vm, int vcpu_fd, uint32_t index)
{
	size_t size = sizeof(*vm->cpuid) + vm->cpuid->nent * sizeof(vm->cpuid->entries[0]);
	struct kvm_cpuid2 *cpuid = malloc(size);
	int result;

	if (!cpuid)
		return -ENOMEM;
	memcpy(cpuid, vm->cpuid, size);
	for (uint32_t i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0x00ffffff) | index << 24;
		else if (e->function == 0xb || e->function == 0x1f)
			e->edx = index;
	}
	result = kvm_ioctl(vcpu_fd, KVM_SET_CPUID2, cpuid);
	free(cpuid);
	return result;
}

bool kvm_cpuid_has_xsave(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = kvm_cpuid_find(cpuid, 1, 0);

	return e && (e->ecx & LEAF1_ECX_XSAVE);
}

uint64_t kvm_cpuid_xcr0(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = kvm_cpuid_find(cpuid, 0xd, 0);

	if (!kvm_cpuid_has_xsave(cpuid) || !e)
		return 0;
	return (uint64_t)e->edx << 32 | e->eax;
}

uint32_t kvm_cpuid_phys_bits(const struct kvm_cpuid2 *cpuid)
{
	const struct kvm_cpuid_entry2 *e = kvm_cpuid_find(cpuid, 0x80000008, 0);

	uint32_t bits = e ? e->eax & 0xff : 0;

	/* The architecture's bounds: PAE's 36, 52. */
	return bits < 36 ? 36 : bits > 52 ? 52 : bits;
}

/* SDM vol. 1, 13.4.3: in standard format each component has a fixed place. */
uint32_t kvm_xsave_size(uint64_t xcr0)
{
	uint32_t size = 512 + 64;

	if (!xcr0)
		return 512;
	for (unsigned i = 2; i < 63; i++) {
		uint32_t length, offset, ecx, edx;

		if (!(xcr0 >> i & 1) || !__get_cpuid_count(0xd, i, &length, &offset, &ecx, &edx))
			continue;
		if (offset + length > size)
			size = offset + length;
	}
	return size;
}

uint64_t kvm_host_xcr0(void)
{
	uint32_t eax, ebx, ecx, edx;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & LEAF1_ECX_OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return (uint64_t)edx << 32 | eax;
}

bool kvm_host_has_vmx_or_svm(void)
{
	uint32_t eax, ebx, ecx, edx;

	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & LEAF1_ECX_VMX))
		return true;
	return __get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) && (ecx & LEAF80000001_ECX_SVM);
}
