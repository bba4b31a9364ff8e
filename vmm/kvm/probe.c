/* SPDX-License-Identifier: Apache-2.0
 *
 * What this host's KVM does, tried: small guests. Making and ending a VM costs more than all that
 * is tried in it, so one VM serves as long as its guest ends as expected; a try that went wrong (on
 * a software KVM it may end the VM) leaves it to nobody. Not everything called KVM runs ring 0 on
 * the CPU.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/kvm/kvm_internal.h"

/* Guest memory, identity-mapped with 4 KiB pages; the last is ring 3's. */
#define PML4	0x0000
#define PDPT	0x1000
#define PD	0x2000
#define PT	0x3000
#define GDT	0x4000
#define IDT	0x4800
#define TSS	0x5000
#define STACK0	0x7000 /* grows down */
#define SCRATCH 0x7000 /* an XSAVE area: two pages */
#define CODE0	0x9000
#define CODE3	0xa000
#define MEMORY	0xb000

#define CS0 0x08
#define DS0 0x10
#define DS3 0x23 /* SYSRET's order: CS base at 18h, data, 64-bit code */
#define CS3 0x2b
#define TR  0x30

#define VECTORS	     32
#define PORT_DONE    0x40
#define PORT_SYSCALL 0x41
#define PORT_VECTOR0 0x80 /* and up: an exception */

#define CR0_LONG_MODE  0x80050033ull /* PG AM WP NE ET MP PE */
#define CR4_LONG_MODE  0x620ull	     /* PAE OSFXSR OSXMMEXCPT */
#define EFER_LONG_MODE 0xd01ull	     /* NXE LMA LME SCE */

#define MSR_STAR  0xc0000081u
#define MSR_LSTAR 0xc0000082u
#define MSR_FMASK 0xc0000084u

#define TRIAL_NS 500000000ull

#define XSTR(x) #x
#define STR(x)	XSTR(x)

/* clang-format off */
__asm__(
	".pushsection .rodata\n"
	".balign 16\n"
	"kvm_probe_code0:\n"
	"	.set vector, 0\n"
	"	.rept " STR(VECTORS) "\n" /* 4 bytes each */
	"	outb %al, $" STR(PORT_VECTOR0) " + vector\n"
	"	jmp .\n"
	"	.set vector, vector + 1\n"
	"	.endr\n"
	"kvm_probe_syscall:\n"
	"	outb %al, $" STR(PORT_SYSCALL) "\n"
	"	jmp .\n"
	"kvm_probe_loop:\n"
	"	decl %ecx\n"
	"	jnz kvm_probe_loop\n"
	"	outb %al, $" STR(PORT_DONE) "\n"
	"	jmp .\n"
	"kvm_probe_sysret:\n"
	"	movl $" STR(CODE3) ", %ecx\n"
	"	movl $2, %r11d\n"
	"	sysretq\n"
	"kvm_probe_xsave:\n"
	"	movl $3, %eax\n"
	"	xorl %edx, %edx\n"
	"	movl $" STR(SCRATCH) ", %ebx\n"
	"	xsave64 (%rbx)\n"
	"	xrstor64 (%rbx)\n"
	"	outb %al, $" STR(PORT_DONE) "\n"
	"	jmp .\n"
	"kvm_probe_code0_end:\n"
	"kvm_probe_code3:\n"
	"	syscall\n"
	"	jmp .\n"
	"kvm_probe_code3_end:\n"
	".popsection\n");
/* clang-format on */

extern const char kvm_probe_code0[], kvm_probe_code0_end[], kvm_probe_code3[],
	kvm_probe_code3_end[];
extern const char kvm_probe_syscall[], kvm_probe_loop[], kvm_probe_sysret[], kvm_probe_xsave[];

struct trial {
	struct vm *vm;
	struct vcpu *vcpu;
	char *memory;
};

