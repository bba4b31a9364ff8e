/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables that are written to, and what a flush makes of it.
 */
#include "tests/unit/vmx/tables.h"
#include "tests/unit/vmx/tests.h"

#define GVA  0x40201000ull
#define NEXT (GVA + 0x10000)
#define FAR  0x12340201000ull /* shares no table but the root */

static struct shadow_counts counts(struct tables *t)
{
	struct shadow_counts c;

	shadow_counts(&t->m.vm, &c);
	return c;
}

static struct tables *with_page(void)
{
	struct tables *t = tables_init();

	tables_window(t);
	tables_map(t, GVA, 1, 0x5000 | PWU);
	tables_map(t, NEXT, 1, 0x5000 | PWU);
	expect_ok(t->m.vcpu, GVA, PF_WRITE, 0x5000);
	cpu_load_cr3(t->m.vcpu, t->root);
	expect_ok(t->m.vcpu, GVA, PF_WRITE, 0x5000);
	expect_ok(t->m.vcpu, NEXT, PF_WRITE, 0x5000);
	return t;
}

/* The first write to a table after a flush is seen, the next ones go by themselves. */
static void test_write_is_seen_once(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GVA, 1), seen = counts(t).unsynced;

	for (uint64_t i = 1; i < 20; i++) {
		tables_store(t, v, at + i * 8, 0x8000 | PWU);
		assert_int_equal(counts(t).unsynced, seen + 1);
	}
	cpu_invlpg(v, GVA);
	tables_store(t, v, at + 8, 0);
	assert_int_equal(counts(t).unsynced, seen + 2);
	tables_destroy(t);
}

/* What was taken away is gone with INVLPG, for a vCPU that did none, too: there is one shadow. */
static void test_invlpg(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GVA, 1);

	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	tables_store(t, v, at, 0x6000 | PWU);
	cpu_invlpg(v, GVA);
	expect_ok(v, GVA, PF_WRITE, 0x6000);
	expect_ok(&v[1], GVA, PF_WRITE, 0x6000);
	tables_store(t, v, at, 0x6000 | P | U);
	cpu_invlpg(v, GVA);
	expect_fault(v, GVA, PF_WRITE, PF_PRESENT | PF_WRITE);
	tables_store(t, v, at, 0);
	cpu_invlpg(v, GVA);
	expect_fault(v, GVA, PF_USER, PF_USER);
	tables_destroy(t);
}

/* As before a fork: what can no longer be written can still be read, without a fault. */
static void test_only_rights(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GVA, 1);

	tables_store(t, v, at, tables_peek(t, at) & ~W);
	cpu_invlpg(v, GVA);
	v->faults = 0;
	expect_ok(v, GVA, PF_USER, 0x5000);
	assert_int_equal(v->faults, 0);
	expect_fault(v, GVA, PF_WRITE, PF_PRESENT | PF_WRITE);
	tables_store(t, v, at, tables_peek(t, at) & ~U);
	cpu_invlpg(v, GVA);
	v->faults = 0;
	expect_ok(v, GVA, 0, 0x5000);
	assert_int_equal(v->faults, 0);
	expect_fault(v, GVA, PF_USER, PF_PRESENT | PF_USER);
	tables_store(t, v, at, tables_peek(t, at) | NX);
	cpu_invlpg(v, GVA);
	expect_fault(v, GVA, PF_FETCH, PF_PRESENT | PF_FETCH);
	tables_destroy(t);
}

/* The guest clears the bits that it ages pages by. */
static void test_bits_cleared(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;

	for (uint32_t level = 1; level <= PT_LEVELS; level++) {
		uint64_t at = tables_at(t, t->root, GVA, level);

		tables_store(t, v, at, tables_peek(t, at) & ~(A | D));
		cpu_invlpg(v, GVA);
		expect_ok(v, GVA, 0, 0x5000);
		assert_int_equal(tables_peek(t, at) & (A | D), A);
		expect_ok(v, GVA, PF_WRITE, 0x5000);
		assert_int_equal(tables_peek(t, at) & (A | D), level == 1 ? A | D : A);
	}
	tables_destroy(t);
}

/* INVLPG empties the paging-structure caches, whatever its address. */
static void test_upper_levels(void **state)
{
	for (uint32_t level = 2; level <= PT_LEVELS; level++) {
		struct tables *t = with_page();
		struct vmx_vcpu *v = t->m.vcpu;
		uint64_t at = tables_at(t, t->root, GVA, level);

		tables_map(t, GVA + 0x1000, 1, 0x7000 | PWU);
		tables_store(t, v, at, 0);
		cpu_invlpg(v, FAR);
		cpu_invlpg(v, GVA + 0x1000);
		expect_fault(v, GVA + 0x1000, 0, 0);
		tables_destroy(t);
	}
}

