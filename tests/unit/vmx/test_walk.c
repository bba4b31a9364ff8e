/* SPDX-License-Identifier: Apache-2.0
 *
 * What the guest's tables say, and which bits of them are set.
 */
#include "tests/unit/vmx/tables.h"
#include "tests/unit/vmx/tests.h"

#define GVA 0x40201000ull /* 1 in each index but that of level 4 */

static uint64_t entry_of(struct tables *t, uint32_t level)
{
	return tables_peek(t, tables_at(t, t->root, GVA, level));
}

static void test_sizes(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	expect_ok(v, GVA + 0x123, PF_WRITE, 0x5123);
	/* 2 MiB of many frames, of one. */
	tables_map(t, 0x600000, 2, 0x200000 | PWU | L);
	expect_ok(v, 0x600000 + 0x12345, PF_WRITE, 0x212345);
	expect_ok(v, 0x600000 + 0x54321, PF_USER, 0x254321);
	tables_map(t, 0x800000, 2, (BIG_GPA + 0x200000) | PWU | L);
	expect_ok(v, 0x800000 + 0x12345, PF_WRITE, BIG_GPA + 0x212345);
	/* 1 GiB, with holes. */
	tables_map(t, 0x8000000000, 3, BIG_GPA | PWU | L);
	expect_ok(v, 0x8000000000 + 0x321456, PF_WRITE, BIG_GPA + 0x321456);
	expect_told(v, 0x8000000000 + 0x30000000, 0, OUT_MMIO, BIG_GPA + 0x30000000);
	tables_map(t, 0x8040000000, 3, PWU | L);
	expect_ok(v, 0x8040000000 + 0x321456, PF_WRITE, 0x321456);
	tables_destroy(t);
}

/* One fault for a piece of 2 MiB that is one for the guest, the slot and the host; else small ones.
 */
static void test_large_is_one_entry(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t faults;

	tables_map(t, 0x800000, 2, (BIG_GPA + 0x200000) | PWU | L);
	expect_ok(v, 0x800000, PF_WRITE, BIG_GPA + 0x200000);
	faults = v->faults;
	for (uint64_t i = 0; i < PT_ENTRIES; i++)
		expect_ok(v, 0x800000 + i * 4096, PF_WRITE, BIG_GPA + 0x200000 + i * 4096);
	assert_int_equal(v->faults, faults);
	host_move(&t->m, BIG_GPA + 0x205000);
	for (uint64_t i = 0; i < PT_ENTRIES; i++)
		expect_ok(v, 0x800000 + i * 4096, PF_WRITE, BIG_GPA + 0x200000 + i * 4096);
	assert_int_equal(v->faults, faults + PT_ENTRIES);
	tables_destroy(t);
}

static void test_accessed_and_dirty(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	expect_ok(v, GVA, 0, 0x5000);
	for (uint32_t level = 2; level <= PT_LEVELS; level++)
		assert_int_equal(entry_of(t, level) & (A | D), A);
	assert_int_equal(entry_of(t, 1), 0x5000 | PWU | A);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(entry_of(t, 1), 0x5000 | PWU | A | D);
	assert_int_equal(entry_of(t, 2) & (A | D), A);
	/* The leaf was already dirty: a read is enough to write later without another fault. */
	tables_map(t, GVA + 0x1000, 1, 0x6000 | PWU | A | D);
	expect_ok(v, GVA + 0x1000, 0, 0x6000);
	v->faults = 0;
	expect_ok(v, GVA + 0x1000, PF_WRITE, 0x6000);
	assert_int_equal(v->faults, 0);
	tables_destroy(t);
}

/* A large page's dirty bit stands for all of it. */
static void test_large_dirty(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, 0x600000, 2);

	tables_poke(t, at, 0x200000 | PWU | L);
	expect_ok(v, 0x600000, 0, 0x200000);
	expect_ok(v, 0x601000, 0, 0x201000);
	assert_int_equal(tables_peek(t, at), 0x200000 | PWU | L | A);
	expect_ok(v, 0x601000, PF_WRITE, 0x201000);
	assert_int_equal(tables_peek(t, at), 0x200000 | PWU | L | A | D);
	tables_destroy(t);
}

