// SPDX-License-Identifier: Apache-2.0
/*
 * What does the /dev/kvm of this machine do? Small guests, each in a VM of its own and in a process
 * of its own (a software KVM may hang), print "ok NAME" or "FAIL NAME" with a measurement, and at
 * the end "N passed, N failed". Depends on nothing of the project: it tests the machine, not the
 * sandbox.
 *
 * Guest memory, 2 MiB, identity-mapped with 4 KiB pages; from USER on, pages are open to ring 3.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEMORY	     0x200000u
#define PML4	     0x1000u
#define PDPT	     0x2000u
#define PD	     0x3000u
#define PT	     0x4000u
#define GDT	     0x5000u
#define IDT	     0x6000u
#define TSS	     0x7000u
#define TRAP	     0x8000u /* struct trap, written by the guest */
#define SCRATCH	     0x9000u
#define KERNEL_STACK 0xc000u
#define KERNEL	     0x10000u
#define USER	     0x40000u
#define USER_STACK   0x60000u
#define HOLE	     0x1f0000u /* not present */
#define READ_ONLY    0x300000u /* second memory slot */
#define MMIO	     0x340000u /* mapped, no memory slot */

#define PORT_SYSCALL 0xe0
#define PORT_TRAP    0xe1
#define PORT_DONE    0xe2
#define VECTOR_IRQ   0x41

#define LOOPS 2000

#define XSTR(x) #x
#define STR(x)	XSTR(x)

