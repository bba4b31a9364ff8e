/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames: what the host gives, takes away, and refuses; slots that change; the dirty log.
 */
#include "tests/unit/vmx/tables.h"
#include "tests/unit/vmx/tests.h"

#define GVA 0x40201000ull

static struct tables *with_page(uint64_t entry)
{
	struct tables *t = tables_init();

	tables_window(t);
	tables_map(t, GVA, 1, entry);
	return t;
}

static void test_zap(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;

	expect_ok(&v[0], GVA, PF_WRITE, 0x5000);
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	host_move(&t->m, 0x5000); /* asserts that no TLB knows the frame */
	v[0].faults = 0;
	expect_ok(&v[0], GVA, PF_WRITE, 0x5000);
	assert_int_equal(v[0].faults, 1);
	expect_ok(&v[1], GVA, PF_WRITE, 0x5000);
	tables_destroy(t);
}

/* The frames of the tables themselves move: they are read where they are. */
static void test_tables_move(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;

	expect_ok(v, GVA, PF_WRITE, 0x5000);
	cpu_load_cr3(v, t->root);
	for (uint32_t level = 1; level <= PT_LEVELS; level++)
		host_move(&t->m, tables_at(t, t->root, GVA, level));
	v->faults = 0;
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(v->faults, 0);
	tables_store(t, v, tables_at(t, t->root, GVA, 1), 0x6000 | PWU);
	cpu_invlpg(v, GVA);
	expect_ok(v, GVA, PF_WRITE, 0x6000);
	tables_destroy(t);
}

static void moved_between(struct machine *m)
{
	m->host.between = NULL;
	host_move(m, 0x5000);
}

static void test_frame_goes_meanwhile(void **state)
{
	struct tables *t = with_page(0x5000 | PWU | A | D);
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA + 0x1000, 1, 0x7000 | PWU);
	expect_ok(v, GVA + 0x1000, 0, 0x7000);
	t->m.host.stale_next = 3;
	t->m.host.between = moved_between;
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(t->m.host.stale_next, 0);
	tables_destroy(t);
}

static void test_refusals(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;

	t->m.host.frame_error = -EINTR;
	assert_int_equal(cpu_access(v, GVA, 0).kind, OUT_LATER);
	t->m.host.frame_error = -ENOMEM;
	assert_int_equal(cpu_access(v, GVA, 0).kind, OUT_ERROR);
	t->m.host.frame_error = -EHWPOISON;
	assert_int_equal(cpu_access(v, GVA + 4, 0).kind, OUT_MEMORY);
	t->m.host.page[5].broken = true;
	expect_told(v, GVA + 8, PF_WRITE, OUT_MEMORY, 0x5008);
	t->m.host.page[5].broken = false;
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	tables_destroy(t);
}

/* No memory for the core's own pages: told, nothing lost, and it goes on when there is some. */
static void test_no_pages(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;

	for (int32_t left = 0; left < 3; left++) {
		t->m.host.allocs_left = left;
		assert_int_equal(cpu_access(&v[1], GVA, 0).kind, OUT_ERROR);
	}
	vmx_cache_drain(&t->m.vm, &v[1].shadow.cache);
	t->m.host.allocs_left = 0;
	assert_int_equal(shadow_load(&v[1], 0x9000), -ENOMEM);
	t->m.host.allocs_left = -1;
	cpu_load_cr3(&v[1], t->root);
	expect_ok(&v[1], GVA, 0, 0x5000);
	tables_destroy(t);
}

/* A host's page that is read-only until someone wants to write: copied then. */
static void test_shared_frame(void **state)
{
	struct tables *t = with_page(0x5000 | PWU | A | D);
	struct vmx_vcpu *v = t->m.vcpu;

	host_share(&t->m, 0x5000);
	expect_ok(v, GVA, 0, 0x5000);
	invariants_check(&t->m);
	assert_true(t->m.host.page[5].shared);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_false(t->m.host.page[5].shared);
	/* For ever. */
	t->m.host.page[5].readonly = true;
	host_take(&t->m, 0x5000);
	expect_ok(v, GVA, 0, 0x5000);
	expect_told(v, GVA, PF_WRITE, OUT_MEMORY, 0x5000);
	expect_ok(v, GVA, 0, 0x5000);
	tables_destroy(t);
}

