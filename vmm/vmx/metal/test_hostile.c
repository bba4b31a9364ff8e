/* SPDX-License-Identifier: Apache-2.0
 *
 * Guests that mean ill (../guest/hostile.h). The host goes on, a neighbour notices nothing, and no
 * memory is lost. A guest may be ended in every way but two: by a state of its own that no CPU
 * enters, and by an exit that nobody expected.
 */
#include "../guest/hostile.h"
#include "test.h"

#define RUNS	     24
#define TICKS	     20000 /* of the preemption timer: IF may be clear, and a loop endless */
#define REASON_TIMER 52u
#define CODE_SIZE    4000u
#define CANARY	     0x5aa55aa5c3c33c3cull

static struct hostile state;
static uint64_t ends[16]; /* runs, by what ended them: SBV_EXIT_* */
static uint64_t exits;	  /* all of them */

static uint64_t any(void)
{
	return hostile_any(&state);
}

static uint32_t below(uint32_t n)
{
	return hostile_below(&state, n);
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
	hostile_code(&state, g->memory + GUEST_CODE, CODE_SIZE);
	for (uint64_t *r = &vmx_vcpu_regs(g->v)->rax; r <= &vmx_vcpu_regs(g->v)->rdi; r++)
		*r = hostile_value(&state);
	for (uint64_t *r = &vmx_vcpu_regs(g->v)->r8; r <= &vmx_vcpu_regs(g->v)->r15; r++)
		*r = hostile_value(&state);
}

/* It goes on somewhere else. */
static void go_on(struct guest *g)
{
	struct sbv_regs *r = vmx_vcpu_regs(g->v);

	r->rip = GUEST_CODE + below(CODE_SIZE);
	if (below(2))
		r->rsp = hostile_address(&state);
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

	hostile_seed(&state, seed, guest_cr4());
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
