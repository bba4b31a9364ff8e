/* SPDX-License-Identifier: Apache-2.0
 *
 * Announcements: what they spare, what they reach, and that leaving them out harms no one else.
 */
#include "tests/unit/vmx/tables.h"
#include "tests/unit/vmx/tests.h"

#define GVA 0x40201000ull

static struct shadow_counts counts(struct tables *t)
{
	struct shadow_counts c;

	shadow_counts(&t->m.vm, &c);
	return c;
}

static struct tables *announced(void)
{
	struct tables *t = tables_init();

	tables_window(t);
	tables_map(t, GVA, 1, 0x5000 | PWU);
	shadow_announce_mode(&t->m.vm, true);
	t->m.announcing = true;
	for (uint32_t i = 0; i < VCPUS; i++)
		cpu_load_cr3(&t->m.vcpu[i], t->root);
	expect_ok(t->m.vcpu, GVA, PF_WRITE, 0x5000);
	return t;
}

/* The guest stores as before, and no one looks. */
static void test_stores_are_not_seen(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GVA, 1);
	struct shadow_counts before = counts(t);

	tables_store(t, v, at + 8, 0x6000 | PWU);
	for (uint64_t i = 2; i < 20; i++) {
		cpu_load_cr3(v, t->root);
		v->faults = 0;
		tables_store(t, v, at + i * 8, 0x8000 | PWU);
		assert_int_equal(v->faults, 0);
	}
	assert_int_equal(counts(t).unsynced, before.unsynced);
	assert_int_equal(counts(t).synced, before.synced);
	/* What was added is found. */
	expect_ok(v, GVA + 0x1000, PF_WRITE, 0x6000);
	tables_destroy(t);
}

/* Until it is announced, the old is as good as the new; then it is not. */
static void test_announced_change(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GVA, 1);

	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	tables_store(t, v, at, 0x6000 | PWU);
	cpu_load_cr3(&v[1], t->root);
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	shadow_announce(v, t->root, GVA, 1);
	past_retire(&t->m, at);
	expect_ok(&v[1], GVA, PF_WRITE, 0x6000);
	tables_store(t, v, at, 0);
	shadow_announce(v, t->root, GVA & ~0x1fffffull, 1024);
	past_retire(&t->m, at);
	expect_fault(&v[0], GVA, 0, 0);
	expect_fault(&v[1], GVA, PF_WRITE, PF_WRITE);
	tables_destroy(t);
}

/* A page that becomes the user's is no longer the kernel's, with SMEP and SMAP: TLBs must know,
 * also if another vCPU's fault found the change before the announcement. */
static void test_kernel_loses_by_user(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t page = GVA + 0x10000, at = tables_at(t, t->root, page, 1);

	cpu_mode(v, SHADOW_NXE | SHADOW_SMEP | SHADOW_SMAP, true);
	tables_store(t, v, at, 0x6000 | P | W | A | D);
	expect_ok(v, page, PF_FETCH, 0x6000);
	tables_store(t, v, at, 0x6000 | PWU | A | D);
	expect_ok(&v[1], page, PF_USER, 0x6000);
	shadow_announce(v, t->root, page, 1);
	past_retire(&t->m, at);
	expect_fault(v, page, PF_FETCH, PF_PRESENT | PF_FETCH);
	expect_fault(v, page, 0, PF_PRESENT);
	tables_destroy(t);
}

/* INVLPG says as much. */
static void test_invlpg_announces(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GVA, 1);

	tables_store(t, v, at, 0x6000 | PWU);
	cpu_invlpg(v, GVA);
	past_retire(&t->m, at);
	expect_ok(v, GVA, PF_WRITE, 0x6000);
	tables_destroy(t);
}

/* An entry of a higher level changed; a range of any length. */
static void test_upper_levels(void **state)
{
	for (uint32_t level = 2; level <= PT_LEVELS; level++) {
		struct tables *t = announced();
		struct vmx_vcpu *v = t->m.vcpu;
		uint64_t at = tables_at(t, t->root, GVA, level);

		tables_store(t, v, at, 0);
		shadow_announce(v, t->root, GVA, level == 2 ? 1 : pt_span(level));
		past_retire(&t->m, at);
		expect_fault(v, GVA, 0, 0);
		tables_destroy(t);
	}
}

/* Under a root that was never loaded: the tables it shares are compared. */
static void test_unknown_root(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t other = tables_page(t), at = tables_at(t, t->root, GVA, 1);

	tables_poke(t, other, tables_peek(t, t->root));
	tables_store(t, v, at, 0x6000 | PWU);
	shadow_announce(v, other, GVA, 1);
	past_retire(&t->m, at);
	expect_ok(v, GVA, PF_WRITE, 0x6000);
	tables_destroy(t);
}