/* No bit is set by what is refused. */
static void test_refused_leaves_no_trace(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | P | U);
	expect_fault(v, GVA, PF_WRITE | PF_USER, PF_PRESENT | PF_WRITE | PF_USER);
	for (uint32_t level = 1; level <= PT_LEVELS; level++)
		assert_int_equal(entry_of(t, level) & (A | D), 0);
	assert_int_equal(t->m.bits_set, 0);
	tables_destroy(t);
}

/* Each right, taken away at each level, for each access. */
static void test_rights(void **state)
{
	static const uint32_t accesses[] = {
		0, PF_WRITE, PF_FETCH, PF_USER, PF_USER | PF_WRITE, PF_USER | PF_FETCH};
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	for (uint32_t level = 1; level <= PT_LEVELS; level++) {
		uint64_t at = tables_at(t, t->root, GVA, level), whole = tables_peek(t, at);
		const uint64_t less[] = {whole, whole & ~W, whole & ~U, whole | NX, whole & ~P};

		for (uint32_t i = 0; i < VMX_ARRAY_SIZE(less); i++) {
			tables_poke(t, at, less[i]);
			for (uint32_t n = 0; n < VMX_ARRAY_SIZE(accesses); n++) {
				vmx_vm_forget(&t->m.vm);
				checked_access(v, GVA, accesses[n]);
			}
			for (uint32_t n = 0; n < VMX_ARRAY_SIZE(accesses); n++)
				checked_access(v, GVA, accesses[n]);
		}
		tables_poke(t, at, whole & ~W);
		vmx_vm_forget(&t->m.vm);
		expect_fault(v, GVA, PF_WRITE, PF_PRESENT | PF_WRITE);
		tables_poke(t, at, whole & ~U);
		vmx_vm_forget(&t->m.vm);
		expect_fault(v, GVA, PF_USER, PF_PRESENT | PF_USER);
		tables_poke(t, at, whole | NX);
		vmx_vm_forget(&t->m.vm);
		expect_fault(v, GVA, PF_FETCH, PF_PRESENT | PF_FETCH);
		tables_poke(t, at, whole & ~P);
		vmx_vm_forget(&t->m.vm);
		expect_fault(v, GVA, PF_USER | PF_WRITE, PF_USER | PF_WRITE);
		tables_poke(t, at, whole);
	}
	tables_destroy(t);
}

static void reserved_at(struct tables *t, uint64_t gva, uint32_t level, uint64_t bit)
{
	uint64_t at = tables_at(t, t->root, gva, level), whole = tables_peek(t, at);

	tables_poke(t, at, whole | bit);
	expect_fault(t->m.vcpu, gva, PF_WRITE, PF_PRESENT | PF_WRITE | PF_RESERVED);
	/* In an entry that is not present nothing is. */
	tables_poke(t, at, (whole | bit) & ~P);
	expect_fault(t->m.vcpu, gva, PF_WRITE, PF_WRITE);
	tables_poke(t, at, whole);
	expect_ok(t->m.vcpu, gva, PF_WRITE, 0x200000);
	vmx_vm_forget(&t->m.vm);
}

static void test_reserved(void **state)
{
	struct tables *t = tables_init();

	tables_map(t, GVA, 1, 0x200000 | PWU);
	for (uint32_t level = 1; level <= PT_LEVELS; level++)
		for (uint32_t bit = 40; bit < 52; bit++)
			reserved_at(t, GVA, level, 1ull << bit);
	reserved_at(t, GVA, 4, L);
	tables_map(t, 0x600000, 2, 0x200000 | PWU | L);
	for (uint32_t bit = 13; bit < 21; bit++)
		reserved_at(t, 0x600000, 2, 1ull << bit);
	tables_map(t, 0x8040200000, 3, PWU | L);
	for (uint32_t bit = 13; bit < 30; bit++)
		reserved_at(t, 0x8040200000, 3, 1ull << bit);
	/* Bit 12 of a large page is PAT. */
	tables_map(t, 0x600000, 2, 0x201000 | PWU | L);
	expect_ok(t->m.vcpu, 0x600123, PF_WRITE, 0x200123);
	tables_destroy(t);
}

