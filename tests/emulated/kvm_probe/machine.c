// SPDX-License-Identifier: Apache-2.0
/* A VM with guest.S in it, ready to enter; and how it came out. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>

#include "layout.h"
#include "machine.h"

extern const char kernel_begin[], kernel_end[], user_begin[], user_end[];
extern const char kernel_syscall[], kernel_vectors[];

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void machine_need(int result, const char *what)
{
	if (result < 0) {
		printf("   %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

uint64_t *guest_words(struct machine *m, uint64_t address)
{
	return (uint64_t *)(void *)(m->memory + address);
}

/* The labels are places in one piece of code; to C they are objects of their own. */
uint64_t kernel_at(const char *label)
{
	return KERNEL + ((uintptr_t)label - (uintptr_t)kernel_begin);
}

static void memory_prepare(struct machine *m)
{
	uint64_t *gdt = guest_words(m, GDT), *idt = guest_words(m, IDT);

	guest_words(m, PML4)[0] = PDPT | 7;
	guest_words(m, PDPT)[0] = PD | 7;
	guest_words(m, PD)[0] = PT | 7;
	guest_words(m, PD)[1] = 0x200000 | 0x83; /* 2 MiB page: read-only slot and MMIO */
	for (uint64_t page = 0; page < MEMORY; page += 0x1000)
		guest_words(m, PT)[page >> 12] = page | (page >= USER ? 7 : 3);
	guest_words(m, PT)[HOLE >> 12] = 0;

	gdt[1] = 0x00af9b000000ffff; /* 08 ring 0 code */
	gdt[2] = 0x00cf93000000ffff; /* 10 ring 0 data */
	gdt[3] = 0x00cffb000000ffff; /* 18 ring 3 32-bit code, for the sysret selector layout */
	gdt[4] = 0x00cff3000000ffff; /* 20 ring 3 data */
	gdt[5] = 0x00affb000000ffff; /* 28 ring 3 code */
	gdt[6] = 0x00008b0000000067 | (uint64_t)TSS << 16;

	for (unsigned vector = 0; vector < VECTORS; vector++) {
		uint64_t entry = kernel_at(kernel_vectors) + 16 * vector;
		uint64_t ring = vector == 3 || vector == 0x50 ? 3 : 0;

		idt[2 * vector] = (entry & 0xffff) | 0x08 << 16 | (0x8e00 | ring << 13) << 32 |
				  (entry >> 16 & 0xffff) << 48;
	}
	uint64_t stack = KERNEL_STACK;
	memcpy(m->memory + TSS + 4, &stack, sizeof(stack));
	uint16_t bitmap = 0x68; /* past the end: no port for ring 3 */
	memcpy(m->memory + TSS + 0x66, &bitmap, sizeof(bitmap));

	memcpy(m->memory + KERNEL, kernel_begin, (uintptr_t)kernel_end - (uintptr_t)kernel_begin);
	memcpy(m->memory + USER, user_begin, (uintptr_t)user_end - (uintptr_t)user_begin);
}

static struct kvm_cpuid2 *cpuid_supported(int kvm)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	cpuid->nent = 256;
	machine_need(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	return cpuid;
}

int cpuid_offers(int kvm, uint32_t leaf, char reg, unsigned bit)
{
	struct kvm_cpuid2 *cpuid = cpuid_supported(kvm);
	int offered = 0;

	for (uint32_t i = 0; i < cpuid->nent; i++) {
		const struct kvm_cpuid_entry2 *e = &cpuid->entries[i];

		if (e->function == leaf && e->index == 0)
			offered = ((reg == 'b' ? e->ebx : reg == 'c' ? e->ecx : e->edx) >> bit) & 1;
	}
	free(cpuid);
	return offered;
}

static void msr_set(struct machine *m, uint32_t index, uint64_t value)
{
	_Alignas(struct kvm_msrs) char
		room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)] = {0};
	struct kvm_msrs *msrs = (struct kvm_msrs *)(void *)room;

	msrs->nmsrs = 1;
	msrs->entries[0] = (struct kvm_msr_entry){.index = index, .data = value};
	machine_need(ioctl(m->vcpu, KVM_SET_MSRS, msrs) == 1 ? 0 : -1, "KVM_SET_MSRS");
}