/*
 * The guest. Ring 0 code is copied to KERNEL, ring 3 code to USER; both are position-independent.
 * A syscall with eax != 0 is reported to userspace; it returns by sysretq if r15 is 1, else by
 * iretq. A trap is reported to userspace unless r15 is 2.
 */
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	"kernel_begin:\n"
	/* rdi: user entry, r14: user rflags */
	"kernel_enter_user:\n"
	"	pushq $0x23\n"
	"	pushq $" STR(
		USER_STACK) "\n"
			    "	pushq %r14\n"
			    "	pushq $0x2b\n"
			    "	pushq %rdi\n"
			    "	iretq\n"
			    "kernel_syscall:\n"
			    "	testl %eax, %eax\n"
			    "	jz 1f\n"
			    "	outl %eax, $" STR(
				    PORT_SYSCALL) "\n"
						  "1:	cmpl $1, %r15d\n"
						  "	jne 2f\n"
						  "	sysretq\n"
						  "2:	movq %rsp, %r8\n"
						  "	movl $" STR(KERNEL_STACK) ", %esp\n"
										  "	pushq "
										  "$0x23\n"
										  "	pushq %r8\n"
										  "	pushq "
										  "%r11\n"
										  "	pushq "
										  "$0x2b\n"
										  "	pushq "
										  "%rcx\n"
										  "	iretq\n"
										  /* Vector stubs,
										     16 bytes each:
										     make the frames
										     equal, push the
										     vector. */
										  ".balign 16\n"
										  "kernel_vectors:"
										  "\n"
										  ".set vector, 0\n"
										  ".rept 96\n"
										  "	.balign "
										  "16\n"
										  "	.if "
										  "(vector != 8) "
										  "&& (vector != "
										  "10) && (vector "
										  "!= 11) && "
										  "(vector != 12) "
										  "&& (vector != "
										  "13) && "
										  "(vector != 14) "
										  "&& (vector != "
										  "17) && (vector "
										  "!= 21)\n"
										  "	pushq $0\n"
										  "	.endif\n"
										  "	pushq "
										  "$vector\n"
										  "	jmp "
										  "kernel_trap\n"
										  "	.set "
										  "vector, vector "
										  "+ 1\n"
										  ".endr\n"
										  "kernel_trap:\n"
										  "	pushq "
										  "%rax\n"
										  "	movl $" STR(TRAP) ", %eax\n"
													  "	movq %rsp, (%rax)\n"
													  "	pushq %rdx\n"
													  "	movq %cr2, %rdx\n"
													  "	movq %rdx, 8(%rax)\n"
													  "	popq %rdx\n"
													  "	cmpl $2, %r15d\n"
													  "	je 1f\n"
													  "	movl 8(%rsp), %eax\n"
													  "	outl %eax, $" STR(PORT_TRAP) "\n"
																	     "1:	popq %rax\n"
																	     "	addq $16, %rsp\n"
																	     "	iretq\n"
																	     /* Cases in ring 0: end with the result in eax. */
																	     "kernel_done:\n"
																	     "	outl %eax, $" STR(PORT_DONE) "\n"
																					     "	jmp kernel_done\n"
																					     "kernel_out:\n"
																					     "	movl $" STR(LOOPS) ", %ecx\n"
																								   "1:	movl %ecx, %eax\n"
																								   "	outl %eax, $" STR(PORT_SYSCALL) "\n"
																													"	decl %ecx\n"
																													"	jnz 1b\n"
																													"	movl $1, %eax\n"
																													"	jmp kernel_done\n"
																													"kernel_hlt:\n"
																													"	hlt\n"
																													"	movl $1, %eax\n"
																													"	jmp kernel_done\n"
																													"kernel_msr:\n"
																													"	movl $0xc0000100, %ecx\n"
																													"	movl $0x12345678, %eax\n"
																													"	movl $0x7f, %edx\n"
																													"	wrmsr\n"
																													"	xorl %eax, %eax\n"
																													"	rdmsr\n"
																													"	cmpl $0x12345678, %eax\n"
																													"	sete %al\n"
																													"	movzbl %al, %eax\n"
																													"	jmp kernel_done\n"
																													"kernel_swapgs:\n"
																													"	swapgs\n"
																													"	swapgs\n"
																													"	movl $1, %eax\n"
																													"	jmp kernel_done\n"
																													"kernel_cr3:\n"
																													"	movq %cr3, %rax\n"
																													"	movq %rax, %cr3\n"
																													"	movl $1, %eax\n"
																													"	jmp kernel_done\n"
																													"kernel_invlpg:\n"
																													"	invlpg " STR(
																														HOLE) "\n"
																														      "	movl $1, %eax\n"
																														      "	jmp kernel_done\n"
																														      "kernel_fxsave:\n"
																														      "	fxsave " STR(
																															      SCRATCH) "\n"
																																       "	fxrstor " STR(
																																	       SCRATCH) "\n"
																																			"	movl $1, %eax\n"
																																			"	jmp kernel_done\n"
																																			/* CR4.OSXSAVE, then XCR0 = x87 | SSE | AVX, then save and restore. */
																																			"kernel_xsave:\n"
																																			"	movq %cr4, %rax\n"
																																			"	orl $0x40000, %eax\n"
																																			"	movq %rax, %cr4\n"
																																			"	xorl %ecx, %ecx\n"
																																			"	xorl %edx, %edx\n"
																																			"	movl $7, %eax\n"
																																			"	xsetbv\n"
																																			"	xsave " STR(
																																				SCRATCH) "\n"
																																					 "	xrstor " STR(
																																						 SCRATCH) "\n"
																																							  "	movl $1, %eax\n"
																																							  "	jmp kernel_done\n"
																																							  "kernel_fsgsbase:\n"
																																							  "	movq %cr4, %rax\n"
																																							  "	orl $0x10000, %eax\n"
																																							  "	movq %rax, %cr4\n"
																																							  "	movl $0x1234, %ebx\n"
																																							  "	wrfsbase %rbx\n"
																																							  "	rdfsbase %rax\n"
																																							  "	cmpl %ebx, %eax\n"
																																							  "	sete %al\n"
																																							  "	movzbl %al, %eax\n"
																																							  "	jmp kernel_done\n"
																																							  "kernel_cmpxchg16b:\n"
																																							  "	xorl %eax, %eax\n"
																																							  "	xorl %edx, %edx\n"
																																							  "	movl $1, %ebx\n"
																																							  "	xorl %ecx, %ecx\n"
																																							  "	lock cmpxchg16b " STR(
																																								  SCRATCH) "\n"
																																									   "	movl " STR(
																																										   SCRATCH) ", %eax\n"
																																											    "	jmp kernel_done\n"
																																											    "kernel_rep_stos:\n"
																																											    "	movl $" STR(
																																												    SCRATCH) ", %edi\n"
																																													     "	movl $512, %ecx\n"
																																													     "	movl $1, %eax\n"
																																													     "	rep stosq\n"
																																													     "	movl " STR(
																																														     SCRATCH) "+4088, %eax\n"
																																															      "	jmp kernel_done\n"
																																															      "kernel_mmio:\n"
																																															      "	movl $" STR(MMIO) ", %ebx\n"
																																																		  "	movl $0x55, (%rbx)\n"
																																																		  "	movl (%rbx), %eax\n"
																																																		  "	jmp kernel_done\n"
																																																		  "kernel_read_only:\n"
																																																		  "	movl $" STR(READ_ONLY) ", %ebx\n"
																																																					       "	movl (%rbx), %eax\n"
																																																					       "	movl %eax, 8(%rbx)\n"
																																																					       "	jmp kernel_done\n"
																																																					       "kernel_end:\n"
																																																					       /* Cases in ring 3: end with ud2 at user_done, the result in eax. */
																																																					       ".balign 16\n"
																																																					       "user_begin:\n"
																																																					       "user_done:\n"
																																																					       "	ud2\n"
																																																					       "	jmp user_done\n"
																																																					       "user_one:\n"
																																																					       "	movl $1, %eax\n"
																																																					       "	jmp user_done\n"
																																																					       "user_syscall:\n"
																																																					       "	xorl %eax, %eax\n"
																																																					       "	syscall\n"
																																																					       "	jmp user_one\n"
																																																					       /* Syscalls that ring 0 answers itself. */
																																																					       "user_local:\n"
																																																					       "	movl $" STR(
																																																						       LOOPS) ", %ebx\n"
																																																							      "1:	xorl %eax, %eax\n"
																																																							      "	syscall\n"
																																																							      "	decl %ebx\n"
																																																							      "	jnz 1b\n"
																																																							      "	jmp user_one\n"
																																																							      /* Syscalls that go to userspace and come back. */
																																																							      "user_report:\n"
																																																							      "	movl $" STR(
																																																								      LOOPS) ", %ebx\n"
																																																									     "1:	movl %ebx, %eax\n"
																																																									     "	syscall\n"
																																																									     "	decl %ebx\n"
																																																									     "	jnz 1b\n"
																																																									     "	jmp user_one\n"
																																																									     /* Traps by int3. */
																																																									     "user_gate:\n"
																																																									     "	movl $" STR(LOOPS) ", %ebx\n"
																																																												   "1:	int3\n"
																																																												   "	decl %ebx\n"
																																																												   "	jnz 1b\n"
																																																												   "	xorl %r15d, %r15d\n"
																																																												   "	jmp user_one\n"
																																																												   "user_fault:\n"
																																																												   "	movl $" STR(
																																																													   HOLE) ", %ebx\n"
																																																														 "	movl (%rbx), %eax\n"
																																																														 "	jmp user_done\n"
																																																														 "user_protected:\n"
																																																														 "	movl $" STR(
																																																															 SCRATCH) ", %ebx\n"
																																																																  "	movl $7, (%rbx)\n"
																																																																  "	jmp user_one\n"
																																																																  "user_ud2:\n"
																																																																  "	ud2\n"
																																																																  "	jmp user_one\n"
																																																																  "user_int3:\n"
																																																																  "	int3\n"
																																																																  "	jmp user_one\n"
																																																																  "user_int:\n"
																																																																  "	int $0x50\n"
																																																																  "	jmp user_one\n"
																																																																  "user_hlt:\n"
																																																																  "	hlt\n"
																																																																  "	jmp user_one\n"
																																																																  /* Single step: set TF by popf, two nops. */
																																																																  "user_step:\n"
																																																																  "	pushfq\n"
																																																																  "	orl $0x100, (%rsp)\n"
																																																																  "	popfq\n"
																																																																  "	nop\n"
																																																																  "	jmp user_one\n"
																																																																  "user_avx:\n"
																																																																  "	vxorps %ymm0, %ymm0, %ymm0\n"
																																																																  "	jmp user_one\n"
																																																																  "user_rdtsc:\n"
																																																																  "	rdtsc\n"
																																																																  "	movl %eax, %ebx\n"
																																																																  "	rdtsc\n"
																																																																  "	cmpl %ebx, %eax\n"
																																																																  "	setne %al\n"
																																																																  "	movzbl %al, %eax\n"
																																																																  "	jmp user_done\n"
																																																																  "user_spin:\n"
																																																																  "	pause\n"
																																																																  "	jmp user_spin\n"
																																																																  "user_end:\n"
																																																																  ".popsection\n");