static void test_large_changes(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, 0x800000, 2);

	tables_store(t, v, at, BIG_GPA | PWU | L);
	expect_ok(v, 0x801000, PF_WRITE, BIG_GPA + 0x1000);
	cpu_invlpg(v, 0);
	tables_store(t, v, at, (BIG_GPA + 0x200000) | PWU | L);
	cpu_invlpg(v, 0x801000);
	expect_ok(v, 0x801000, PF_WRITE, BIG_GPA + 0x201000);
	tables_store(t, v, at, 0x200000 | P | L);
	cpu_invlpg(v, 0x801000);
	expect_ok(v, 0x801000, 0, 0x201000);
	expect_fault(v, 0x801000, PF_WRITE, PF_PRESENT | PF_WRITE);
	tables_destroy(t);
}

/* A table within a large page of the guest's: writes to it are seen, those around it are not. */
static void test_table_in_large_page(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t table = BIG_GPA + 0x203000;

	tables_map(t, 0xa00000, 2, (BIG_GPA + 0x200000) | PWU | L);
	expect_ok(v, 0xa00000, PF_WRITE, BIG_GPA + 0x200000);
	tables_map(t, FAR, 2, table | PWU);
	tables_poke(t, table + pt_index(FAR, 1) * 8, 0x5000 | PWU);
	expect_ok(v, FAR, PF_WRITE, 0x5000);
	cpu_load_cr3(v, t->root);
	expect_ok(v, 0xa02000, PF_WRITE, BIG_GPA + 0x202000);
	{
		struct outcome out;
		uint64_t seen = counts(t).unsynced;

		assert_true(cpu_store(v, 0xa03000 + pt_index(FAR, 1) * 8, 0x6000 | PWU, &out));
		assert_int_equal(counts(t).unsynced, seen + 1);
	}
	cpu_invlpg(v, FAR);
	expect_ok(v, FAR, PF_WRITE, 0x6000);
	tables_destroy(t);
}

/* A known CR3 costs no fault, and nothing is read of what was not written to. */
static void test_known_root(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t other = tables_page(t), synced;

	tables_poke(t, tables_at(t, other, GVA, 1), 0x9000 | PWU);
	cpu_load_cr3(v, other);
	expect_ok(v, GVA, PF_WRITE, 0x9000);
	cpu_load_cr3(v, t->root);
	cpu_load_cr3(v, other);
	synced = counts(t).synced;
	v->faults = 0;
	for (int i = 0; i < 10; i++) {
		cpu_load_cr3(v, t->root);
		expect_ok(v, GVA, PF_WRITE, 0x5000);
		cpu_load_cr3(v, other);
		expect_ok(v, GVA, PF_WRITE, 0x9000);
	}
	assert_int_equal(v->faults, 0);
	assert_int_equal(counts(t).synced, synced);
	tables_destroy(t);
}

/* Tables that two roots share have one shadow; changes reach both, with the flush of either. */
static void test_shared_tables(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t other = tables_page(t), pages, at = tables_at(t, t->root, GVA, 1);

	tables_poke(t, other, tables_peek(t, t->root));
	tables_poke(t, other + pt_index(WINDOW, 4) * 8,
		tables_peek(t, t->root + pt_index(WINDOW, 4) * 8));
	pages = counts(t).pages;
	cpu_load_cr3(&v[1], other);
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	assert_int_equal(counts(t).pages, pages + 1);
	/* The other's user changes it and loads its CR3. */
	tables_store(t, v, at, 0x6000 | PWU);
	cpu_load_cr3(&v[1], other);
	expect_ok(&v[1], GVA, PF_WRITE, 0x6000);
	expect_ok(&v[0], GVA, PF_WRITE, 0x6000);
	tables_destroy(t);
}

/* A table of a process that is gone becomes one of another's, without any flush: none is needed
 * for what was never in use there. */
static void test_table_used_again(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t other = tables_page(t), table = tables_at(t, t->root, GVA, 1) & ~0xfffull;
	uint64_t at = tables_at(t, other, FAR, 2), index = pt_index(GVA, 1) * 8;

	tables_poke(t, other + pt_index(WINDOW, 4) * 8,
		tables_peek(t, t->root + pt_index(WINDOW, 4) * 8));
	cpu_load_cr3(v, other);
	expect_fault(v, FAR, 0, 0);
	tables_store(t, v, table + index, 0x7000 | PWU);
	tables_store(t, v, table + index + 16 * 8, 0x8000 | PWU);
	tables_store(t, v, at, table | PWU);
	/* The first fault puts in what it finds itself; the second entry was there before. */
	expect_ok(v, FAR, PF_WRITE, 0x7000);
	expect_ok(v, FAR + 0x10000, PF_WRITE, 0x8000);
	tables_destroy(t);
}

