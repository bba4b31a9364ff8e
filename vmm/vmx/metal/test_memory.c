/* SPDX-License-Identifier: Apache-2.0
 *
 * The guest's memory: slots, what is behind none, what the host takes away, and no memory left.
 */
#include "test.h"

#define CODE(bytes)    bytes, sizeof(bytes) - 1
#define READ	       CODE("\x8a\x00") /* mov (%rax), %al */
#define WRITE	       CODE("\x88\x00")
#define EPT_ADDRESS    0x000ffffffffff000ull
#define EPT_READ_WRITE 3ull
#define EPT_WRITE_ONLY 2ull

/* One access, and what its owner is told. */
static void test_access(
	const char *name, const char *code, size_t n, uint64_t va, uint32_t reason, uint64_t gpa)
{
	bool jump = code[0] == '\xff';
	struct guest g;

	test_case("%s", name);
	test_guest_begin(&g);
	guest_start(&g, code, n, 3)->rax = va;
	guest_run(&g);
	test_expect(g.exit.reason == reason, "exit %u", g.exit.reason);
	if (reason != SBV_EXIT_IO_OUT) {
		test_expect(g.exit.gpa == gpa, "gpa %lx", g.exit.gpa);
		test_expect(vmx_vcpu_regs(g.v)->rip == (jump ? va : GUEST_CODE), "rip %lx",
			vmx_vcpu_regs(g.v)->rip);
	}
	test_guest_end(&g);
}

static void test_accesses(void)
{
	test_access("a read of no slot", READ, GUEST_VA_NOWHERE + 0x123, SBV_EXIT_MMIO,
		GUEST_GPA_NOWHERE + 0x123);
	test_access(
		"a write to no slot", WRITE, GUEST_VA_NOWHERE, SBV_EXIT_MMIO, GUEST_GPA_NOWHERE);
	test_access("a jump to no slot", CODE("\xff\xe0"), GUEST_VA_NOWHERE, SBV_EXIT_MMIO,
		GUEST_GPA_NOWHERE);
	test_access("a read of memory that is lost", READ, GUEST_VA_LOST, SBV_EXIT_MEMORY,
		GUEST_GPA_LOST);
	test_access("a read of a read-only slot", READ, GUEST_VA_READONLY, SBV_EXIT_IO_OUT, 0);
	test_access("a write to a read-only slot", WRITE, GUEST_VA_READONLY, SBV_EXIT_MMIO,
		GUEST_GPA_READONLY);
}

static void test_slots(void)
{
	static const struct {
		const char *name;
		struct sbv_memory m; /* hva is the main memory's, plus this */
		int result;
	} cases[] = {
		{"its number", {SBV_SLOTS, 0, 0x80000000, 0, 0x1000}, -EINVAL},
		{"its flags", {9, 0x80, 0x80000000, 0, 0x1000}, -EINVAL},
		{"gpa's alignment", {9, 0, 0x80000010, 0, 0x1000}, -EINVAL},
		{"hva's alignment", {9, 0, 0x80000000, 0x10, 0x1000}, -EINVAL},
		{"the size's alignment", {9, 0, 0x80000000, 0, 0x1010}, -EINVAL},
		{"a wrap", {9, 0, 0xfffffffffffff000, 0, 0x2000}, -EINVAL},
		{"an overlap", {9, 0, GUEST_SIZE - 0x1000, 0, 0x2000}, -EEXIST},
		{"one in use", {GUEST_SLOT_MAIN, 0, 0x80000000, 0, 0x1000}, -EEXIST},
		{"a good one", {9, 0, 0x80000000, 0, 0x1000}, 0},
		{"its end", {9, 0, 0x80000000, 0, 0}, 0},
	};
	struct guest g;

	test_case("slots");
	test_guest_begin(&g);
	for (size_t i = 0; i < VMX_ARRAY_SIZE(cases); i++) {
		struct sbv_memory m = cases[i].m;
		int result;

		m.hva += (uintptr_t)g.memory;
		result = vmx_vm_set_memory(g.vm, &m);
		test_expect(result == cases[i].result, "%s: %d", cases[i].name, result);
	}
	test_guest_end(&g);
}

/* A slot that goes while its pages are in the tables is gone for the guest. */
static void test_slot_goes(void)
{
	struct sbv_memory gone = {.slot = GUEST_SLOT_READONLY};
	struct guest g;

	test_case("a slot goes");
	test_guest_begin(&g);
	guest_start(&g, READ, 3)->rax = GUEST_VA_READONLY;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(!vmx_vm_set_memory(g.vm, &gone), "it stays");
	guest_start(&g, READ, 3)->rax = GUEST_VA_READONLY;
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_MMIO, "exit %u", g.exit.reason);
	test_guest_end(&g);
}