extern const char kernel_begin[], kernel_end[], user_begin[], user_end[];
extern const char kernel_enter_user[], kernel_syscall[], kernel_vectors[];

struct trap {
	uint64_t frame; /* guest address of rax, vector, error, rip, cs, rflags, rsp, ss */
	uint64_t cr2;
};

struct machine {
	int kvm, vm, vcpu;
	struct kvm_run *run;
	char *memory, *read_only;
	uint32_t exits;
	double seconds;
	char note[128];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void machine_need(int result, const char *what)
{
	if (result < 0) {
		printf("   %s: %s\n", what, strerror(errno));
		exit(1);
	}
}

static uint64_t *guest_words(struct machine *m, uint64_t address)
{
	return (uint64_t *)(void *)(m->memory + address);
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

	for (unsigned vector = 0; vector < 96; vector++) {
		uint64_t entry = KERNEL + (uint64_t)(kernel_vectors - kernel_begin) + 16 * vector;
		uint64_t ring = vector == 3 || vector == 0x50 ? 3 : 0;

		idt[2 * vector] = (entry & 0xffff) | 0x08 << 16 | (0x8e00 | ring << 13) << 32 |
				  (entry >> 16 & 0xffff) << 48;
	}
	uint64_t stack = KERNEL_STACK;
	memcpy(m->memory + TSS + 4, &stack, sizeof(stack));
	uint16_t bitmap = 0x68; /* past the end: no port for ring 3 */
	memcpy(m->memory + TSS + 0x66, &bitmap, sizeof(bitmap));

	memcpy(m->memory + KERNEL, kernel_begin, (size_t)(kernel_end - kernel_begin));
	memcpy(m->memory + USER, user_begin, (size_t)(user_end - user_begin));
}

static struct kvm_cpuid2 *cpuid_supported(int kvm)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + 256 * sizeof(cpuid->entries[0]));

	cpuid->nent = 256;
	machine_need(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid), "KVM_GET_SUPPORTED_CPUID");
	return cpuid;
}

