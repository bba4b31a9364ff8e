/* SPDX-License-Identifier: Apache-2.0
 *
 * Page tables that the host changes: what vmm/kvm/README.md promises to work does. What does
 * without a flush is measured by vmm-measure and promised to nobody.
 */
#include <string.h>

#include "tests/unit/vmm/tests.h"
#include "tests/unit/vmm/tlb.h"

#define PATIENCE_MS 5000 /* a loaded machine is no stale entry */
#define TRIES	    20

static void expect_seen(enum tlb_change change, enum tlb_flush flush)
{
	struct machine m;

	assert_int_equal(machine_begin(&m, true), 0);
	for (int i = 0; i < TRIES; i++) {
		int seen = tlb_try_trap(&m, change, flush);

		if (seen != 1)
			fail_msg("%s, flush by %s: %s", tlb_change_names[change],
				tlb_flush_names[flush], seen < 0 ? "broken" : "stale");
	}
	machine_end(&m);
}

/* What grants needs no flush: the fault that the CPU takes is one for KVM to look again. */
static void test_grants(void **state)
{
	tests_need_vm();
	expect_seen(TLB_ADD, TLB_FLUSH_NONE);
	/* By the architecture a CPU may fault once for the old entry; then a guest retries. */
	expect_seen(TLB_GRANT_WRITE, TLB_FLUSH_NONE);
}

static void every_change(enum tlb_flush flush)
{
	for (enum tlb_change change = 0; change < TLB_CHANGES; change++)
		expect_seen(change, flush);
}

/* A shadow of the tables follows the guest's writes: the one that leads to another table here is
 * the host's, which says so by forget_translations (vm.h). */
static void every_change_shown(enum tlb_flush flush)
{
	bool shadow = strstr(tests_caps()->note, "shadow paging");

	for (enum tlb_change change = 0; change < TLB_CHANGES; change++)
		if (!shadow || change != TLB_REMAP_TABLE)
			expect_seen(change, flush);
}

static void test_madvise(void **state)
{
	tests_need_vm();
	every_change(TLB_FLUSH_MADVISE);
}

static void test_mprotect(void **state)
{
	tests_need_vm();
	every_change(TLB_FLUSH_MPROTECT);
}

static void test_slot(void **state)
{
	tests_need_vm();
	every_change(TLB_FLUSH_SLOT);
}

/* Ring 0's own means: on the CPU what the architecture says, in an interpreter the write. */
static void test_guest(void **state)
{
	tests_need_vm();
	if (tests_caps()->hardware) {
		every_change_shown(TLB_FLUSH_GUEST_CR3);
		every_change_shown(TLB_FLUSH_GUEST_INVLPG);
		every_change_shown(TLB_FLUSH_SREGS_TOGGLE);
	} else {
		every_change(TLB_FLUSH_GUEST_PTE);
	}
}

static void expect_host(tlb_try_fn *try, enum tlb_flush flush)
{
	struct machine m;

	assert_int_equal(machine_begin(&m, true), 0);
	for (int i = 0; i < TRIES; i++)
		assert_int_equal(try(&m, flush, PATIENCE_MS), 1);
	machine_end(&m);
}

/* Without any trap: stopped by a kick, or not stopped at all (another vCPU's change). */
static void test_no_trap(void **state)
{
	tests_need_vm();
	expect_host(tlb_try_kick, TLB_FLUSH_MADVISE);
	expect_host(tlb_try_live, TLB_FLUSH_MADVISE);
	expect_host(tlb_try_live, TLB_FLUSH_SLOT);
}

/* What home host counts on: ring 0 of one vCPU writes for all of them. */
static void test_other_vcpu(void **state)
{
	tests_need_vm();
	if (tests_caps()->hardware)
		skip();
	expect_host(tlb_try_live, TLB_FLUSH_OTHER_PTE);
}

static void test_table_reuse(void **state)
{
	tests_need_vm();
	expect_host(tlb_try_reuse, TLB_FLUSH_MADVISE);
	expect_host(tlb_try_reuse, TLB_FLUSH_SLOT);
}

/* Two roots that map one address to different frames; back and forth by set_sregs. */
static void test_cr3_switch(void **state)
{
	const uint64_t tables = GUEST_TABLES2, va = 0x90000, frames[2] = {0xa0000, 0xb0000};
	struct machine m;

	tests_need_vm();
	assert_int_equal(machine_begin(&m, true), 0);
	for (uint64_t i = 0; i < 512; i++)
		machine_words(&m, tables + 0x3000)[i] = machine_words(&m, GUEST_PT)[i];
	machine_words(&m, tables)[0] = (tables + 0x1000) | 7;
	machine_words(&m, tables + 0x1000)[0] = (tables + 0x2000) | 7;
	machine_words(&m, tables + 0x2000)[0] = (tables + 0x3000) | 7;
	*machine_pte(&m, va) = frames[0] | 7;
	machine_words(&m, tables + 0x3000)[va >> 12] = frames[1] | 7;
	*machine_words(&m, frames[0]) = 1000;
	*machine_words(&m, frames[1]) = 1001;
	for (int i = 0; i < 100; i++) {
		struct vm_sregs s;

		assert_int_equal(machine_start(&m, guest_read), 0);
		machine_regs(&m)->rdi = va;
		machine_sregs(&m, 3, &s);
		s.cr3 = i % 2 ? tables : GUEST_PML4;
		assert_int_equal(machine_ops->vcpu_set_sregs(m.vcpu, &s), 0);
		assert_non_null(machine_trap(&m, 6));
		assert_int_equal(machine_regs(&m)->rax, 1000 + i % 2);
		assert_int_equal(machine_ops->vcpu_get_sregs(m.vcpu, &s), 0);
		assert_int_equal(s.cr3, i % 2 ? tables : GUEST_PML4);
	}
	machine_end(&m);
}

int tests_tlb(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_madvise),
		cmocka_unit_test(test_mprotect),
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_guest),
		cmocka_unit_test(test_no_trap),
		cmocka_unit_test(test_other_vcpu),
		cmocka_unit_test(test_table_reuse),
		cmocka_unit_test(test_cr3_switch),
	};

	return cmocka_run_group_tests_name("vmm page tables", tests, NULL, NULL);
}