/* Bit 63 without NXE: also for a vCPU that shares the shadow with one that has it. */
static void test_nx_without_nxe(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU | NX);
	expect_ok(v, GVA, PF_USER, 0x5000);
	cpu_mode(&v[1], 0, true);
	expect_fault(&v[1], GVA, PF_USER, PF_PRESENT | PF_USER | PF_RESERVED);
	expect_ok(v, GVA, PF_USER, 0x5000);
	expect_fault(v, GVA, PF_FETCH, PF_PRESENT | PF_FETCH);
	cpu_mode(&v[1], SHADOW_NXE, true);
	expect_ok(&v[1], GVA, PF_USER, 0x5000);
	tables_destroy(t);
}

/* Told or not: the verdict is the same, only later. */
static void smap_and_smep(bool told)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	cpu_mode(v, SHADOW_NXE | SHADOW_SMEP | SHADOW_SMAP, told);
	expect_fault(v, GVA, PF_WRITE, PF_PRESENT | PF_WRITE);
	expect_fault(v, GVA, 0, PF_PRESENT);
	expect_fault(v, GVA, PF_FETCH, PF_PRESENT | PF_FETCH);
	expect_ok(v, GVA, PF_USER | PF_WRITE, 0x5000);
	v->ac = true;
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	expect_fault(v, GVA, PF_FETCH, PF_PRESENT | PF_FETCH);
	v->ac = false;
	expect_fault(v, GVA, PF_WRITE, PF_PRESENT | PF_WRITE);
	tables_destroy(t);
}

static void test_smap_told(void **state)
{
	smap_and_smep(true);
}

static void test_smap_not_told(void **state)
{
	smap_and_smep(false);
}

/* A change of modes empties the TLBs, whatever else it does. */
static void test_modes_flush(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	expect_ok(v, GVA, 0, 0x5000);
	for (int announced = 0; announced < 2; announced++) {
		uint64_t generation = t->m.vm.tlb_generation;

		cpu_mode(v, SHADOW_NXE | SHADOW_SMAP, true);
		assert_true(t->m.vm.tlb_generation > generation);
		shadow_announce_mode(&t->m.vm, true);
	}
	tables_destroy(t);
}

/* What cannot be explained is only the guest's if it is the same again with nothing in between. */
static void test_doubt(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;
	struct vmx_fault_info info = {.gva = GVA, .error = PF_PRESENT};

	tables_map(t, GVA, 1, 0x5000 | PWU);
	tables_map(t, GVA + 0x1000, 1, 0x6000 | PWU);
	expect_ok(v, GVA, 0, 0x5000);
	expect_ok(v, GVA + 0x1000, 0, 0x6000);
	assert_int_equal(vmx_mmu_shadow.fault(v, &info), VMX_FAULT_RESUME);
	host_move(&t->m, 0x6000);
	assert_int_equal(vmx_mmu_shadow.fault(v, &info), VMX_FAULT_RESUME);
	assert_int_equal(vmx_mmu_shadow.fault(v, &info), VMX_FAULT_INJECT);
	assert_int_equal(info.inject, PF_PRESENT);
	assert_int_equal(vmx_mmu_shadow.fault(v, &info), VMX_FAULT_RESUME);
	/* A user's access cannot be refused like this. */
	info.error |= PF_USER;
	for (int i = 0; i < 4; i++)
		assert_int_equal(vmx_mmu_shadow.fault(v, &info), VMX_FAULT_RESUME);
	tables_destroy(t);
}

/* Another vCPU's TLB has the page read-only still: its fault is no one's. */
static void test_tlb_knows_less(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	expect_ok(&v[1], GVA, 0, 0x5000);
	expect_ok(&v[0], GVA, PF_WRITE, 0x5000);
	v[1].faults = 0;
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	assert_int_equal(v[1].faults, 1);
	tables_destroy(t);
}

/* Where there is no memory: as with EPT, the address is told. */
static void test_nothing_there(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, HOLE_GPA | PWU);
	expect_told(v, GVA + 8, PF_WRITE, OUT_MMIO, HOLE_GPA + 8);
	for (uint32_t level = 2; level <= PT_LEVELS; level++) {
		uint64_t at = tables_at(t, t->root, GVA, level), whole = tables_peek(t, at);

		tables_poke(t, at, HOLE_GPA | PWU);
		expect_told(v, GVA, 0, OUT_MMIO, HOLE_GPA + pt_index(GVA, level - 1) * 8);
		tables_poke(t, at, (LOG_GPA + 0x3000) | PWU);
		t->m.host.page[host_hva_page(&t->m, LOG_GPA + 0x3000)].broken = true;
		expect_told(v, GVA, 0, OUT_MEMORY, LOG_GPA + 0x3000 + pt_index(GVA, level - 1) * 8);
		t->m.host.page[host_hva_page(&t->m, LOG_GPA + 0x3000)].broken = false;
		tables_poke(t, at, whole);
		vmx_vm_forget(&t->m.vm);
	}
	assert_int_equal(shadow_load(v, HOLE_GPA), -EFAULT);
	assert_int_equal(v->shadow.root_pa, 0);
	assert_int_equal(shadow_load(v, t->root), 0);
	tables_destroy(t);
}