static int cpuid_offers(int kvm, uint32_t leaf, char reg, unsigned bit)
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

static void vcpu_prepare(struct machine *m)
{
	struct kvm_sregs sregs;
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry[3];
	} msrs = {.head.nmsrs = 3};

	machine_need(ioctl(m->vcpu, KVM_SET_CPUID2, cpuid_supported(m->kvm)), "KVM_SET_CPUID2");
	machine_need(ioctl(m->vcpu, KVM_GET_SREGS, &sregs), "KVM_GET_SREGS");
	sregs.cr0 = 0x80050033; /* PG AM WP NE ET MP PE */
	sregs.cr3 = PML4;
	sregs.cr4 = 0x620;  /* PAE OSFXSR OSXMMEXCPT */
	sregs.efer = 0xd01; /* NXE LMA LME SCE */
	sregs.gdt.base = GDT;
	sregs.gdt.limit = 0x3f;
	sregs.idt.base = IDT;
	sregs.idt.limit = 96 * 16 - 1;
	sregs.cs = (struct kvm_segment){
		.limit = ~0u, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	sregs.ds = (struct kvm_segment){
		.limit = ~0u, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.tr = (struct kvm_segment){
		.base = TSS, .limit = 0x67, .selector = 0x30, .type = 11, .present = 1};
	sregs.ldt = (struct kvm_segment){.unusable = 1};
	machine_need(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");

	msrs.entry[0] = (struct kvm_msr_entry){.index = 0xc0000081, .data = 0x0018000800000000};
	msrs.entry[1] = (struct kvm_msr_entry){
		.index = 0xc0000082, .data = KERNEL + (uint64_t)(kernel_syscall - kernel_begin)};
	msrs.entry[2] = (struct kvm_msr_entry){.index = 0xc0000084, .data = 0x700};
	machine_need(ioctl(m->vcpu, KVM_SET_MSRS, &msrs) == 3 ? 0 : -1, "KVM_SET_MSRS");
}

static void machine_open(struct machine *m)
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

static void vcpu_start(struct machine *m, const char *entry, uint64_t flag)
{
	struct kvm_regs regs = {.rflags = 2, .rsp = KERNEL_STACK, .r14 = 0x202, .r15 = flag};

	if (entry >= user_begin && entry < user_end) {
		regs.rip = KERNEL + (uint64_t)(kernel_enter_user - kernel_begin);
		regs.rdi = USER + (uint64_t)(entry - user_begin);
	} else {
		regs.rip = KERNEL + (uint64_t)(entry - kernel_begin);
	}
	machine_need(ioctl(m->vcpu, KVM_SET_REGS, &regs), "KVM_SET_REGS");
}

/* Run to the next exit that is not a report of a system call; its reason. */
static uint32_t vcpu_run(struct machine *m)
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

static const struct trap *trap_get(struct machine *m)
{
	return (const struct trap *)(void *)(m->memory + TRAP);
}

static uint64_t *trap_frame(struct machine *m)
{
	return guest_words(m, trap_get(m)->frame);
}

static int stopped_by_trap(const struct machine *m, uint32_t reason)
{
	return reason == KVM_EXIT_IO && m->run->io.port == PORT_TRAP;
}

/* Ended with value? Otherwise say why not. */
static int ended_with(struct machine *m, uint32_t reason, uint32_t value)
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

/* --- the cases: 1 ok, 0 not, -1 not offered here --- */

static int case_plain(struct machine *m)
{
	return ended_with(m, vcpu_run(m), 1);
}

static int loop_note(struct machine *m)
{
	snprintf(m->note, sizeof(m->note), "%d rounds, %u exits, %.2f us a round", LOOPS, m->exits,
		m->seconds / LOOPS * 1e6);
	return 1;
}

static int case_loop(struct machine *m)
{
	return ended_with(m, vcpu_run(m), 1) ? loop_note(m) : 0;
}

/* Traps that ring 0 answers itself, or that go to userspace. */
static int case_gate(struct machine *m)
{
	uint32_t reason;

	do
		reason = vcpu_run(m);
	while (stopped_by_trap(m, reason) && trap_frame(m)[1] == 3);
	return ended_with(m, reason, 1) ? loop_note(m) : 0;
}

static int case_hlt(struct machine *m)
{
	uint32_t reason = vcpu_run(m);

	if (reason != KVM_EXIT_HLT)
		return ended_with(m, reason, 0) & 0;
	return ended_with(m, vcpu_run(m), 1);
}

static int trap_expected(struct machine *m, unsigned vector, unsigned error)
{
	uint32_t reason = vcpu_run(m);

	if (!stopped_by_trap(m, reason))
		return ended_with(m, reason, ~0u) & 0;
	if (trap_frame(m)[1] != vector || trap_frame(m)[2] != error || (trap_frame(m)[4] & 3) != 3)
		return ended_with(m, reason, 0) & 0;
	return 1;
}

/* Demand paging by userspace: the fault is reported, the page put in, the guest returns by iretq.
 */
static int case_fault(struct machine *m)
{
	if (!trap_expected(m, 14, 4))
		return 0;
	if (trap_get(m)->cr2 != HOLE) {
		snprintf(m->note, sizeof(m->note), "cr2 %#llx",
			(unsigned long long)trap_get(m)->cr2);
		return 0;
	}
	guest_words(m, PT)[HOLE >> 12] = HOLE | 7;
	guest_words(m, HOLE)[0] = 0x4321;
	return ended_with(m, vcpu_run(m), 0x4321);
}

/* What ring 3 must not do: the trap, then skip the instruction. */
static int trap_skip(struct machine *m, unsigned vector, unsigned error, unsigned length)
{
	if (!trap_expected(m, vector, error))
		return 0;
	trap_frame(m)[3] += length;
	return ended_with(m, vcpu_run(m), 1);
}

static int case_protected(struct machine *m)
{
	return trap_skip(m, 14, 7, 6);
}

static int case_ud2(struct machine *m)
{
	return trap_skip(m, 6, 0, 2);
}

static int case_user_hlt(struct machine *m)
{
	return trap_skip(m, 13, 0, 1);
}

static int case_int3(struct machine *m)
{
	return trap_skip(m, 3, 0, 0);
}

static int case_int(struct machine *m)
{
	return trap_skip(m, 0x50, 0, 0);
}

static int case_step(struct machine *m)
{
	if (!trap_expected(m, 1, 0))
		return 0;
	trap_frame(m)[5] &= ~0x100ull;
	return ended_with(m, vcpu_run(m), 1);
}

static int case_xsave(struct machine *m)
{
	if (!cpuid_offers(m->kvm, 1, 'c', 26))
		return -1;
	return case_plain(m);
}

static int case_fsgsbase(struct machine *m)
{
	if (!cpuid_offers(m->kvm, 7, 'b', 0))
		return -1;
	return case_plain(m);
}

/* Without EFER.SCE a system call is an invalid opcode: another door where LSTAR is none. */
static int case_syscall_ud(struct machine *m)
{
	struct kvm_sregs sregs;

	ioctl(m->vcpu, KVM_GET_SREGS, &sregs);
	sregs.efer &= ~1ull;
	machine_need(ioctl(m->vcpu, KVM_SET_SREGS, &sregs), "KVM_SET_SREGS");
	return trap_skip(m, 6, 0, 2);
}

/* XCR0 by ioctl, so that ring 3 may use AVX without any privileged instruction in the guest. */
static int case_avx(struct machine *m)
{
	struct kvm_sregs sregs;
	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0] = {.xcr = 0, .value = 7}};

	ioctl(m->vcpu, KVM_GET_SREGS, &sregs);
	sregs.cr4 |= 0x40000;
	if (ioctl(m->vcpu, KVM_SET_SREGS, &sregs) < 0 || ioctl(m->vcpu, KVM_SET_XCRS, &xcrs) < 0)
		snprintf(m->note, sizeof(m->note), "CR4.OSXSAVE or XCR0 refused (%s)",
			strerror(errno));
	return case_plain(m);
}

