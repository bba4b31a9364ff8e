// SPDX-License-Identifier: Apache-2.0
/* What KVM says it can do. */
#include <stdio.h>
#include <sys/ioctl.h>

#include "machine.h"
#include "probe.h"

static const struct {
	const char *name;
	int number;
} capabilities[] = {
	{"USER_MEMORY", KVM_CAP_USER_MEMORY},
	{"NR_MEMSLOTS", KVM_CAP_NR_MEMSLOTS},
	{"READONLY_MEM", KVM_CAP_READONLY_MEM},
	{"SYNC_REGS", KVM_CAP_SYNC_REGS},
	{"IMMEDIATE_EXIT", KVM_CAP_IMMEDIATE_EXIT},
	{"XSAVE", KVM_CAP_XSAVE},
	{"XSAVE2", KVM_CAP_XSAVE2},
	{"XCRS", KVM_CAP_XCRS},
	{"VCPU_ATTRIBUTES", KVM_CAP_VCPU_ATTRIBUTES},
	{"NR_VCPUS", KVM_CAP_NR_VCPUS},
	{"MAX_VCPUS", KVM_CAP_MAX_VCPUS},
	{"IRQCHIP", KVM_CAP_IRQCHIP},
	{"IOEVENTFD", KVM_CAP_IOEVENTFD},
	{"IRQFD", KVM_CAP_IRQFD},
	{"TSC_CONTROL", KVM_CAP_TSC_CONTROL},
	{"TSC_DEADLINE_TIMER", KVM_CAP_TSC_DEADLINE_TIMER},
	{"SYNC_MMU", KVM_CAP_SYNC_MMU},
	{"COALESCED_MMIO", KVM_CAP_COALESCED_MMIO},
	{"COALESCED_PIO", KVM_CAP_COALESCED_PIO},
	{"DIRTY_LOG_RING", KVM_CAP_DIRTY_LOG_RING},
	{"MANUAL_DIRTY_LOG_PROTECT2", KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2},
	{"X86_DISABLE_EXITS", KVM_CAP_X86_DISABLE_EXITS},
	{"X86_USER_SPACE_MSR", KVM_CAP_X86_USER_SPACE_MSR},
	{"VCPU_EVENTS", KVM_CAP_VCPU_EVENTS},
	{"HYPERV", KVM_CAP_HYPERV},
};

static const struct {
	const char *name;
	uint32_t leaf;
	char reg;
	unsigned bit;
} features[] = {
	{"xsave", 1, 'c', 26},
	{"avx", 1, 'c', 28},
	{"pcid", 1, 'c', 17},
	{"x2apic", 1, 'c', 21},
	{"tsc-deadline", 1, 'c', 24},
	{"cmpxchg16b", 1, 'c', 13},
	{"rdrand", 1, 'c', 30},
	{"fsgsbase", 7, 'b', 0},
	{"smep", 7, 'b', 7},
	{"smap", 7, 'b', 20},
	{"erms", 7, 'b', 9},
	{"invpcid", 7, 'b', 10},
	{"umip", 7, 'c', 2},
	{"la57", 7, 'c', 16},
	{"syscall", 0x80000001, 'd', 11},
	{"nx", 0x80000001, 'd', 20},
	{"1g-pages", 0x80000001, 'd', 26},
	{"rdtscp", 0x80000001, 'd', 27},
};

void offers_print(int kvm)
{
	printf("api %d, run page %d bytes\ncaps:", ioctl(kvm, KVM_GET_API_VERSION, 0),
		ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		printf(" %s=%d", capabilities[i].name,
			ioctl(kvm, KVM_CHECK_EXTENSION, capabilities[i].number));
	printf("\ncpuid offered:");
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (cpuid_offers(kvm, features[i].leaf, features[i].reg, features[i].bit))
			printf(" %s", features[i].name);
	printf("\ncpuid not offered:");
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (!cpuid_offers(kvm, features[i].leaf, features[i].reg, features[i].bit))
			printf(" %s", features[i].name);
	printf("\n");
}
