/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory for tables has an end, and all of it comes back.
 */
#include "tests/unit/vmx/tables.h"
#include "tests/unit/vmx/tests.h"

#define GVA 0x40201000ull

static struct shadow_mmu *mmu(struct tables *t)
{
	return shadow_mmu_of(&t->m.vm);
}

/* As many as there may be pages, each another page of memory; then once more around. */
static void test_4096_roots(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	for (uint32_t i = 0; i < 6000; i++) {
		uint64_t n = i % 4096;
		uint64_t root = n < RAM_PAGES ? n * 4096 : BIG_GPA + (n - RAM_PAGES) * 4096;

		if (root >= TABLES_GPA && root < t->next)
			continue;
		tables_poke(t, root, tables_peek(t, t->root));
		cpu_load_cr3(v, root);
		if (i % 16 == 0)
			expect_ok(v, GVA, PF_WRITE, 0x5000);
		assert_true(mmu(t)->pages <= SHADOW_PAGES_MAX);
	}
	assert_true(mmu(t)->counts.reclaimed > 0);
	cpu_load_cr3(v, t->root);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	tables_destroy(t);
}

/* More than there is room for, over and over: each access still ends well. */
static void test_thrash(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	mmu(t)->pages_max = SHADOW_PAGES_MIN;
	for (uint64_t i = 0; i < 40; i++)
		tables_map(t, i << 39 | i << 30 | i << 21, 1, 0x5000 | PWU);
	for (uint64_t i = 0; i < 400; i++) {
		uint64_t n = i * 7 % 40;

		expect_ok(&v[i % VCPUS], n << 39 | n << 30 | n << 21, PF_WRITE, 0x5000);
		assert_true(mmu(t)->pages <= SHADOW_PAGES_MIN);
	}
	assert_true(mmu(t)->counts.reclaimed > 300);
	tables_destroy(t);
}

/* What is in use stays, what was used longest ago goes. */
static void test_least_recently_used(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	mmu(t)->pages_max = 32;
	for (uint64_t i = 0; i < 24; i++)
		tables_map(t, i << 21, 1, 0x5000 | PWU);
	for (uint64_t i = 1; i < 24; i++) {
		expect_ok(v, i << 21, PF_WRITE, 0x5000);
		/* Its entry is lost, its table used again by the fault. */
		host_move(&t->m, 0x5000);
		expect_ok(v, 0, PF_WRITE, 0x5000);
	}
	tables_map(t, 1ull << 39, 1, 0x5000 | PWU);
	tables_map(t, 2ull << 39, 1, 0x5000 | PWU);
	expect_ok(v, 1ull << 39, PF_WRITE, 0x5000);
	expect_ok(v, 2ull << 39, PF_WRITE, 0x5000);
	assert_true(mmu(t)->counts.reclaimed > 0);
	v->faults = 0;
	expect_ok(v, 0, PF_WRITE, 0x5000);
	assert_int_equal(v->faults, 0);
	expect_ok(v, 1ull << 21, PF_WRITE, 0x5000);
	assert_int_equal(v->faults, 1);
	tables_destroy(t);
}

/* A root that another vCPU is in goes last, and that vCPU is made to load it again. */
static void test_root_of_another(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	mmu(t)->pages_max = SHADOW_PAGES_MIN;
	for (uint64_t i = 0; i < 40; i++) {
		cpu_load_cr3(&v[0], 0x200000 + i * 4096);
		assert_int_not_equal(v[1].shadow.root_pa, 0);
	}
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	vmx_vm_forget(&t->m.vm);
	assert_int_equal(v[1].shadow.root_pa, 0);
	assert_int_equal(mmu(t)->pages, 0);
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	tables_destroy(t);
}

/* A vCPU whose root was taken away while it was in its fault starts over. */
static void forget_between(struct machine *m)
{
	m->host.between = NULL;
	vmx_vm_forget(&m->vm);
}

static void test_root_goes_meanwhile(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	t->m.host.between = forget_between;
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	tables_map(t, GVA + 0x1000, 1, 0x6000 | PWU);
	t->m.host.between = forget_between;
	cpu_load_cr3(v, t->root);
	expect_ok(v, GVA + 0x1000, PF_WRITE, 0x6000);
	tables_destroy(t);
}

/* The page that is being compared dies, and another takes its place under the same number. */
static uint64_t reuse_root;

static void reuse_between(struct machine *m)
{
	m->host.between = NULL;
	vmx_vm_forget(&m->vm);
	cpu_load_cr3(&m->vcpu[1], reuse_root);
	checked_access(&m->vcpu[1], GVA, PF_WRITE);
}

static void test_number_used_again(void **state)
{
	struct tables *t = tables_init();
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 1, 0x5000 | PWU);
	reuse_root = tables_page(t);
	tables_poke(t, tables_at(t, reuse_root, GVA, 1), 0x6000 | PWU);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	t->m.host.between = reuse_between;
	cpu_load_cr3(v, t->root);
	v[1].faults = 0;
	expect_ok(&v[1], GVA, PF_WRITE, 0x6000);
	assert_int_equal(v[1].faults, 0);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	tables_destroy(t);
}

int tests_bounds(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_4096_roots),
		cmocka_unit_test(test_thrash),
		cmocka_unit_test(test_least_recently_used),
		cmocka_unit_test(test_root_of_another),
		cmocka_unit_test(test_root_goes_meanwhile),
		cmocka_unit_test(test_number_used_again),
	};

	return cmocka_run_group_tests_name("shadow: bounds", tests, NULL, NULL);
}