/* The pages of a root that is gone go, but not those that another has too; vCPUs in it load again.
 */
static void test_root_gone(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t other = tables_page(t), pages = counts(t).pages;

	tables_poke(t, other + 8, tables_peek(t, t->root)); /* shared */
	tables_poke(t, tables_at(t, other, 0x1000, 1), 0x7000 | PWU);
	cpu_load_cr3(&v[1], other);
	expect_ok(&v[1], 0x1000, PF_WRITE, 0x7000);
	expect_ok(&v[1], GVA + (1ull << 39), PF_WRITE, 0x5000);
	assert_int_equal(counts(t).pages, pages + 4);
	shadow_announce_root_gone(v, other);
	assert_int_equal(counts(t).pages, pages);
	assert_int_equal(v[1].shadow.root_pa, 0);
	v->faults = 0;
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(v->faults, 0);
	/* It was not gone after all. */
	expect_ok(&v[1], 0x1000, PF_WRITE, 0x7000);
	/* What none knows. */
	shadow_announce_root_gone(v, 0x123000);
	tables_destroy(t);
}

/* A frame that was a table under a root that is gone is one under another. */
static void test_table_used_again(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t other = tables_page(t), table = tables_page(t);

	tables_poke(t, tables_at(t, other, GVA, 2), table | PWU);
	tables_poke(t, table + pt_index(GVA, 1) * 8, 0x7000 | PWU);
	cpu_load_cr3(&v[1], other);
	expect_ok(&v[1], GVA, PF_WRITE, 0x7000);
	cpu_load_cr3(&v[1], t->root);
	shadow_announce_root_gone(&v[1], other);
	tables_poke(t, table + pt_index(GVA, 1) * 8, 0x9000 | PWU);
	tables_map(t, 0xc0201000, 2, table | PWU);
	expect_ok(v, 0xc0201000, PF_WRITE, 0x9000);
	tables_destroy(t);
}

/* Either way all begins anew. */
static void test_mode_changes(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GVA, 1);

	tables_store(t, v, at, 0x6000 | PWU); /* and not announced */
	shadow_announce_mode(&t->m.vm, false);
	past_forget(&t->m);
	t->m.announcing = false;
	expect_ok(v, GVA, PF_WRITE, 0x6000);
	cpu_load_cr3(v, t->root);
	tables_store(t, v, at, 0x7000 | PWU);
	assert_int_equal(counts(t).unsynced, 1);
	shadow_announce_mode(&t->m.vm, true);
	past_forget(&t->m);
	t->m.announcing = true;
	expect_ok(v, GVA, PF_WRITE, 0x7000);
	assert_int_equal(counts(t).pages, 4);
	shadow_announce_mode(&t->m.vm, true);
	assert_int_equal(counts(t).pages, 4);
	tables_destroy(t);
}

/* All levels in one frame, 512 ways at each: 2^27 paths to 4 pages. */
static void test_the_whole_world(void **state)
{
	struct tables *t = announced();
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t knot = tables_page(t), synced;

	for (uint64_t i = 0; i < PT_ENTRIES; i++)
		tables_poke(t, knot + i * 8, knot | PWU);
	cpu_load_cr3(v, knot);
	for (uint64_t i = 0; i < PT_ENTRIES; i += 7)
		for (uint32_t level = 1; level <= PT_LEVELS; level++)
			assert_int_equal(
				cpu_access(v, i << (12 + 9 * (level - 1)) & 0x7fffffffffff, 0).kind,
				OUT_OK);
	synced = counts(t).synced;
	shadow_announce(v, knot, 0, ~0ull);
	assert_true(counts(t).synced - synced <= counts(t).pages);
	shadow_announce(v, knot, 0, 1 << 15);
	tables_destroy(t);
}

int tests_announce(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stores_are_not_seen),
		cmocka_unit_test(test_announced_change),
		cmocka_unit_test(test_kernel_loses_by_user),
		cmocka_unit_test(test_invlpg_announces),
		cmocka_unit_test(test_upper_levels),
		cmocka_unit_test(test_unknown_root),
		cmocka_unit_test(test_root_gone),
		cmocka_unit_test(test_table_used_again),
		cmocka_unit_test(test_mode_changes),
		cmocka_unit_test(test_the_whole_world),
	};

	return cmocka_run_group_tests_name("shadow: announcements", tests, NULL, NULL);
}