static int case_mmio(struct machine *m)
{
	uint32_t reason = vcpu_run(m);

	if (reason != KVM_EXIT_MMIO || !m->run->mmio.is_write || m->run->mmio.phys_addr != MMIO)
		return ended_with(m, reason, 0) & 0;
	reason = vcpu_run(m);
	if (reason != KVM_EXIT_MMIO || m->run->mmio.is_write)
		return ended_with(m, reason, 0) & 0;
	uint32_t value = 0x77;
	memcpy(m->run->mmio.data, &value, sizeof(value));
	return ended_with(m, vcpu_run(m), 0x77);
}

/* A slot over memory that even userspace cannot write: reads hit it, a write is an MMIO exit. */
static int case_read_only(struct machine *m)
{
	uint32_t reason;
	uint32_t *page =
		mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct kvm_userspace_memory_region region = {.slot = 1,
		.flags = KVM_MEM_READONLY,
		.guest_phys_addr = READ_ONLY,
		.memory_size = 0x10000,
		.userspace_addr = (uintptr_t)page};

	*page = 0x99;
	mprotect(page, 0x10000, PROT_READ);
	if (ioctl(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_READONLY_MEM) <= 0)
		return -1;
	machine_need(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region), "read-only slot");
	reason = vcpu_run(m);
	if (reason != KVM_EXIT_MMIO || m->run->mmio.phys_addr != READ_ONLY + 8)
		return ended_with(m, reason, 0) & 0;
	return ended_with(m, vcpu_run(m), 0x99);
}

