/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tests/unit/vmx/tables.h"

struct tables *tables_init(void)
{
	struct tables *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	machine_init(&t->m, 1, SHADOW_PAGES_MAX);
	t->next = TABLES_GPA;
	t->root = tables_page(t);
	for (uint32_t i = 0; i < VCPUS; i++)
		cpu_load_cr3(&t->m.vcpu[i], t->root);
	return t;
}

void tables_destroy(struct tables *t)
{
	invariants_check(&t->m);
	machine_destroy(&t->m);
	free(t);
}

uint64_t tables_page(struct tables *t)
{
	t->next += VMX_PAGE_SIZE;
	return t->next - VMX_PAGE_SIZE;
}

void tables_poke(struct tables *t, uint64_t gpa, uint64_t value)
{
	uint64_t *word = host_word(&t->m, gpa);

	assert_non_null(word);
	*word = value;
}

uint64_t tables_peek(struct tables *t, uint64_t gpa)
{
	return *host_word(&t->m, gpa);
}

uint64_t tables_at(struct tables *t, uint64_t root, uint64_t gva, uint32_t level)
{
	uint64_t table = root;

	for (uint32_t l = PT_LEVELS; l > level; l--) {
		uint64_t at = table + pt_index(gva, l) * 8;

		if (!(tables_peek(t, at) & P))
			tables_poke(t, at, tables_page(t) | PWU);
		table = tables_peek(t, at) & PT_ADDRESS;
	}
	return table + pt_index(gva, level) * 8;
}

void tables_map(struct tables *t, uint64_t gva, uint32_t level, uint64_t entry)
{
	tables_poke(t, tables_at(t, t->root, gva, level), entry);
}

void tables_window(struct tables *t)
{
	for (uint64_t gpa = 0; gpa < RAM_PAGES * VMX_PAGE_SIZE; gpa += 2 << 20)
		tables_map(t, WINDOW + gpa, 2, gpa | P | W | L);
}

void tables_store(struct tables *t, struct vmx_vcpu *v, uint64_t gpa, uint64_t value)
{
	struct outcome out;

	assert_true(cpu_store(v, WINDOW + gpa, value, &out));
	assert_int_equal(out.gpa, gpa);
}

void expect_told(
	struct vmx_vcpu *v, uint64_t gva, uint32_t access, enum outcome_kind kind, uint64_t gpa)
{
	struct outcome out = checked_access(v, gva, access);

	assert_int_equal(out.kind, kind);
	assert_int_equal(out.gpa, gpa);
}

void expect_ok(struct vmx_vcpu *v, uint64_t gva, uint32_t access, uint64_t gpa)
{
	expect_told(v, gva, access, OUT_OK, gpa);
}

void expect_fault(struct vmx_vcpu *v, uint64_t gva, uint32_t access, uint32_t error)
{
	struct outcome out = checked_access(v, gva, access);

	assert_int_equal(out.kind, OUT_FAULT);
	assert_int_equal(out.error, error);
}