static void test_rom(void **state)
{
	struct tables *t = with_page((ROM_GPA + 0x1000) | PWU | A | D);
	struct vmx_vcpu *v = t->m.vcpu;

	expect_ok(v, GVA, PF_USER, ROM_GPA + 0x1000);
	expect_told(v, GVA + 16, PF_WRITE, OUT_MMIO, ROM_GPA + 0x1010);
	expect_ok(v, GVA, 0, ROM_GPA + 0x1000);
	/* In a large page: the slot is too small for one. */
	tables_map(t, 0x8000000000, 2, ROM_GPA | PWU | L | A | D);
	expect_ok(v, 0x8000001000, 0, ROM_GPA + 0x1000);
	expect_told(v, 0x8000001000, PF_WRITE, OUT_MMIO, ROM_GPA + 0x1000);
	tables_destroy(t);
}

static int slot_set(
	struct machine *m, uint32_t slot, uint64_t gpa, uint64_t hva, uint64_t size, uint32_t flags)
{
	return vmx_vm_set_memory(&m->vm, &(struct sbv_memory){slot, flags, gpa, hva, size});
}

/* The same memory by two addresses, one of them not for writing: the right does not pass over. */
static void test_alias(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;

	assert_int_equal(slot_set(&t->m, 8, 0xc0000000, HVA_BASE, 0x10000, SBV_MEM_READONLY), 0);
	assert_int_equal(cpu_access(v, GVA, PF_WRITE).kind, OUT_OK);
	/* Unsynced, so that the entry for the one is there when the other is read. */
	tables_map(t, GVA, 1, 0xc0005000 | PWU | A | D);
	v->tlb[(GVA >> 12) % TLB_ENTRIES].valid = false;
	{
		struct vmx_fault_info info = {.gva = GVA};

		assert_int_equal(vmx_mmu_shadow.fault(v, &info), VMX_FAULT_RESUME);
	}
	assert_int_equal(cpu_access(v, GVA, PF_WRITE).kind, OUT_MMIO);
	assert_int_equal(slot_set(&t->m, 8, 0, 0, 0, 0), 0);
	tables_destroy(t);
}

/* --- pages that come with another --- */

#define GROUP 0x40210000ull /* 8 entries */

static struct tables *with_group(uint64_t gpa, uint64_t flags)
{
	struct tables *t = tables_init();

	tables_window(t);
	for (uint64_t i = 0; i < 8; i++)
		tables_map(t, GROUP + i * 4096, 1, (gpa + i * 4096) | flags);
	return t;
}

static uint32_t group_faults(struct tables *t, uint32_t access, uint64_t gpa)
{
	struct vmx_vcpu *v = t->m.vcpu;

	v->faults = 0;
	for (uint64_t i = 0; i < 8; i++)
		expect_ok(v, GROUP + i * 4096, access, gpa + i * 4096);
	invariants_check(&t->m);
	return (uint32_t)v->faults;
}

