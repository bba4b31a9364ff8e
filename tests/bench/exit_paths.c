/* SPDX-License-Identifier: Apache-2.0
 *
 * How long a backend's paths are: the same small guest on whichever is named, by the TSC. In Bochs
 * the TSC counts instructions, so that the figures are lengths and repeat to a few; elsewhere they
 * are time.
 *
 * usage: exit_paths BACKEND     prints lines "operation ticks"
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include "vmm/vm.h"

#define PML4  0x1000
#define PDPT  0x2000
#define PD    0x3000
#define GDT   0x4000
#define IDT   0x5000
#define TSS   0x6000
#define STACK 0x8000
#define CODE  0x8000
#define PTS   0x10000 /* eight tables: 16 MiB in pages of 4 KiB */
#define PML4B 0x18000 /* a second root, for loads of CR3 */
#define FRESH 0x400000
#define SIZE  0x1000000

#define TIMES 200
#define PAGES 200

#define PORT 0x40

struct machine {
	struct vm *vm;
	struct vcpu *vcpu;
	unsigned char *memory;
};

static const struct vm_ops *ops;

static void die(const char *what, int error)
{
	fprintf(stderr, "exit_paths: %s: %s\n", what, strerror(-error));
	exit(1);
}

static uint64_t *words(struct machine *m, uint64_t gpa)
{
	return (uint64_t *)(void *)(m->memory + gpa);
}

static void tables(struct machine *m)
{
	static const uint64_t gdt[] = {
		0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0, 0, 0, 0x00008b0060000067, 0};

	words(m, PML4)[0] = words(m, PML4B)[0] = PDPT | 0x27;
	words(m, PDPT)[0] = PD | 0x27;
	for (uint64_t i = 0; i < 8; i++)
		words(m, PD)[i] = (PTS + i * 4096) | 0x27;
	for (uint64_t i = 0; i < 8 * 512; i++)
		words(m, PTS)[i] = i << 12 | 0x67;
	memcpy(m->memory + GDT, gdt, sizeof(gdt));
}

static unsigned char *memory_make(void)
{
	unsigned char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		die("memory", -ENOMEM);
	return memory;
}

static void machine_make(struct machine *m, unsigned char *memory)
{
	int r = ops->create(&m->vm);

	m->memory = memory;
	if (!r)
		r = ops->map_memory(m->vm, 0, 0, m->memory, SIZE, 0);
	if (!r)
		r = ops->vcpu_create(m->vm, 0, &m->vcpu);
	if (r)
		die("a VM", r);
}

static void machine_end(struct machine *m)
{
	ops->vcpu_destroy(m->vcpu);
	ops->destroy(m->vm);
}

static void start(struct machine *m, const void *code, size_t n)
{
	const struct vm_sregs s = {
		.cr0 = 0x80050033,
		.cr3 = PML4,
		.cr4 = 0x620,
		.efer = 0xd01,
		.gdt_base = GDT,
		.gdt_limit = 0x3f,
		.idt_base = IDT,
		.idt_limit = 0xfff,
		.tss_base = TSS,
		.tss_limit = 0x67,
		.cs = 0x08,
		.ss = 0x10,
		.tr = 0x30,
	};
	struct vm_gprs *g = ops->vcpu_gprs(m->vcpu);
	int r = ops->vcpu_set_sregs(m->vcpu, &s);

	if (r)
		die("registers", r);
	tables(m);
	memcpy(m->memory + CODE, code, n);
	memset(g, 0, sizeof(*g));
	g->rip = CODE;
	g->rsp = STACK;
	g->rflags = 2;
	ops->vcpu_gprs_dirty(m->vcpu);
}

static void run_to_out(struct machine *m)
{
	struct vm_exit x = {0};
	int r = ops->vcpu_run(m->vcpu, &x);

	if (r)
		die("run", r);
	if (x.reason != VM_EXIT_IO_OUT) {
		fprintf(stderr, "exit_paths: an exit of kind %s at %llx\n", vm_exit_name(x.reason),
			(unsigned long long)ops->vcpu_gprs(m->vcpu)->rip);
		exit(1);
	}
}

static void say(const char *what, uint64_t ticks, uint64_t times)
{
	printf("%s %llu\n", what, (unsigned long long)(ticks / times));
}

/* --- measured by the guest itself: r8 before, r9 behind a loop of TIMES; then OUT --- */

/* clang-format off */
#define LOOP(name, body)							\
	extern const char name[], name##_end[];					\
	__asm__(".pushsection .rodata\n" #name ":\n"				\
		"	mov $20, %ecx\n"	/* warm */			\
		"0:	push %rcx\n" body "	pop %rcx\n	dec %ecx\n	jnz 0b\n" \
		"	rdtsc\n	shl $32, %rdx\n	or %rdx, %rax\n	mov %rax, %r8\n"	\
		"	mov $200, %ecx\n"					\
		"1:	push %rcx\n" body "	pop %rcx\n	dec %ecx\n	jnz 1b\n" \
		"	rdtsc\n	shl $32, %rdx\n	or %rdx, %rax\n	mov %rax, %r9\n"	\
		"2:	out %al, $0x40\n	jmp 2b\n" #name "_end:\n"		\
		"	.popsection\n")

