/* SPDX-License-Identifier: Apache-2.0
 * Page tables that no shim would make.
 */
#include "tests/unit/sample/machine.h"

#include <unistd.h>

#include "kernel-shim/home/host/soft_copy.h"

static bool finds(struct machine *m, uint64_t va)
{
	struct sample_page page;

	return sample_page(m->s, m->pgd, va, &page);
}

static void test_a_page_has_the_rights_of_all_levels(void **state)
{
	struct machine *m = *state;
	uint64_t word;

	assert_true(sample_is_code(m->s, m->pgd, CODE + 5));
	assert_true(finds(m, STACK) && !sample_is_code(m->s, m->pgd, STACK));
	put(m, m->stack + 8, 1234);
	assert_true(sample_user_word(m->s, m->pgd, STACK + 8, &word) && word == 1234);
	for (int level = 1; level <= 4; level++) {
		uint64_t at = entry(m, CODE, level), was = get(m, at);

		put(m, at, was | NX);
		assert_true(finds(m, CODE) && !sample_is_code(m->s, m->pgd, CODE));
		put(m, at, was & ~PTE_U);
		assert_false(finds(m, CODE));
		put(m, at, was & ~PTE_P);
		assert_false(finds(m, CODE));
		put(m, at, was);
	}
}

static void test_tables_that_are_their_own_entries_end(void **state)
{
	struct machine *m = *state;
	struct sample_page page;

	for (uint64_t i = 0; i < PAGE; i += 8)
		put(m, m->pgd + i, m->pgd | USER);
	assert_true(sample_page(m->s, m->pgd, 0x123456789000, &page));
	assert_true(page.gpa == m->pgd && page.code);
}

static void test_what_an_entry_must_not_have_is_no_page(void **state)
{
	struct machine *m = *state;
	struct sample_page page;

	for (int level = 2; level <= 4; level++) {
		uint64_t at = entry(m, CODE, level), was = get(m, at);

		put(m, at, was | 0x80); /* large, or reserved */
		assert_false(finds(m, CODE));
		put(m, at, was | 0x7ff0000000000000); /* beyond any address: not followed */
		assert_true(finds(m, CODE));
		put(m, at, was);
	}
	put(m, entry(m, STACK, 1), ~0ull);
	assert_true(sample_page(m->s, m->pgd, STACK, &page) && page.gpa == 0x000ffffffffff000);
}

static void test_tables_outside_ram_are_not_there(void **state)
{
	static const uint64_t elsewhere[] = {
		RAM_SIZE, RAM_SIZE + PAGE, BOOT_WINDOW_GPA, 0x000ffffffffff000, 0x0008000000000000};
	struct machine *m = *state;
	struct sample_page page;

	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
		assert_false(sample_page(m->s, elsewhere[i], CODE, &page));
		for (int level = 2; level <= 4; level++) {
			uint64_t at = entry(m, CODE, level), was = get(m, at);

			put(m, at, elsewhere[i] | USER);
			assert_false(finds(m, CODE));
			put(m, at, was);
		}
	}
	assert_false(sample_page(m->s, ~0ull, CODE, &page));
}

static void test_only_user_addresses_are_looked_up(void **state)
{
	static const uint64_t none[] = {
		BOOT_USER_VA_END, 0x0000800000000000, BOOT_PHYSMAP_VA, BOOT_IMAGE_VA, ~0ull, ~7ull};
	struct machine *m = *state;
	uint64_t word;

	for (uint64_t i = 0; i < PAGE; i += 8)
		put(m, m->pgd + i, m->pgd | USER);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		assert_false(sample_is_code(m->s, m->pgd, none[i]));
		assert_false(sample_user_word(m->s, m->pgd, none[i], &word));
	}
	assert_true(sample_is_code(m->s, m->pgd, BOOT_USER_VA_END - 1));
}

static void test_words_are_aligned_and_in_ram(void **state)
{
	struct machine *m = *state;
	uint64_t word, last = entry(m, STACK, 1);

	assert_true(sample_user_word(m->s, m->pgd, STACK, &word));
	for (uint64_t i = 1; i < 8; i++)
		assert_false(sample_user_word(m->s, m->pgd, STACK + i, &word));
	assert_false(sample_user_word(m->s, m->pgd, CODE, &word)); /* in the file window */
	put(m, last, (RAM_SIZE - PAGE) | USER);
	assert_true(sample_user_word(m->s, m->pgd, STACK + PAGE - 8, &word));
	put(m, last, RAM_SIZE | USER);
	assert_false(sample_user_word(m->s, m->pgd, STACK, &word));
}

static void test_ram_that_the_host_has_not_is_not_there(void **state)
{
	struct machine *m = *state;
	struct sample_task t;

	assert_int_equal(host_soft_copy_init(), 0); /* cmocka has a handler of its own by now */
	assert_true(sample_task(m->s, 0, &t));
	assert_int_equal(ftruncate(m->fd, PAGE), 0);
	assert_false(sample_task(m->s, 0, &t));
	assert_false(finds(m, CODE));
}

static void test_the_shims_addresses_are_its_physical_map_and_its_image(void **state)
{
	struct machine *m = *state;
	uint64_t word;

	put(m, 0, 1);
	put(m, RAM_SIZE - 8, 2);
	assert_true(sample_read_shim(m->s, BOOT_PHYSMAP_VA, &word, 8) && word == 1);
	assert_true(sample_read_shim(m->s, BOOT_IMAGE_VA, &word, 8) && word == 1);
	assert_true(sample_read_shim(m->s, shim(RAM_SIZE - 8), &word, 8) && word == 2);
	assert_false(sample_read_shim(m->s, shim(RAM_SIZE - 7), &word, 8));
	assert_false(sample_read_shim(m->s, BOOT_PHYSMAP_VA - 8, &word, 8));
	assert_false(sample_read_shim(m->s, BOOT_IMAGE_VA - 8, &word, 8));
	assert_false(sample_read_shim(m->s, 0, &word, 8));
	assert_false(sample_read_shim(m->s, ~0ull, &word, 8));
}

const struct CMUnitTest memory_tests[] = {
	TEST(test_a_page_has_the_rights_of_all_levels),
	TEST(test_tables_that_are_their_own_entries_end),
	TEST(test_what_an_entry_must_not_have_is_no_page),
	TEST(test_tables_outside_ram_are_not_there),
	TEST(test_only_user_addresses_are_looked_up),
	TEST(test_words_are_aligned_and_in_ram),
	TEST(test_ram_that_the_host_has_not_is_not_there),
	TEST(test_the_shims_addresses_are_its_physical_map_and_its_image),
};
const size_t memory_count = sizeof(memory_tests) / sizeof(memory_tests[0]);
