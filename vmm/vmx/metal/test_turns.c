/* SPDX-License-Identifier: Apache-2.0
 *
 * More than one on a CPU: guests by turns, and vCPUs of one guest. And what a turn costs.
 */
#include "test.h"

#define CODE(bytes) bytes, sizeof(bytes) - 1
/* mov (%rax), %bl; hlt; mov (%rax), %bh; hlt */
#define READ_TWICE CODE("\x8a\x18\xf4\x8a\x38\xf4")
#define PTE_ALL	   7ull

static void expect_halt(struct guest *g, uint64_t rbx)
{
	guest_run(g);
	test_expect(g->exit.reason == SBV_EXIT_HLT, "exit %u", g->exit.reason);
	test_expect(
		vmx_vcpu_regs(g->v)->rbx == rbx, "rbx %lx, not %lx", vmx_vcpu_regs(g->v)->rbx, rbx);
}

static void test_guests(void)
{
	struct guest g[2];

	test_case("two guests by turns");
	test_guest_begin(&g[0]);
	if (!guest_make(&g[1]))
		metal_die("no second guest");
	for (uint8_t i = 0; i < 2; i++) {
		g[i].memory[GUEST_FREE] = (uint8_t)(0x10 + i);
		guest_start(&g[i], READ_TWICE, 3 * i)->rax = GUEST_FREE;
	}
	/* Ring 0 may halt, ring 3 gets #GP at it: the other's registers are not its own. */
	expect_halt(&g[0], 0x10);
	guest_run(&g[1]);
	test_trap(&g[1], X86_VECTOR_GP);
	g[0].memory[GUEST_FREE] = 0x20;
	expect_halt(&g[0], 0x2010);
	guest_start(&g[1], READ_TWICE, 0)->rax = GUEST_FREE;
	expect_halt(&g[1], 0x11);
	guest_end(&g[1]);
	test_guest_end(&g[0]);
}

/* What the host takes is taken from both, and what one changes with INVLPG the other sees after a
 * reload of CR3. */
static void test_vcpus(void)
{
	struct guest g, other;
	uint64_t hva;

	test_case("two vCPUs of a guest by turns");
	test_guest_begin(&g);
	other = g;
	if (vmx_vcpu_create(g.vm, 1, &other.v))
		metal_die("no second vCPU");
	hva = (uintptr_t)g.memory + GUEST_FREE;
	g.memory[GUEST_FREE] = 0x10;
	g.memory[GUEST_FREE + VMX_PAGE_SIZE] = 0x30;
	guest_start(&other, READ_TWICE, 0)->rax = GUEST_FREE;
	guest_start(&g, READ_TWICE, 0)->rax = GUEST_FREE;
	expect_halt(&g, 0x10);
	expect_halt(&other, 0x10);
	metal_host.lock(&g);
	if (vmx_vm_zap_hva(g.vm, hva, hva + VMX_PAGE_SIZE))
		vmx_flush_tlbs(g.vm);
	metal_host.unlock(&g);
	g.memory[GUEST_FREE] = 0x20;
	expect_halt(&g, 0x2010);
	expect_halt(&other, 0x2010);

	/* mov %rdx, (%rcx): the entry; invlpg (%rax); mov (%rax), %bl; hlt */
	guest_start(&g, CODE("\x48\x89\x11\x0f\x01\x38\x8a\x18\xf4"), 0);
	vmx_vcpu_regs(g.v)->rax = GUEST_FREE;
	vmx_vcpu_regs(g.v)->rcx = GUEST_PT + (GUEST_FREE >> VMX_PAGE_SHIFT) * 8;
	vmx_vcpu_regs(g.v)->rdx = (GUEST_FREE + VMX_PAGE_SIZE) | PTE_ALL;
	expect_halt(&g, 0x30);
	/* mov %cr3, %rdi; mov %rdi, %cr3; mov (%rax), %bl; hlt */
	guest_start(&other, CODE("\x0f\x20\xdf\x0f\x22\xdf\x8a\x18\xf4"), 0)->rax = GUEST_FREE;
	expect_halt(&other, 0x30);
	vmx_vcpu_clear(other.v);
	vmx_vcpu_destroy(other.v);
	test_guest_end(&g);
}

/* --- costs --- */

#define TURNS 100

/* Ticks of the time-stamp counter; in Bochs those are instructions, and the same each time. A piece
 * of code that runs TURNS times in the guest, or once in each of TURNS runs. */
static const struct {
	const char *name, *code;
	size_t n;
	uint64_t rax, rcx;
	bool each_run;
	uint64_t most[2]; /* shadow paging, EPT: what nobody should notice less than */
} costs[] = {
	/* 1: xor %eax, %eax; cpuid; dec %edi; jnz 1b */
	{"CPUID", CODE("\x31\xc0\x0f\xa2\xff\xcf\x75\xf8"), 0, 0, false, {480, 480}},
	/* 1: rdmsr; dec %edi; jnz 1b */
	{"RDMSR", CODE("\x0f\x32\xff\xcf\x75\xfa"), 0, MSR_LSTAR_, false, {430, 430}},
	/* 1: mov %eax, %cr8; dec %edi; jnz 1b */
	{"MOV CR8", CODE("\x44\x0f\x22\xc0\xff\xcf\x75\xf8"), 1, 0, false, {490, 490}},
	/* 1: hlt; jmp 1b */
	{"HLT and the owner", CODE("\xf4\xeb\xfd"), 0, 0, true, {700, 700}},
	/* mov (%rax), %al: the owner is told the address, and does nothing */
	{"MMIO and the owner", CODE("\x8a\x00"), GUEST_VA_NOWHERE, 0, true, {1900, 950}},
};

static uint64_t cost(size_t i)
{
	uint64_t begun, ticks;
	struct sbv_regs *r;
	struct guest g;
	int runs = costs[i].each_run ? TURNS : 1;

	test_guest_begin(&g);
	/* Once for the demand of memory. */
	for (int warm = 0; warm < 2; warm++) {
		r = guest_start(&g, costs[i].code, costs[i].n, 0);
		r->rax = costs[i].rax;
		r->rcx = costs[i].rcx;
		r->rdi = TURNS;
		begun = x86_rdtsc();
		for (int n = 0; n < runs; n++)
			metal_run(g.v, 64);
		ticks = x86_rdtsc() - begun;
	}
	guest_run(&g);
	test_guest_end(&g);
	return ticks / TURNS;
}

static void test_costs(void)
{
	for (size_t i = 0; i < VMX_ARRAY_SIZE(costs); i++) {
		uint64_t ticks;

		test_case("cost: %s", costs[i].name);
		ticks = cost(i);
		metal_print("%lu ticks: %s\n", ticks, costs[i].name);
		test_expect(ticks <= costs[i].most[vmx_caps.ept],
			"%lu ticks, and at most %lu are wanted", ticks,
			costs[i].most[vmx_caps.ept]);
	}
}

void test_turns(void)
{
	test_guests();
	test_vcpus();
	test_costs();
}
