/* SPDX-License-Identifier: Apache-2.0
 *
 * Guests that mean ill, from a seed: privileged instructions, MSRs, control registers, page tables
 * that refer to themselves or to nothing, random bytes. The host goes on, a neighbour notices
 * nothing, and no memory is lost. A guest may be ended in every way but two: by a state of its own
 * that no CPU enters, and by an exit that nobody expected.
 */
#include "../core/announce.h"
#include "../core/instructions.h"
#include "test.h"

#define RUNS	     24
#define TICKS	     20000 /* of the preemption timer: IF may be clear, and a loop endless */
#define REASON_TIMER 52u
#define CODE_SIZE    4000u
#define CANARY	     0x5aa55aa5c3c33c3cull

static uint64_t state;
static uint64_t ends[16]; /* runs, by what ended them: SBV_EXIT_* */
static uint64_t exits;	  /* all of them */

/* Marsaglia's xorshift64. */
static uint64_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(any() >> 32) % n;
}

/* --- what they are made of --- */

static const uint64_t addresses[] = {0, GUEST_PML4, GUEST_PDPT, GUEST_PD, GUEST_PT, GUEST_GDT,
	GUEST_TSS, GUEST_IDT, GUEST_CODE, GUEST_SCRATCH, GUEST_STACK - 8, GUEST_FREE,
	GUEST_SIZE - VMX_PAGE_SIZE, GUEST_SIZE, GUEST_VA_NOWHERE, GUEST_VA_LOST, GUEST_VA_READONLY,
	GUEST_VA_LOGGED, GUEST_GPA_READONLY, 0x7fffffffffff, 0x800000000000, 0xffff800000000000,
	0xfffffffffffff000, 0xffffff8000000000, 1ull << 39, 1ull << 51, 1ull << 52};

static uint64_t address(void)
{
	uint64_t a = addresses[below(VMX_ARRAY_SIZE(addresses))];

	return below(3) ? a : a + any() % VMX_PAGE_SIZE;
}

/* Of a page table: likely present, often of a table, now and then nonsense. */
static uint64_t entry(void)
{
	uint64_t e = (address() & VMX_PAGE_MASK) | (any() & 0x1ff);

	if (below(8))
		e |= 7;
	if (!below(6))
		e |= 1ull << 63;
	return below(16) ? e : any();
}

static uint64_t value(void)
{
	switch (below(8)) {
	case 0:
		return any();
	case 1:
		return GUEST_CR0 ^ (1ull << below(32));
	case 2:
		return guest_cr4() ^ (1ull << below(24));
	case 3:
		return (EFER_LMA | EFER_LME | EFER_SCE) ^ (1ull << below(16));
	case 4:
		return entry();
	case 5:
		return below(256);
	default:
		return address();
	}
}

static uint64_t msr(void)
{
	static const uint32_t known[] = {MSR_TSC, MSR_FEATURE_CONTROL, MSR_SYSENTER_CS,
		MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_DEBUGCTL, MSR_PAT, MSR_VMX_BASIC, MSR_EFER_,
		MSR_STAR_, MSR_LSTAR_, MSR_CSTAR_, MSR_FMASK_, MSR_FSBASE_, MSR_GSBASE_,
		MSR_KERNEL_GSBASE_, MSR_TSC_AUX_, 0x1b, 0x8b, 0x1a0, 0x200, 0x2ff, 0x800, 0xda0};

	switch (below(4)) {
	case 0:
		return any() & UINT32_MAX;
	case 1:
		return (below(2) ? 0xc0000000u : 0) + below(0x2000);
	default:
		return known[below(VMX_ARRAY_SIZE(known))];
	}
}

/* --- code --- */

struct code {
	uint8_t *at, *end;
};

static void bytes(struct code *c, const void *p, size_t n)
{
	if (n > (size_t)(c->end - c->at))
		n = (size_t)(c->end - c->at);
	memcpy(c->at, p, n);
	c->at += n;
}

enum reg { RAX, RCX, RDX, RBX };

static void load(struct code *c, enum reg reg, uint64_t n)
{
	const uint8_t head[2] = {0x48, (uint8_t)(0xb8 + reg)};

	bytes(c, head, 2);
	bytes(c, &n, 8);
}