static uint64_t gpa0(const char *label)
{
	return CODE0 + ((uintptr_t)label - (uintptr_t)kvm_probe_code0);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void put64(struct trial *t, uint64_t at, uint64_t value)
{
	memcpy(t->memory + at, &value, sizeof(value));
}

static void memory_fill(struct trial *t)
{
	static const uint64_t gdt[] = {
		0,
		0x00af9b000000ffff, /* ring 0 code */
		0x00cf93000000ffff, /* ring 0 data */
		0x00cffb000000ffff, /* ring 3 32-bit code */
		0x00cff3000000ffff, /* ring 3 data */
		0x00affb000000ffff, /* ring 3 code */
		0x00008b0000000067 | (uint64_t)TSS << 16,
		0,
	};

	put64(t, PML4, PDPT | 7);
	put64(t, PDPT, PD | 7);
	put64(t, PD, PT | 7);
	for (uint64_t page = 0; page < MEMORY; page += 0x1000)
		put64(t, PT + (page >> 12) * 8, page | (page >= CODE3 ? 7 : 3));
	memcpy(t->memory + GDT, gdt, sizeof(gdt));
	for (uint64_t vector = 0; vector < VECTORS; vector++) {
		uint64_t entry = CODE0 + 4 * vector;

		put64(t, IDT + 16 * vector,
			(entry & 0xffff) | (uint64_t)CS0 << 16 | 0x8eull << 40 |
				(entry >> 16) << 48);
	}
	put64(t, TSS + 4, STACK0);
	/* I/O bitmap beyond the limit: no port for ring 3 (SDM vol. 1, 19.5.2). */
	memcpy(t->memory + TSS + 0x66, &(uint16_t){0x68}, 2);
	memcpy(t->memory + CODE0, kvm_probe_code0,
		(uintptr_t)kvm_probe_code0_end - (uintptr_t)kvm_probe_code0);
	memcpy(t->memory + CODE3, kvm_probe_code3,
		(uintptr_t)kvm_probe_code3_end - (uintptr_t)kvm_probe_code3);
}

static int registers_fill(struct trial *t, uint64_t rip, bool ring3)
{
	const struct vm_sregs sregs = {
		.cr0 = CR0_LONG_MODE,
		.cr3 = PML4,
		.cr4 = CR4_LONG_MODE,
		.efer = EFER_LONG_MODE,
		.gdt_base = GDT,
		.gdt_limit = 0x3f,
		.idt_base = IDT,
		.idt_limit = VECTORS * 16 - 1,
		.tss_base = TSS,
		.tss_limit = 0x67,
		.cs = ring3 ? CS3 : CS0,
		.ss = ring3 ? DS3 : DS0,
		.tr = TR,
	};
	int result = kvm_vcpu_set_sregs(t->vcpu, &sregs);

	if (result < 0)
		return result;
	*kvm_vcpu_gprs(t->vcpu) = (struct vm_gprs){.rip = rip, .rsp = STACK0, .rflags = 2};
	kvm_vcpu_gprs_dirty(t->vcpu);
	result = kvm_vcpu_set_msr(
		t->vcpu, MSR_STAR, (uint64_t)(0x18 | 3) << 48 | (uint64_t)CS0 << 32);
	if (result == 0)
		result = kvm_vcpu_set_msr(t->vcpu, MSR_LSTAR, gpa0(kvm_probe_syscall));
	if (result == 0)
		result = kvm_vcpu_set_msr(t->vcpu, MSR_FMASK, 0x700);
	return result;
}

static void trial_end(struct trial *t)
{
	kvm_vcpu_destroy(t->vcpu);
	vm_kvm_ops.destroy(t->vm);
	if (t->memory)
		munmap(t->memory, MEMORY);
	memset(t, 0, sizeof(*t));
}

static int trial_begin(struct trial *t)
{
	void *memory;
	int result;

	memset(t, 0, sizeof(*t));
	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	t->memory = memory;
	memory_fill(t);
	result = vm_kvm_ops.create(&t->vm);
	if (result == 0)
		result = vm_kvm_ops.map_memory(t->vm, 0, 0, t->memory, MEMORY, 0);
	if (result == 0)
		result = kvm_vcpu_create(t->vm, 0, &t->vcpu);
	if (result < 0)
		trial_end(t);
	return result;
}

/* A guest that does not end (a trap in a loop) is kicked: signals, again and again, for none is
 * early enough. */
static int watchdog_start(timer_t *timer)
{
	const struct itimerspec every = {
		.it_value.tv_nsec = 100000000, .it_interval.tv_nsec = 100000000};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = vm_kick_signal()};

	event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, timer) < 0)
		return -errno;
	timer_settime(*timer, 0, &every, NULL);
	return 0;
}