LOOP(loop_nothing, "");
LOOP(loop_cpuid, "	xor %eax, %eax\n	xor %ecx, %ecx\n	cpuid\n");
LOOP(loop_wrmsr, "	mov $0x277, %ecx\n	mov $0x00070406, %eax\n	mov $0x00070406, %edx\n	wrmsr\n");
LOOP(loop_cr3, "	mov $0x18000, %eax\n	mov %rax, %cr3\n	mov $0x1000, %eax\n	mov %rax, %cr3\n");
LOOP(loop_invlpg, "	invlpg 0x8000\n");
LOOP(loop_cr4, "	mov %cr4, %rax\n	xor $4, %rax\n	mov %rax, %cr4\n");

extern const char touch[], touch_end[];
__asm__(".pushsection .rodata\ntouch:\n"
	"	mov $0x400000, %edi\n"
	"	rdtsc\n	shl $32, %rdx\n	or %rdx, %rax\n	mov %rax, %r8\n"
	"	mov $200, %ecx\n"
	"1:	orb $0, (%rdi)\n	add $4096, %edi\n	dec %ecx\n	jnz 1b\n"
	"	rdtsc\n	shl $32, %rdx\n	or %rdx, %rax\n	mov %rax, %r9\n"
	"2:	out %al, $0x40\n	jmp 2b\n"
	"touch_end:\n	.popsection\n");
/* clang-format on */

static uint64_t in_guest(struct machine *m, const char *code, const char *end)
{
	const struct vm_gprs *g;

	start(m, code, (size_t)((uintptr_t)end - (uintptr_t)code));
	run_to_out(m);
	g = ops->vcpu_gprs(m->vcpu);
	return g->r9 - g->r8;
}

static void guest_rows(struct machine *m)
{
	uint64_t none = in_guest(m, loop_nothing, loop_nothing_end);

	say("cpuid", in_guest(m, loop_cpuid, loop_cpuid_end) - none, TIMES);
	say("wrmsr", in_guest(m, loop_wrmsr, loop_wrmsr_end) - none, TIMES);
	say("cr4-write", in_guest(m, loop_cr4, loop_cr4_end) - none, TIMES);
	say("cr3-load", in_guest(m, loop_cr3, loop_cr3_end) - none, 2 * TIMES);
	say("invlpg", in_guest(m, loop_invlpg, loop_invlpg_end) - none, TIMES);
	say("fault", in_guest(m, touch, touch_end), PAGES);
	say("touch", in_guest(m, touch, touch_end), PAGES); /* again: no fault */
}

/* --- measured by the host --- */

static void host_rows(struct machine *m, struct machine *other)
{
	uint64_t begin;

	start(m, loop_nothing, (size_t)((uintptr_t)loop_nothing_end - (uintptr_t)loop_nothing));
	start(other, loop_nothing, (size_t)((uintptr_t)loop_nothing_end - (uintptr_t)loop_nothing));
	for (int i = 0; i < 20; i++) {
		run_to_out(m);
		run_to_out(other);
	}
	begin = __rdtsc();
	for (int i = 0; i < TIMES; i++)
		run_to_out(m);
	say("exit-to-user", __rdtsc() - begin, TIMES);
	begin = __rdtsc();
	for (int i = 0; i < TIMES; i++) {
		run_to_out(m);
		run_to_out(other);
	}
	say("vm-switch", __rdtsc() - begin, 2 * TIMES);
}

/* Made, entered once and ended; memory is there already. The first times warm up. */
static void creation_row(unsigned char *memory)
{
	struct machine m;
	uint64_t begin, ticks = 0;

	for (int i = 0; i < 5; i++) {
		begin = __rdtsc();
		machine_make(&m, memory);
		start(&m, loop_nothing,
			(size_t)((uintptr_t)loop_nothing_end - (uintptr_t)loop_nothing));
		run_to_out(&m);
		machine_end(&m);
		ticks = __rdtsc() - begin;
	}
	say("vm-creation", ticks, 1);
}

int main(int argc, char **argv)
{
	static const struct vm_ops *const all[] = {EXIT_PATHS_BACKENDS};
	struct machine m, other;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (argc == 2 && !strcmp(argv[1], all[i]->name))
			ops = all[i];
	if (!ops) {
		fprintf(stderr, "usage: exit_paths BACKEND\n");
		return 2;
	}
	machine_make(&m, memory_make());
	machine_make(&other, memory_make());
	guest_rows(&m);
	host_rows(&m, &other);
	machine_end(&m);
	machine_end(&other);
	creation_row(memory_make());
	return 0;
}