static void vcpu_prepare(struct machine *m)
{
	struct kvm_sregs sregs;
	struct kvm_cpuid2 *cpuid = cpuid_supported(m->kvm);

	machine_need(ioctl(m->vcpu, KVM_SET_CPUID2, cpuid), "KVM_SET_CPUID2");
	free(cpuid);
	machine_need(ioctl(m->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x620;  /* PAE OSFXSR OSXMMEXCPT */
	sregs.efer = 0xd01; /* NXE LMA LME SCE */
	sregs.gdt.base = GDT;
	sregs.gdt.limit = 0x3f;
	sregs.idt.base = IDT;
	sregs.idt.limit = VECTORS * 16 - 1;
	sregs.cs = (struct kvm_segment){
		.limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	sregs.ds = (struct kvm_segment){
		.limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.tr = (struct kvm_segment){
		.base = TSS, .limit = 0x67, .selector = 0x30, .type = 11, .present = 1};
	sregs.ldt = (struct kvm_segment){.unusable = 1};
	machine_need(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");

	msr_set(m, 0xc0000081, 0x0018000800000000);	   /* STAR */
	msr_set(m, 0xc0000082, kernel_at(kernel_syscall)); /* LSTAR */
	msr_set(m, 0xc0000084, 0x700);			   /* SFMASK */
}

void machine_open(struct machine *m)
{
	m->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	machine_need(m->kvm, "/dev/kvm");
	m->vm = ioctl(m->kvm, KVM_CREATE_VM, 0);
	machine_need(m->vm, "KVM_CREATE_VM");
	m->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {
		.memory_size = MEMORY, .userspace_addr = (uintptr_t)m->memory};
	machine_need(
		ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region), "KVM_SET_USER_MEMORY_REGION");
	m->vcpu = ioctl(m->vm, KVM_CREATE_VCPU, 0);
	machine_need(m->vcpu, "KVM_CREATE_VCPU");
	m->run = mmap(NULL, (size_t)ioctl(m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0),
		PROT_READ | PROT_WRITE, MAP_SHARED, m->vcpu, 0);
	memory_prepare(m);
	vcpu_prepare(m);
}

void vcpu_start(struct machine *m, const char *entry, uint64_t flag)
{
	struct kvm_regs regs = {.rflags = 2, .rsp = KERNEL_STACK, .r14 = 0x202, .r15 = flag};

	if (entry >= user_begin && entry < user_end) {
		regs.rip = kernel_at(kernel_enter_user);
		regs.rdi = USER + ((uintptr_t)entry - (uintptr_t)user_begin);
	} else {
		regs.rip = kernel_at(entry);
	}
	machine_need(ioctl(m->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

uint32_t vcpu_run(struct machine *m)
{
	double start = now();

	for (;;) {
		int result = ioctl(m->vcpu, KVM_RUN, 0);

		m->seconds += now() - start;
		m->exits++;
		if (result < 0)
			return errno == EINTR ? (uint32_t)KVM_EXIT_INTR
					      : (uint32_t)KVM_EXIT_UNKNOWN;
		if (m->run->exit_reason != KVM_EXIT_IO || m->run->io.port != PORT_SYSCALL)
			return m->run->exit_reason;
		start = now();
	}
}

static uint32_t out_value(const struct machine *m)
{
	return *(const uint32_t *)(const void *)((const char *)m->run + m->run->io.data_offset);
}

const struct trap *trap_get(struct machine *m)
{
	return (const struct trap *)(void *)(m->memory + TRAP);
}

uint64_t *trap_frame(struct machine *m)
{
	return guest_words(m, trap_get(m)->frame);
}

int stopped_by_trap(const struct machine *m, uint32_t reason)
{
	return reason == KVM_EXIT_IO && m->run->io.port == PORT_TRAP;
}

int ended_with(struct machine *m, uint32_t reason, uint32_t value)
{
	uint64_t result;

	if (stopped_by_trap(m, reason)) {
		const uint64_t *f = trap_frame(m);

		result = f[0];
		if (f[1] == 6 && f[3] == USER)
			goto ended;
		if ((f[4] & 3) == 3 && f[3] < USER && f[3] >= KERNEL)
			snprintf(m->note, sizeof(m->note),
				"the code at LSTAR ran in ring 3: trap %u", (unsigned)f[1]);
		else
			snprintf(m->note, sizeof(m->note),
				"trap %u, error %#x, in ring %u at %#llx, cr2 %#llx",
				(unsigned)f[1], (unsigned)f[2], (unsigned)(f[4] & 3),
				(unsigned long long)f[3], (unsigned long long)trap_get(m)->cr2);
		return 0;
	}
	if (reason != KVM_EXIT_IO) {
		snprintf(m->note, sizeof(m->note), "exit reason %u%s", reason,
			reason == KVM_EXIT_INTERNAL_ERROR
				? " (internal error)"
				: (reason == KVM_EXIT_SHUTDOWN ? " (triple fault)" : ""));
		return 0;
	}
	result = out_value(m);
ended:
	if ((uint32_t)result != value) {
		snprintf(m->note, sizeof(m->note), "result %#x, expected %#x", (unsigned)result,
			value);
		return 0;
	}
	return 1;
}