static void listed(struct code *c)
{
#define ROW(name, text, ring0, ring3, note) {text, sizeof(text) - 1},
	static const struct {
		const char *text;
		size_t n;
	} rows[] = {VMX_INSTRUCTIONS(ROW)
		/* What goes on in hardware: mov to es, ds and ss; lldt, ltr, str; popf, iretq,
		 * retf, syscall, sysret, swapgs, int 3, into ring 3 and back; xsave; cmpxchg16b;
		 * rdfsbase, wrgsbase */
		{"\x8e\xc0", 2},
		{"\x8e\xd8", 2}, {"\x8e\xd0", 2}, {"\x0f\x00\xd0", 3}, {"\x0f\x00\xd8", 3},
		{"\x0f\x00\xc8", 3}, {"\x9d", 1}, {"\x48\xcf", 2}, {"\x48\xcb", 2}, {"\x0f\x05", 2},
		{"\x48\x0f\x07", 3}, {"\x0f\x01\xf8", 3}, {"\xcd\x03", 2}, {"\x0f\xae\x21", 3},
		{"\x48\x0f\xc7\x09", 4}, {"\xf3\x48\x0f\xae\xc0", 5}, {"\xf3\x48\x0f\xae\xd8", 5},
		{"\x50", 1}, {"\x58", 1}, {"\x9c", 1}, {"\x5c", 1}};
	size_t i = below(VMX_ARRAY_SIZE(rows));

	bytes(c, rows[i].text, rows[i].n);
}

static void step(struct code *c)
{
	uint64_t noise = any();

	switch (below(12)) {
	case 0:
	case 1: /* an entry of a table, or what is taken for one */
		load(c, RCX, (address() & VMX_PAGE_MASK) | below(512) * 8);
		load(c, RDX, entry());
		bytes(c, "\x48\x89\x11", 3);
		break;
	case 2:
		load(c, RAX, address());
		bytes(c, below(2) ? "\x0f\x01\x38" : "\x8a\x00", below(2) ? 3 : 2);
		break;
	case 3:
		load(c, RAX, address());
		bytes(c, below(2) ? "\x88\x00" : "\xff\xe0", 2);
		break;
	case 4: /* mov %rax, %cr0, %cr3, %cr4, %cr8 */
		load(c, RAX, value());
		bytes(c,
			&"\x0f\x22\xc0\x90\x0f\x22\xd8\x90\x0f\x22\xe0\x90\x44\x0f\x22\xc0"
				[4 * below(4)],
			4);
		break;
	case 5:
		load(c, RCX, msr());
		load(c, RAX, value());
		bytes(c, below(2) ? "\x0f\x30" : "\x0f\x32", 2);
		break;
	case 6:
		load(c, RAX, VMX_CALL_ANNOUNCE_MODE + below(3));
		load(c, RBX, below(2) ? below(2) : address());
		load(c, RCX, below(8) ? below(200) : any());
		bytes(c, "\x0f\x01\xc1", 3);
		break;
	case 7:
		bytes(c, &noise, 1 + below(7));
		break;
	case 8: /* into debug registers */
		load(c, RAX, below(2) ? address() : value());
		bytes(c, (const uint8_t[3]){0x0f, 0x23, (uint8_t)(0xc0 + 8 * below(8))}, 3);
		break;
	case 9:
		load(c, (enum reg)below(4), value());
		break;
	default:
		listed(c);
		break;
	}
}

static void make_code(struct guest *g)
{
	struct code c = {g->memory + GUEST_CODE, g->memory + GUEST_CODE + CODE_SIZE};

	while (c.at < c.end)
		step(&c);
}

/* --- a guest's life --- */

static void set_timer(struct guest *g)
{
	vmx_vcpu_load(g->v, 0);
	vmcs_write(VMCS_PIN_CONTROLS, vmx_caps.pin | PIN_PREEMPTION_TIMER);
	vmcs_write(VMCS_PREEMPTION_TIMER, TICKS);
	vmx_vcpu_put(g->v);
}

/* As new, but for what the core has made of the guest's tables. */
static void start(struct guest *g)
{
	guest_reset(g);
	vmx_vm_forget(g->vm);
	guest_start(g, "", 0, below(3) ? 0 : 3);
	make_code(g);
	for (uint64_t *r = &vmx_vcpu_regs(g->v)->rax; r <= &vmx_vcpu_regs(g->v)->rdi; r++)
		*r = value();
	for (uint64_t *r = &vmx_vcpu_regs(g->v)->r8; r <= &vmx_vcpu_regs(g->v)->r15; r++)
		*r = value();
}