static void test_around(void **state)
{
	struct tables *t = with_group(0x40000, PWU | A | D);
	uint64_t at = tables_at(t, t->root, GROUP, 1);

	assert_int_equal(group_faults(t, PF_WRITE, 0x40000), 1);
	vmx_vm_forget(&t->m.vm);
	assert_int_equal(group_faults(t, 0, 0x40000), 1);
	/* Not what the guest has not used yet, and nothing behind that. */
	tables_poke(t, at + 4 * 8, 0x44000 | PWU);
	vmx_vm_forget(&t->m.vm);
	expect_ok(t->m.vcpu, GROUP, 0, 0x40000);
	assert_int_equal(tables_peek(t, at + 4 * 8), 0x44000 | PWU);
	assert_int_equal(group_faults(t, 0, 0x40000), 1);
	/* Nor what is elsewhere. */
	tables_poke(t, at + 2 * 8, 0x52000 | PWU | A | D);
	vmx_vm_forget(&t->m.vm);
	expect_ok(t->m.vcpu, GROUP, 0, 0x40000);
	t->m.vcpu->faults = 0;
	expect_ok(t->m.vcpu, GROUP + 0x1000, 0, 0x41000);
	assert_int_equal(t->m.vcpu->faults, 0);
	expect_ok(t->m.vcpu, GROUP + 0x2000, 0, 0x52000);
	expect_ok(t->m.vcpu, GROUP + 0x3000, 0, 0x43000);
	assert_int_equal(t->m.vcpu->faults, 2);
	tables_destroy(t);
}

/* Each with its own rights; the first write to a clean page is still seen. */
static void test_around_rights(void **state)
{
	struct tables *t = with_group(0x40000, PWU | A | D);
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t at = tables_at(t, t->root, GROUP, 1);

	tables_poke(t, at + 8, 0x41000 | P | U | A | D);
	tables_poke(t, at + 16, 0x42000 | PWU | A);
	tables_poke(t, at + 24, 0x43000 | P | W | A | D | NX);
	expect_ok(v, GROUP, PF_WRITE, 0x40000);
	v->faults = 0;
	expect_fault(v, GROUP + 0x1000, PF_WRITE, PF_PRESENT | PF_WRITE);
	expect_ok(v, GROUP + 0x2000, PF_WRITE, 0x42000);
	assert_int_equal(tables_peek(t, at + 16), 0x42000 | PWU | A | D);
	expect_fault(v, GROUP + 0x3000, PF_FETCH, PF_PRESENT | PF_FETCH);
	expect_fault(v, GROUP + 0x3000, PF_USER, PF_PRESENT | PF_USER);
	expect_ok(v, GROUP + 0x4000, PF_WRITE, 0x44000);
	assert_int_equal(v->faults, 4);
	tables_destroy(t);
}

/* The end of a slot, a log, a page that the host must first copy, a table. */
static void test_around_stops(void **state)
{
	struct tables *t = with_group(ROM_GPA + (ROM_PAGES - 8) * 4096, PWU | A | D);
	struct vmx_vcpu *v = t->m.vcpu;

	assert_int_equal(group_faults(t, 0, ROM_GPA + (ROM_PAGES - 8) * 4096), 1);
	tables_destroy(t);

	t = with_group(ROM_GPA + (ROM_PAGES - 4) * 4096, PWU | A | D);
	v = t->m.vcpu;
	expect_ok(v, GROUP, 0, ROM_GPA + (ROM_PAGES - 4) * 4096);
	expect_told(v, GROUP + 0x4000, 0, OUT_MMIO, ROM_GPA + ROM_PAGES * 4096);
	tables_destroy(t);

	t = with_group(LOG_GPA, PWU | A | D);
	assert_int_equal(group_faults(t, PF_WRITE, LOG_GPA), 8);
	tables_destroy(t);

	t = with_group(0x40000, PWU | A | D);
	host_share(&t->m, 0x43000);
	assert_int_equal(group_faults(t, PF_WRITE, 0x40000), 2);
	tables_destroy(t);

	t = with_group(0x40000, PWU | A | D);
	host_share(&t->m, 0x41000);
	assert_int_equal(group_faults(t, 0, 0x40000), 1);
	assert_true(t->m.host.page[0x41].shared);
	assert_true(group_faults(t, PF_WRITE, 0x40000) > 1);
	tables_destroy(t);

	t = with_group(0x40000, PWU | A | D); /* one is just leaving */
	host_move_begin(&t->m, 0x42000);
	expect_ok(t->m.vcpu, GROUP, 0, 0x40000);
	host_move_end(&t->m);
	assert_int_equal(group_faults(t, 0, 0x40000), 1);
	tables_destroy(t);

	t = with_group(TABLES_GPA, PWU | A | D); /* the root and its tables */
	cpu_load_cr3(t->m.vcpu, t->root);
	expect_ok(t->m.vcpu, GROUP + 0x1000, 0, TABLES_GPA + 0x1000);
	cpu_load_cr3(t->m.vcpu, t->root);
	assert_true(group_faults(t, PF_WRITE, TABLES_GPA) > 3);
	tables_destroy(t);
}

