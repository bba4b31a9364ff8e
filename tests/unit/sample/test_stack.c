/* SPDX-License-Identifier: Apache-2.0
 * Stacks, true ones and others.
 */
#include "tests/unit/sample/machine.h"

#include <sys/mman.h>

static uint32_t frames(struct machine *m, uint64_t rip, uint64_t rsp, uint64_t rbp,
	struct samples_frame out[SAMPLES_FRAMES])
{
	const struct sample_task t = task_now(m);
	const struct sampler_at at = {rip, rsp, rbp};

	return sample_frames(m->s, &t, &at, out);
}

static void frame_at(struct machine *m, uint64_t at, uint64_t next, uint64_t back)
{
	put(m, m->stack + at, next);
	put(m, m->stack + at + 8, back);
}

static void test_callers_are_offsets_in_their_file(void **state)
{
	struct machine *m = *state;
	struct samples_frame f[SAMPLES_FRAMES];

	frame_at(m, 0x800, STACK + 0x900, CODE + 0x21);
	frame_at(m, 0x900, 0, CODE + 0x31);
	assert_int_equal(frames(m, CODE + 0x10, STACK + 0xa00, STACK + 0x800, f), 3);
	assert_int_equal(f[0].value, 0x3010);
	assert_int_equal(f[1].value, 0x3020); /* the call's last byte */
	assert_int_equal(f[2].value, 0x3030);
	for (int i = 0; i < 3; i++)
		assert_true(f[i].file == SAMPLES_FIRST_FILE && !f[i].slot);
	assert_int_equal(records_now(m).files, 1);
}

static void test_near_words_that_are_code_have_their_place(void **state)
{
	struct machine *m = *state;
	struct samples_frame f[SAMPLES_FRAMES];

	put(m, m->stack + 0, STACK);
	put(m, m->stack + 16, CODE + 0x21);
	put(m, m->stack + 8 * SAMPLES_WORDS, CODE + 0x21); /* too far */
	assert_int_equal(frames(m, CODE, STACK, 0, f), 2);
	assert_true(f[1].value == 0x3020 && f[1].slot == 3);
	for (uint64_t i = 0; i < SAMPLES_WORDS; i++)
		put(m, m->stack + 8 * i, CODE + 0x21);
	assert_int_equal(frames(m, CODE, STACK, 0, f), 1 + 16);
}

static void test_a_chain_ends(void **state)
{
	struct machine *m = *state;
	struct samples_frame f[SAMPLES_FRAMES];

	frame_at(m, 0x800, STACK + 0x800, CODE + 0x21); /* its own caller */
	assert_int_equal(frames(m, CODE, STACK + 0xf00, STACK + 0x800, f), 2);
	frame_at(m, 0x800, STACK + 0x700, CODE + 0x21); /* downwards */
	assert_int_equal(frames(m, CODE, STACK + 0xf00, STACK + 0x800, f), 2);
	frame_at(m, 0x800, STACK + 0x900, STACK); /* what it returns to is no code */
	assert_int_equal(frames(m, CODE, STACK + 0xf00, STACK + 0x800, f), 1);
	for (uint64_t at = 0; at < PAGES * PAGE; at += 16) /* as long as the stack */
		frame_at(m, at, STACK + at + 16, CODE + 0x21);
	assert_int_equal(frames(m, CODE, 0, STACK, f), SAMPLES_FRAMES);
	assert_int_equal(frames(m, CODE, STACK, STACK, f), SAMPLES_FRAMES);
	/* across its end */
	assert_int_equal(frames(m, CODE, 0, STACK + PAGES * PAGE - 32, f), 3);
	assert_int_equal(frames(m, CODE, 0, STACK + PAGES * PAGE - 8, f), 1);
}

static void test_a_stack_that_is_none_has_one_frame(void **state)
{
	static const uint64_t none[] = {0, 1, STACK + 1, STACK - 8, STACK + PAGES * PAGE, CODE,
		BOOT_USER_VA_END - 8, BOOT_USER_VA_END, 0x8000000000000000, BOOT_PHYSMAP_VA,
		BOOT_IMAGE_VA, ~7ull, ~0ull};
	struct machine *m = *state;
	struct samples_frame f[SAMPLES_FRAMES];

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(frames(m, CODE, none[i], none[i], f), 1);
}

static void test_code_of_no_file_is_told_so(void **state)
{
	struct machine *m = *state;
	struct samples_frame f[SAMPLES_FRAMES];

	put(m, m->vma + VMA_FILE, 0);
	frames(m, CODE + 1, 0, 0, f);
	assert_true(f[0].file == SAMPLES_ANONYMOUS && f[0].value == CODE + 1);
	put(m, m->mm + MM_VDSO, CODE);
	frames(m, CODE + 1, 0, 0, f);
	assert_true(f[0].file == SAMPLES_VDSO && f[0].value == 1);
	put(m, m->vma + VMA_PROT, PROT_READ);
	frames(m, CODE + 1, 0, 0, f);
	assert_true(f[0].file == SAMPLES_NOWHERE && f[0].value == CODE + 1);
}

static void test_mappings_that_are_none_are_nowhere(void **state)
{
	static const uint64_t counts[] = {0, 2, 1000, 0x20001, UINT32_MAX};
	struct machine *m = *state;
	struct samples_frame f[SAMPLES_FRAMES];

	put(m, m->vma + VMA_END, CODE); /* empty; and what follows it is not there */
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		put(m, m->mm + MM_NVMAS, counts[i]);
		assert_int_equal(frames(m, CODE, 0, 0, f), 1);
		assert_int_equal(f[0].file, SAMPLES_NOWHERE);
	}
	put(m, m->mm + MM_NVMAS, 1);
	put(m, m->vma + VMA_END, CODE + PAGE);
	put(m, m->mm + MM_VMAS, ~0ull);
	frames(m, CODE, 0, 0, f);
	assert_int_equal(f[0].file, SAMPLES_NOWHERE);
}

const struct CMUnitTest stack_tests[] = {
	TEST(test_callers_are_offsets_in_their_file),
	TEST(test_near_words_that_are_code_have_their_place),
	TEST(test_a_chain_ends),
	TEST(test_a_stack_that_is_none_has_one_frame),
	TEST(test_code_of_no_file_is_told_so),
	TEST(test_mappings_that_are_none_are_nowhere),
};
const size_t stack_count = sizeof(stack_tests) / sizeof(stack_tests[0]);