/* Tables that no one can write to: their bits count as set. */
static void test_tables_in_rom(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 2, ROM_GPA | PWU);
	tables_poke(t, ROM_GPA + pt_index(GVA, 1) * 8, 0x5000 | PWU);
	expect_ok(v, GVA, 0, 0x5000);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(tables_peek(t, ROM_GPA + pt_index(GVA, 1) * 8), 0x5000 | PWU);
	cpu_load_cr3(v, t->root);
	v->faults = 0;
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(v->faults, 0);
	/* ... but a host that cannot write to a slot that says so is an error. */
	tables_map(t, GVA, 2, (LOG_GPA + 0x3000) | PWU);
	tables_poke(t, LOG_GPA + 0x3000 + pt_index(GVA, 1) * 8, 0x5000 | PWU);
	t->m.host.page[host_hva_page(&t->m, LOG_GPA + 0x3000)].readonly = true;
	vmx_vm_forget(&t->m.vm);
	assert_int_equal(cpu_access(v, GVA, 0).kind, OUT_MEMORY);
	tables_destroy(t);
}

static void test_entry_changes_while_walked(void **state)
{
	struct tables *t = tables_init();

	tables_map(t, GVA, 1, 0x5000 | PWU);
	t->m.host.cmpxchg_losses = 5;
	expect_ok(t->m.vcpu, GVA, PF_WRITE, 0x5000);
	/* For ever: the guest tries again by itself. */
	tables_map(t, GVA + 0x1000, 1, 0x6000 | PWU);
	t->m.host.cmpxchg_losses = 1000;
	expect_ok(t->m.vcpu, GVA + 0x1000, PF_WRITE, 0x6000);
	tables_destroy(t);
}

/* The root as its own table of each level, and as the page. */
static void test_self_reference(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t self = 0xffffff7fbfdfe000ull; /* 510 in each index */

	tables_poke(t, t->root + 510 * 8, t->root | P | W);
	tables_map(t, GVA, 1, 0x5000 | PWU);
	expect_ok(v, GVA, 0, 0x5000);
	expect_ok(v, self + 8, PF_WRITE, t->root + 8);
	expect_fault(v, self + 8, PF_USER, PF_PRESENT | PF_USER);
	assert_int_equal(tables_peek(t, t->root + 510 * 8), t->root | P | W | A | D);
	cpu_load_cr3(v, t->root);
	expect_ok(v, self + 8, PF_WRITE, t->root + 8);
	/* The entry takes the right to write from itself. */
	{
		struct outcome out;

		assert_true(cpu_store(v, self + 510 * 8, t->root | P | A, &out));
	}
	cpu_invlpg(v, self);
	expect_fault(v, self + 8, PF_WRITE, PF_PRESENT | PF_WRITE);
	expect_ok(v, self + 8, 0, t->root + 8);
	expect_ok(v, GVA, 0, 0x5000);
	tables_destroy(t);
}

int tests_walk(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_large_is_one_entry),
		cmocka_unit_test(test_accessed_and_dirty),
		cmocka_unit_test(test_large_dirty),
		cmocka_unit_test(test_refused_leaves_no_trace),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_nx_without_nxe),
		cmocka_unit_test(test_smap_told),
		cmocka_unit_test(test_smap_not_told),
		cmocka_unit_test(test_modes_flush),
		cmocka_unit_test(test_doubt),
		cmocka_unit_test(test_tlb_knows_less),
		cmocka_unit_test(test_nothing_there),
		cmocka_unit_test(test_tables_in_rom),
		cmocka_unit_test(test_entry_changes_while_walked),
		cmocka_unit_test(test_self_reference),
	};

	return cmocka_run_group_tests_name("shadow: the guest's tables", tests, NULL, NULL);
}