/* --- slots that change --- */

static uint32_t flags_next;

static void flags_between(struct machine *m)
{
	const struct vmx_slot *s = &m->vm.slots[SLOT_RAM];

	if (m->host.frames_held == 0)
		return;
	m->host.between = NULL;
	assert_int_equal(slot_set(m, SLOT_RAM, s->gpa, s->hva, s->size, flags_next), 0);
}

/* Between the look at the slot and the entry. */
static void test_slot_changes_meanwhile(void **state)
{
	struct tables *t = with_page(0x5000 | PWU | A | D);
	struct vmx_vcpu *v = t->m.vcpu;
	uint64_t dirty[RAM_PAGES / 64];

	tables_map(t, GVA + 0x1000, 1, 0x6000 | PWU | A | D);
	expect_ok(v, GVA + 0x1000, 0, 0x6000);
	flags_next = SBV_MEM_READONLY;
	t->m.host.between = flags_between;
	assert_int_equal(cpu_access(v, GVA, PF_WRITE).kind, OUT_MMIO);
	assert_null(t->m.host.between);
	vmx_vm_forget(&t->m.vm);
	flags_next = SBV_MEM_LOG;
	assert_int_equal(
		slot_set(&t->m, SLOT_RAM, RAM_GPA, HVA_BASE, RAM_PAGES * VMX_PAGE_SIZE, 0), 0);
	t->m.host.between = flags_between;
	expect_ok(v, GVA + 0x1000, PF_WRITE, 0x6000);
	assert_null(t->m.host.between);
	assert_int_equal(vmx_vm_dirty_log(&t->m.vm, SLOT_RAM, dirty, VMX_ARRAY_SIZE(dirty)), 0);
	assert_true(dirty[0] >> 6 & 1);
	tables_destroy(t);
}

/* A slot goes, and comes back with other memory, tables included. */
static void test_slot_replaced(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;
	const struct vmx_slot old = t->m.vm.slots[SLOT_BIG];
	uint64_t table = BIG_GPA + 0x3000;

	tables_map(t, GVA, 2, table | PWU);
	tables_poke(t, table + pt_index(GVA, 1) * 8, 0x5000 | PWU);
	tables_poke(t, table + (2ull << 20) + pt_index(GVA, 1) * 8, 0x6000 | PWU);
	cpu_load_cr3(v, t->root);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	cpu_load_cr3(v, t->root);
	assert_int_equal(slot_set(&t->m, SLOT_BIG, 0, 0, 0, 0), 0);
	cpu_load_cr3(v, t->root);
	expect_told(v, GVA, PF_WRITE, OUT_MMIO, table + pt_index(GVA, 1) * 8);
	assert_int_equal(
		slot_set(&t->m, SLOT_BIG, old.gpa, old.hva + (2ull << 20), 2ull << 20, 0), 0);
	expect_ok(v, GVA, PF_WRITE, 0x6000);
	cpu_load_cr3(v, t->root);
	assert_int_equal(slot_set(&t->m, SLOT_BIG, 0, 0, 0, 0), 0);
	assert_int_equal(slot_set(&t->m, SLOT_BIG, old.gpa, old.hva, 2ull << 20, 0), 0);
	cpu_load_cr3(v, t->root);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	tables_destroy(t);
}

/* --- the log --- */