static void test_zap(void)
{
	uint64_t hva;
	bool flush;
	struct guest g;

	test_case("the host takes a page and gives it back");
	test_guest_begin(&g);
	hva = (uintptr_t)g.memory + GUEST_FREE;
	guest_start(&g, READ, 3)->rax = GUEST_FREE;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	metal_host.lock(&g);
	flush = vmx_vm_zap_hva(g.vm, hva, hva + VMX_PAGE_SIZE);
	if (flush)
		vmx_flush_tlbs(g.vm);
	metal_host.unlock(&g);
	test_expect(flush, "nothing led to it");
	g.memory[GUEST_FREE] = 0x77;
	guest_start(&g, READ, 3)->rax = GUEST_FREE;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect((vmx_vcpu_regs(g.v)->rax & 0xff) == 0x77, "rax %lx", vmx_vcpu_regs(g.v)->rax);
	test_guest_end(&g);
}

static void test_log(void)
{
	uint64_t bits = 0;
	struct guest g;

	test_case("the log of written pages");
	test_guest_begin(&g);
	guest_start(&g, READ, 3)->rax = GUEST_VA_LOGGED;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	test_expect(
		!vmx_vm_dirty_log(g.vm, GUEST_SLOT_LOGGED, &bits, 1) && !bits, "read: %lx", bits);
	for (int i = 0; i < 2; i++) { /* twice: what was taken is logged anew */
		guest_start(&g, WRITE, 3)->rax = GUEST_VA_LOGGED + VMX_PAGE_SIZE;
		guest_run(&g);
		test_trap(&g, GUEST_DONE);
		test_expect(!vmx_vm_dirty_log(g.vm, GUEST_SLOT_LOGGED, &bits, 1) && bits == 2,
			"written: %lx", bits);
	}
	test_expect(vmx_vm_dirty_log(g.vm, GUEST_SLOT_MAIN, &bits, 1) == -ENOENT, "not logged");
	test_guest_end(&g);
}

/* The leaf of a guest-physical page. */
static uint64_t *ept_leaf(struct guest *g, uint64_t gpa)
{
	uint64_t *table = g->vm->mmu_state;

	for (int shift = 39;; shift -= 9) {
		uint64_t *entry = &table[gpa >> shift & 511];

		if (shift == 12 || (*entry & 0x80))
			return entry;
		table = metal_host.page_va(*entry & EPT_ADDRESS);
	}
}

static void test_misconfiguration(void)
{
	uint64_t *leaf;
	struct guest g;

	test_case("an EPT misconfiguration");
	test_guest_begin(&g);
	guest_start(&g, READ, 3)->rax = GUEST_VA_READONLY;
	guest_run(&g);
	test_trap(&g, GUEST_DONE);
	leaf = ept_leaf(&g, GUEST_GPA_READONLY);
	*leaf = (*leaf & ~EPT_READ_WRITE) | EPT_WRITE_ONLY;
	vmx_flush_tlbs(g.vm);
	guest_start(&g, READ, 3)->rax = GUEST_VA_READONLY;
	guest_run(&g);
	test_expect(g.exit.reason == SBV_EXIT_FAIL && g.exit.code == SBV_FAIL_MISCONFIG &&
			    g.exit.detail == GUEST_GPA_READONLY,
		"exit %u, code %u, detail %lx", g.exit.reason, g.exit.code, g.exit.detail);
	test_guest_end(&g);
}

/* With memory for n pages, for every n until all succeeds: an error, and nothing is left. */
static void test_no_memory(void)
{
	size_t before = metal_pages_used();
	bool made = false, ran = false;
	struct guest g;
	int n;

	test_case("no memory");
	for (n = 0; n < 100 && !(made && ran); n++) {
		metal_pages_limit(n);
		made = guest_make(&g);
		ran = false;
		if (made) {
			guest_start(&g, READ, 3)->rax = GUEST_FREE;
			guest_run(&g);
			ran = guest_trap(&g) == GUEST_DONE;
			test_expect(ran || (g.exit.reason == SBV_EXIT_FAIL &&
						   g.exit.code == SBV_FAIL_NO_MEMORY),
				"%d pages: exit %u, code %u", n, g.exit.reason, g.exit.code);
		}
		metal_pages_limit(-1);
		guest_end(&g);
		test_expect(metal_pages_used() == before, "%d pages: %lu are left", n,
			metal_pages_used() - before);
	}
	test_expect(made && ran && n > 8, "with %d pages", n);
}

void test_memory(void)
{
	test_accesses();
	test_slots();
	test_slot_goes();
	test_zap();
	test_log();
	if (vmx_caps.ept)
		test_misconfiguration();
	test_no_memory();
}