static int case_dirty_log(struct machine *m)
{
	uint64_t bitmap[MEMORY / 0x1000 / 64] = {0};
	struct kvm_dirty_log log = {.dirty_bitmap = bitmap};
	struct kvm_userspace_memory_region region = {.flags = KVM_MEM_LOG_DIRTY_PAGES,
		.memory_size = MEMORY,
		.userspace_addr = (uintptr_t)m->memory};

	machine_need(ioctl(m->vm, KVM_SET_USER_MEMORY_REGION, &region), "dirty log slot");
	machine_need(ioctl(m->vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	if (!ended_with(m, vcpu_run(m), 1))
		return 0;
	machine_need(ioctl(m->vm, KVM_GET_DIRTY_LOG, &log), "KVM_GET_DIRTY_LOG");
	snprintf(m->note, sizeof(m->note), "first word %#llx", (unsigned long long)bitmap[0]);
	return bitmap[0] >> (SCRATCH >> 12) & 1;
}

static int case_immediate_exit(struct machine *m)
{
	m->run->immediate_exit = 1;
	if (vcpu_run(m) != KVM_EXIT_INTR)
		return 0;
	m->run->immediate_exit = 0;
	return ended_with(m, vcpu_run(m), 1);
}

static int case_sync_regs(struct machine *m)
{
	int offered = ioctl(m->kvm, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);
	uint32_t reason;

	if (offered <= 0 || !(offered & KVM_SYNC_X86_REGS))
		return -1;
	m->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	reason = vcpu_run(m);
	if (!stopped_by_trap(m, reason))
		return ended_with(m, reason, 0) & 0;
	/* Write through the run page: continue at the end of the program, as if nothing had
	 * happened. */
	m->run->s.regs.regs.rip = KERNEL + (uint64_t)(kernel_enter_user - kernel_begin);
	m->run->s.regs.regs.rsp = KERNEL_STACK;
	m->run->s.regs.regs.r14 = 2;
	m->run->s.regs.regs.rdi = trap_frame(m)[3] + 2;
	m->run->kvm_dirty_regs = KVM_SYNC_X86_REGS;
	return ended_with(m, vcpu_run(m), 1);
}

static void tick(int signal)
{
	(void)signal;
}

/* A signal takes a vCPU out of a loop in ring 3; is the state right, in ring 3? */
static int case_kick(struct machine *m)
{
	struct sigaction action = {.sa_handler = tick};
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec when = {.it_value.tv_nsec = 50000000};
	struct kvm_sregs sregs;
	uint32_t reason;

	sigaction(SIGUSR1, &action, NULL);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &when, NULL);
	reason = vcpu_run(m);
	if (reason != KVM_EXIT_INTR)
		return ended_with(m, reason, 0) & 0;
	ioctl(m->vcpu, KVM_GET_SREGS, &sregs);
	snprintf(m->note, sizeof(m->note), "after %.1f ms, ring %u", m->seconds * 1e3,
		sregs.cs.selector & 3u);
	return (sregs.cs.selector & 3) == 3;
}

/* The same, then an interrupt put in by KVM_INTERRUPT: preemption without an interrupt controller.
 */
static int case_interrupt(struct machine *m)
{
	struct kvm_interrupt interrupt = {.irq = VECTOR_IRQ};
	uint32_t reason;

	if (!case_kick(m))
		return 0;
	if (!m->run->ready_for_interrupt_injection) {
		m->run->request_interrupt_window = 1;
		reason = vcpu_run(m);
		if (reason != KVM_EXIT_IRQ_WINDOW_OPEN)
			return ended_with(m, reason, 0) & 0;
		m->run->request_interrupt_window = 0;
	}
	machine_need(ioctl(m->vcpu, KVM_INTERRUPT, &interrupt), "KVM_INTERRUPT");
	if (!trap_expected(m, VECTOR_IRQ, 0))
		return 0;
	snprintf(m->note, sizeof(m->note), "taken in ring 3");
	return 1;
}

#define ENTRY(name) extern const char name[]
ENTRY(kernel_out);
ENTRY(kernel_hlt);
ENTRY(kernel_msr);
ENTRY(kernel_swapgs);
ENTRY(kernel_cr3);
ENTRY(kernel_invlpg);
ENTRY(kernel_fxsave);
ENTRY(kernel_xsave);
ENTRY(kernel_fsgsbase);
ENTRY(kernel_cmpxchg16b);
ENTRY(kernel_rep_stos);
ENTRY(kernel_mmio);
ENTRY(kernel_read_only);
ENTRY(user_one);
ENTRY(user_syscall);
ENTRY(user_local);
ENTRY(user_report);
ENTRY(user_gate);
ENTRY(user_fault);
ENTRY(user_protected);
ENTRY(user_ud2);
ENTRY(user_int3);
ENTRY(user_int);
ENTRY(user_hlt);
ENTRY(user_step);
ENTRY(user_avx);
ENTRY(user_rdtsc);
ENTRY(user_spin);

static const struct probe {
	const char *name, *entry;
	int (*run)(struct machine *m);
	uint64_t flag; /* r15 */
} probes[] = {
	{"ring0-out", kernel_out, case_loop, 0},
	{"ring0-hlt", kernel_hlt, case_hlt, 0},
	{"ring0-msr", kernel_msr, case_plain, 0},
	{"ring0-swapgs", kernel_swapgs, case_plain, 0},
	{"ring0-mov-cr3", kernel_cr3, case_plain, 0},
	{"ring0-invlpg", kernel_invlpg, case_plain, 0},
	{"ring0-fxsave", kernel_fxsave, case_plain, 0},
	{"ring0-xsave", kernel_xsave, case_xsave, 0},
	{"ring0-fsgsbase", kernel_fsgsbase, case_fsgsbase, 0},
	{"ring0-cmpxchg16b", kernel_cmpxchg16b, case_plain, 0},
	{"ring0-rep-stos", kernel_rep_stos, case_plain, 0},
	{"ring0-mmio", kernel_mmio, case_mmio, 0},
	{"read-only-slot", kernel_read_only, case_read_only, 0},
	{"dirty-log", kernel_rep_stos, case_dirty_log, 0},
	{"immediate-exit", user_one, case_immediate_exit, 0},
	{"ring3-iretq-trap", user_one, case_plain, 0},
	{"syscall-ring0", user_syscall, case_plain, 0},
	{"syscall-ud-without-sce", user_syscall, case_syscall_ud, 0},
	{"syscall-iretq-local", user_local, case_loop, 0},
	{"syscall-iretq-userspace", user_report, case_loop, 0},
	{"syscall-sysretq-local", user_local, case_loop, 1},
	{"syscall-sysretq-userspace", user_report, case_loop, 1},
	{"gate-iretq-local", user_gate, case_gate, 2},
	{"gate-iretq-userspace", user_gate, case_gate, 0},
	{"ring3-page-fault", user_fault, case_fault, 0},
	{"ring3-supervisor-page", user_protected, case_protected, 0},
	{"ring3-ud2", user_ud2, case_ud2, 0},
	{"ring3-int3", user_int3, case_int3, 0},
	{"ring3-int-n", user_int, case_int, 0},
	{"ring3-hlt", user_hlt, case_user_hlt, 0},
	{"ring3-single-step", user_step, case_step, 0},
	{"ring3-avx", user_avx, case_avx, 0},
	{"ring3-rdtsc", user_rdtsc, case_plain, 0},
	{"sync-regs", user_ud2, case_sync_regs, 0},
	{"kick-by-signal", user_spin, case_kick, 0},
	{"interrupt-injection", user_spin, case_interrupt, 0},
};

static void capabilities_print(int kvm)
{
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

/* In a child, because a guest may hang in the kernel or KVM may end the process. 1 ok, 0 not, -1
 * not offered. */
static int probe_run(const struct probe *p)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct machine m = {0};
		int result;

		alarm(20);
		machine_open(&m);
		vcpu_start(&m, p->entry, p->flag);
		result = p->run(&m);
		printf("%s %s%s%s\n", result > 0 ? "ok" : (result < 0 ? "--" : "FAIL"), p->name,
			result < 0 || m.note[0] ? ": " : "", result < 0 ? "not offered" : m.note);
		fflush(stdout);
		_exit(result > 0 ? 0 : (result < 0 ? 2 : 1));
	}
	waitpid(child, &status, 0);
	if (WIFSIGNALED(status)) {
		printf("FAIL %s: %s\n", p->name, strsignal(WTERMSIG(status)));
		return 0;
	}
	return WEXITSTATUS(status) == 0 ? 1 : (WEXITSTATUS(status) == 2 ? -1 : 0);
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	machine_need(kvm, "/dev/kvm");
	capabilities_print(kvm);
	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		int result;

		if (argc > 1 && strcmp(argv[1], probes[i].name) != 0)
			continue;
		result = probe_run(&probes[i]);
		passed += result > 0;
		failed += result == 0;
	}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