/* The port that the guest ended at; -1 if it did not; -errno below that. */
static int trial_run(struct trial *t, uint64_t rip, bool ring3)
{
	struct vm_exit e = {.reason = VM_EXIT_INTR};
	uint64_t end = now_ns() + TRIAL_NS;
	timer_t timer;
	int result = registers_fill(t, rip, ring3);

	if (result < 0)
		return result;
	result = watchdog_start(&timer);
	if (result < 0)
		return result;
	while (result == 0 && e.reason == VM_EXIT_INTR && now_ns() < end)
		result = kvm_vcpu_run(t->vcpu, &e);
	timer_delete(timer);
	if (result < 0 || e.reason != VM_EXIT_IO_OUT)
		return -1;
	return e.io.port;
}

/* Ended at `port`, in ring `ring`? */
static bool trial_ended(struct trial *t, int ended, int port, unsigned ring)
{
	struct vm_sregs sregs;

	return ended == port && kvm_vcpu_get_sregs(t->vcpu, &sregs) == 0 && (sregs.cs & 3) == ring;
}

/* Nanoseconds of an instruction in ring 0, by the difference of a long and a short loop. */
static int measure_ring0(struct trial *t, double *ns)
{
	enum { SHORT = 1, LONG = 401, TRIES = 3 };
	double best[2] = {1e18, 1e18};

	for (int i = 0; i < 2 * TRIES; i++) {
		struct vm_exit e;
		uint64_t start;
		double took;
		int result = registers_fill(t, gpa0(kvm_probe_loop), false);

		if (result < 0)
			return result;
		kvm_vcpu_gprs(t->vcpu)->rcx = i & 1 ? LONG : SHORT;
		start = now_ns();
		result = kvm_vcpu_run(t->vcpu, &e);
		took = (double)(now_ns() - start);
		if (result < 0)
			return result;
		if (e.reason == VM_EXIT_INTR)
			continue;
		if (e.reason != VM_EXIT_IO_OUT || e.io.port != PORT_DONE)
			return -EIO;
		if (took < best[i & 1])
			best[i & 1] = took;
	}
	*ns = (best[1] - best[0]) / (2 * (LONG - SHORT));
	return 0;
}

/* Leaves `t` usable, or without a vCPU. */
static bool try_one(struct trial *t, uint64_t rip, bool ring3, int port)
{
	if (!t->vcpu && trial_begin(t) < 0)
		return false;
	if (trial_ended(t, trial_run(t, rip, ring3), port, 0))
		return true;
	trial_end(t);
	return false;
}

int kvm_probe(struct vm_caps *out)
{
	/* An instruction that KVM interprets takes half a microsecond and more; under TCG a true
	 * one 10 ns. */
	const double emulated_ns = 100;
	double ns = 0;
	struct trial t;
	uint64_t xcr0;
	int result;

	memset(out, 0, sizeof(*out));
	result = trial_begin(&t);
	if (result < 0)
		return result;
	result = measure_ring0(&t, &ns);
	out->phys_bits = t.vm->phys_bits;
	xcr0 = t.vm->osxsave ? t.vm->xcr0 : kvm_host_xcr0();
	if (result < 0) {
		trial_end(&t);
		return result;
	}

	out->hardware = ns < emulated_ns;
	out->syscall_ring0 = try_one(&t, CODE3, true, PORT_SYSCALL);
	/* A KVM that emulates ring 0 ends the VM at either of these. */
	if (out->hardware) {
		out->sysret = out->syscall_ring0 &&
			      try_one(&t, gpa0(kvm_probe_sysret), false, PORT_SYSCALL);
		out->xsave = try_one(&t, gpa0(kvm_probe_xsave), false, PORT_DONE);
	}
	trial_end(&t);
	/* Where KVM does not control XCR0, ring 3 runs with the host's. */
	out->xcr0 = out->hardware && !out->xsave ? 0 : xcr0;
	out->xsave_size = kvm_xsave_size(out->xcr0);
	if (out->hardware)
		snprintf(out->note, sizeof(out->note), "ring 0 runs on the CPU%s",
			out->syscall_ring0 ? "" : ", but syscall stays in ring 3");
	else
		snprintf(out->note, sizeof(out->note),
			"software KVM: %s, ring 0 is emulated at %.0f ns an instruction%s",
			kvm_host_has_vmx_or_svm() ? "VMX or SVM unused" : "no VMX or SVM in CPUID",
			ns, out->syscall_ring0 ? "" : ", syscall stays in ring 3");
	return 0;
}