/* It goes on somewhere else. */
static void go_on(struct guest *g)
{
	struct sbv_regs *r = vmx_vcpu_regs(g->v);

	r->rip = GUEST_CODE + below(CODE_SIZE);
	if (below(2))
		r->rsp = address();
	if (!below(4))
		r->rflags = any();
	if (!below(4))
		vmx_vcpu_set_irq(g->v, (uint16_t)below(300));
	if (g->exit.reason == SBV_EXIT_IO_IN)
		vmx_vcpu_answer_in(g->v, (uint32_t)any());
}

static bool is_allowed(const struct vmx_user_exit *e)
{
	if (e->reason != SBV_EXIT_FAIL)
		return true;
	return e->code == SBV_FAIL_EXIT && (e->detail & 0xffff) == REASON_TIMER;
}

static void live(uint64_t seed)
{
	struct sbv_memory no_apic = {.slot = GUEST_SLOT_APIC};
	struct guest g;

	state = seed * 0x9e3779b97f4a7c15 + 1;
	test_guest_begin(&g);
	vmx_vm_set_memory(g.vm, &no_apic);
	set_timer(&g);
	for (int i = 0; i < RUNS; i++) {
		if (!i || g.exit.reason == SBV_EXIT_SHUTDOWN || !below(8))
			start(&g);
		else
			go_on(&g);
		guest_run_briefly(&g);
		ends[g.exit.reason % VMX_ARRAY_SIZE(ends)]++;
		test_expect(is_allowed(&g.exit),
			"seed %lu run %d: exit %u code %u detail %lx, at %lx", seed, i,
			g.exit.reason, g.exit.code, g.exit.detail, vmx_vcpu_regs(g.v)->rip);
	}
	for (size_t i = 0; i < SBV_EXIT_KINDS; i++)
		exits += g.stats.exits[i];
	test_guest_end(&g);
}

static void check_canary(const uint64_t *page, uint64_t seed)
{
	for (size_t i = 0; i < VMX_PAGE_SIZE / 8; i++)
		if (page[i] != CANARY)
			metal_die("seed %lu wrote to the host's memory", seed);
}

static uint64_t sum(const struct guest *g)
{
	const uint64_t *p = (const uint64_t *)(const void *)g->memory;
	uint64_t s = 0;

	for (size_t i = 0; i < GUEST_SIZE / 8; i++)
		s = s * 31 + p[i];
	return s;
}

void test_hostile(uint64_t first, uint64_t n)
{
	uint64_t *below_page, *above_page, before;
	struct guest neighbour;

	if (!vmx_caps.preemption_timer)
		return;
	test_case("hostile guests, seeds %lu to %lu", first, first + n - 1);
	below_page = metal_pages_alloc(1);
	if (!guest_make(&neighbour))
		metal_die("no neighbour");
	above_page = metal_pages_alloc(1);
	for (size_t i = 0; i < VMX_PAGE_SIZE / 8; i++)
		below_page[i] = above_page[i] = CANARY;
	guest_start(&neighbour, "\x8a\x18", 2, 3)->rax = GUEST_SCRATCH;
	guest_run(&neighbour);
	before = sum(&neighbour);
	for (uint64_t seed = first; seed < first + n; seed++) {
		live(seed);
		check_canary(below_page, seed);
		check_canary(above_page, seed);
		guest_start(&neighbour, "\x8a\x18", 2, 3)->rax = GUEST_SCRATCH;
		guest_run(&neighbour);
		test_trap(&neighbour, GUEST_DONE);
		test_expect(sum(&neighbour) == before, "seed %lu: the neighbour has changed", seed);
	}
	guest_end(&neighbour);
	metal_pages_free(above_page);
	metal_pages_free(below_page);
	metal_print("hostile guests: %lu exits; ended by traps and OUT %lu IN %lu MMIO %lu HLT %lu "
		    "shutdown %lu memory %lu timer %lu\n",
		exits, ends[SBV_EXIT_IO_OUT], ends[SBV_EXIT_IO_IN], ends[SBV_EXIT_MMIO],
		ends[SBV_EXIT_HLT], ends[SBV_EXIT_SHUTDOWN], ends[SBV_EXIT_MEMORY],
		ends[SBV_EXIT_FAIL] + ends[SBV_EXIT_INTR]);
}