/* The same with the table a level further down. */
static void test_tree_used_again(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t other = tables_page(t), leaf = tables_at(t, t->root, GVA, 1);
	uint64_t level2 = tables_at(t, t->root, GVA, 2) & ~0xfffull;
	uint64_t at = tables_at(t, other, FAR, 3);

	tables_poke(t, other + pt_index(WINDOW, 4) * 8,
		tables_peek(t, t->root + pt_index(WINDOW, 4) * 8));
	cpu_load_cr3(v, other);
	tables_store(t, v, leaf, 0x7000 | PWU);
	tables_store(t, v, leaf + 16 * 8, 0x8000 | PWU);
	tables_store(t, v, at, level2 | PWU);
	expect_ok(v, FAR, PF_WRITE, 0x7000);
	expect_ok(v, FAR + 0x10000, PF_WRITE, 0x8000);
	tables_destroy(t);
}

/* ... and one that is already shared by two roots. */
static void test_shared_tree_used_again(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t second = tables_page(t), third = tables_page(t);
	uint64_t leaf = tables_at(t, t->root, GVA, 1);
	uint64_t level3 = tables_peek(t, t->root) & PT_ADDRESS;
	uint64_t window = tables_peek(t, t->root + pt_index(WINDOW, 4) * 8);

	tables_poke(t, second, level3 | PWU);
	tables_poke(t, third + pt_index(WINDOW, 4) * 8, window);
	cpu_load_cr3(&v[1], second);
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	cpu_load_cr3(v, third);
	tables_store(t, v, leaf, 0x7000 | PWU);
	tables_store(t, v, leaf + 16 * 8, 0x8000 | PWU);
	tables_store(t, v, third, level3 | PWU);
	expect_ok(v, GVA, PF_WRITE, 0x7000);
	expect_ok(v, NEXT, PF_WRITE, 0x8000);
	tables_destroy(t);
}

/* One frame as a table of three levels and as a page. */
static void test_levels_of_one_frame(void **state)
{
	struct tables *t = with_page();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t table = tables_page(t);

	tables_poke(t, table + pt_index(FAR, 1) * 8, 0x9000 | PWU);
	tables_poke(t, table + 2 * 8, table | PWU);
	tables_map(t, FAR, 2, table | PWU);
	tables_map(t, 0x50000000000, 3, table | PWU);
	tables_map(t, 0x60000000000, 4, table | PWU);
	expect_ok(v, FAR, PF_WRITE, 0x9000);
	expect_ok(v, 0x50000000000 + (2 << 21) + (pt_index(FAR, 1) << 12), 0, 0x9000);
	expect_ok(v, 0x60000000000 + (2ull << 30) + (2 << 21) + (2 << 12), PF_WRITE, table);
	cpu_load_cr3(v, t->root);
	tables_store(t, v, table + 2 * 8, 0x5000 | PWU);
	cpu_load_cr3(v, t->root);
	expect_ok(v, FAR + ((2ull - pt_index(FAR, 1)) << 12), PF_WRITE, 0x5000);
	tables_destroy(t);
}

/* While one vCPU's fault is being answered another changes the entry and flushes. */
static uint64_t race_at, race_gva;

static void race(struct machine *m)
{
	struct tables *t = (struct tables *)m;
	struct vmx_vcpu *v = &m->vcpu[1];

	m->host.between = NULL;
	tables_store(t, v, race_at, 0x6000 | PWU);
	cpu_invlpg(v, race_gva);
}

static uint32_t race_calls;

static void race_later(struct machine *m)
{
	if (race_calls-- == 0)
		race(m);
}

static void test_flush_overtakes_fault(void **state)
{
	/* Between each two things that the fault does. */
	for (uint32_t calls = 0; calls < 12; calls++) {
		struct tables *t = with_page();
		struct vmx_vcpu *v = t->m.vcpu;

		race_gva = GVA + 0x2000;
		race_at = tables_at(t, t->root, race_gva, 1);
		tables_store(t, v, race_at, 0x5000 | PWU);
		cpu_load_cr3(v, t->root);
		race_calls = calls;
		t->m.host.between = race_later;
		cpu_access(v, race_gva, 0);
		t->m.host.between = NULL;
		if (race_calls != ~0u) /* there were not as many */
			race(&t->m);
		expect_ok(&v[1], race_gva, PF_WRITE, 0x6000);
		tables_destroy(t);
	}
}

int tests_sync(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write_is_seen_once),
		cmocka_unit_test(test_invlpg),
		cmocka_unit_test(test_only_rights),
		cmocka_unit_test(test_bits_cleared),
		cmocka_unit_test(test_upper_levels),
		cmocka_unit_test(test_large_changes),
		cmocka_unit_test(test_table_in_large_page),
		cmocka_unit_test(test_known_root),
		cmocka_unit_test(test_shared_tables),
		cmocka_unit_test(test_table_used_again),
		cmocka_unit_test(test_tree_used_again),
		cmocka_unit_test(test_shared_tree_used_again),
		cmocka_unit_test(test_levels_of_one_frame),
		cmocka_unit_test(test_flush_overtakes_fault),
	};

	return cmocka_run_group_tests_name("shadow: tables that change", tests, NULL, NULL);
}