static uint64_t log_fetch(struct tables *t)
{
	uint64_t dirty = 0;

	assert_int_equal(vmx_vm_dirty_log(&t->m.vm, SLOT_LOG, &dirty, 1), 0);
	return dirty;
}

static void test_dirty_log(void **state)
{
	struct tables *t = with_page((LOG_GPA + 0x3000) | PWU | A | D);
	struct vmx_vcpu *v = t->m.vcpu;

	log_fetch(t);
	expect_ok(v, GVA, 0, LOG_GPA + 0x3000);
	assert_int_equal(log_fetch(t), 0);
	expect_ok(v, GVA, PF_WRITE, LOG_GPA + 0x3000);
	assert_int_equal(log_fetch(t), 1 << 3);
	assert_int_equal(log_fetch(t), 0);
	/* For each vCPU, whatever its TLB has. */
	expect_ok(&v[1], GVA, 0, LOG_GPA + 0x3000);
	expect_ok(&v[1], GVA, PF_WRITE, LOG_GPA + 0x3000);
	assert_int_equal(log_fetch(t), 1 << 3);
	expect_ok(v, GVA, PF_WRITE, LOG_GPA + 0x3000);
	assert_int_equal(log_fetch(t), 1 << 3);
	expect_ok(v, GVA, 0, LOG_GPA + 0x3000);
	assert_int_equal(log_fetch(t), 0);
	tables_destroy(t);
}

/* Bits that are set in a table are writes too. */
static void test_dirty_log_of_tables(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;

	tables_map(t, GVA, 2, (LOG_GPA + 0x2000) | PWU);
	tables_poke(t, LOG_GPA + 0x2000 + pt_index(GVA, 1) * 8, 0x5000 | PWU);
	log_fetch(t);
	expect_ok(v, GVA, 0, 0x5000);
	assert_int_equal(log_fetch(t), 1 << 2);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(log_fetch(t), 1 << 2);
	expect_ok(v, GVA, PF_WRITE, 0x5000);
	assert_int_equal(log_fetch(t), 0);
	tables_destroy(t);
}

/* A log that begins while the slot is in use, in 2 MiB pieces even. */
static void test_log_begins(void **state)
{
	struct tables *t = with_page(0x5000 | PWU);
	struct vmx_vcpu *v = t->m.vcpu;
	const struct vmx_slot *s = &t->m.vm.slots[SLOT_BIG];
	uint64_t dirty[BIG_PAGES / 64];

	tables_map(t, 0x800000, 2, BIG_GPA | PWU | L);
	expect_ok(v, 0x800000, PF_WRITE, BIG_GPA);
	assert_int_equal(slot_set(&t->m, SLOT_BIG, s->gpa, s->hva, s->size, SBV_MEM_LOG), 0);
	expect_ok(v, 0x807000, PF_WRITE, BIG_GPA + 0x7000);
	expect_ok(v, 0x808000, 0, BIG_GPA + 0x8000);
	assert_int_equal(vmx_vm_dirty_log(&t->m.vm, SLOT_BIG, dirty, VMX_ARRAY_SIZE(dirty)), 0);
	assert_int_equal(dirty[0], 1 << 7);
	tables_destroy(t);
}

int tests_host(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zap),
		cmocka_unit_test(test_tables_move),
		cmocka_unit_test(test_frame_goes_meanwhile),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_no_pages),
		cmocka_unit_test(test_shared_frame),
		cmocka_unit_test(test_rom),
		cmocka_unit_test(test_alias),
		cmocka_unit_test(test_around),
		cmocka_unit_test(test_around_rights),
		cmocka_unit_test(test_around_stops),
		cmocka_unit_test(test_slot_changes_meanwhile),
		cmocka_unit_test(test_slot_replaced),
		cmocka_unit_test(test_dirty_log),
		cmocka_unit_test(test_dirty_log_of_tables),
		cmocka_unit_test(test_log_begins),
	};

	return cmocka_run_group_tests_name("shadow: frames and slots", tests, NULL, NULL);
}
