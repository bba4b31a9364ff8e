/* SPDX-License-Identifier: Apache-2.0
 * mremap and brk.
 */
#include <fcntl.h>

#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x10000000ull
#define PG   PAGE_SIZE

static struct mm *mm(void)
{
	return fake_task.mm;
}

static void arguments(void **state)
{
	map_anon(BASE, 4, RW, MAP_PRIVATE);
	assert_int_equal(mm_remap(mm(), BASE, PG, PG, 8, 0), -EINVAL);
	assert_int_equal(mm_remap(mm(), BASE, PG, PG, MREMAP_FIXED, BASE + 8 * PG), -EINVAL);
	assert_int_equal(mm_remap(mm(), BASE + 1, PG, PG, 0, 0), -EINVAL);
	assert_int_equal(mm_remap(mm(), BASE, PG, 0, 0, 0), -EINVAL);
	assert_int_equal(mm_remap(mm(), BASE + 8 * PG, PG, 2 * PG, 0, 0), -EFAULT);
	assert_int_equal(mm_remap(mm(), BASE, 5 * PG, 6 * PG, MREMAP_MAYMOVE, 0), -EFAULT);
	assert_int_equal(mm_remap(mm(), BASE, 0, PG, MREMAP_MAYMOVE, 0), -EINVAL); /* private */
	assert_int_equal(
		mm_remap(mm(), BASE, 4 * PG, 4 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, BASE + PG),
		-EINVAL); /* overlap */
	assert_int_equal(
		mm_remap(mm(), BASE, PG, PG, MREMAP_MAYMOVE | MREMAP_FIXED, ~0ull & ~4095ull),
		-EINVAL);
}

static void grows_in_place_or_moves(void **state)
{
	s64 r;
	u8 v;

	map_anon(BASE, 2, RW, MAP_PRIVATE);
	prog_write(BASE, 1);
	prog_write(BASE + PG, 2);
	assert_int_equal(mm_remap(mm(), BASE, 2 * PG, 4 * PG, 0, 0), BASE);
	assert_int_equal(mm()->total_pages, 4);
	prog_write(BASE + 3 * PG, 4);
	map_anon(BASE + 4 * PG, 1, PROT_READ, MAP_PRIVATE | MAP_FIXED);
	assert_int_equal(mm_remap(mm(), BASE, 4 * PG, 5 * PG, 0, 0), -ENOMEM);
	r = mm_remap(mm(), BASE, 4 * PG, 6 * PG, MREMAP_MAYMOVE, 0);
	assert_true(r > 0 && r != (s64)BASE);
	assert_null(mm_find(mm(), BASE));
	for (u32 i = 0; i < 6; i++) {
		prog_read((u64)r + i * PG, &v);
		assert_int_equal(v, i == 2 ? 0 : i < 4 ? i + 1 : 0);
	}
	assert_int_equal(mm()->total_pages, 7);
	/* shrink */
	assert_int_equal(mm_remap(mm(), (u64)r, 6 * PG, PG, 0, 0), r);
	assert_null(mm_find(mm(), (u64)r + PG));
}

static void moves_where_it_is_told(void **state)
{
	u64 to = BASE + (1ull << 31);
	u8 v;

	map_anon(BASE, 3, RW, MAP_PRIVATE);
	map_anon(to, 8, PROT_READ, MAP_PRIVATE | MAP_FIXED);
	prog_write(BASE + PG, 9);
	/* the middle page only, and what was there goes */
	assert_int_equal(
		mm_remap(mm(), BASE + PG, PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	assert_int_equal(prog_read(to, &v), 0);
	assert_int_equal(v, 9);
	assert_int_equal(prog_write(to + PG, 1), 0);
	assert_null(mm_find(mm(), BASE + PG));
	assert_non_null(mm_find(mm(), BASE + 2 * PG));
	assert_int_equal(mm_find(mm(), to + 2 * PG)->prot, PROT_READ);
	assert_int_equal(mm()->total_pages, 2 + 8);
}

static void across_tables(void **state)
{
	u64 from = round_up(BASE, 512 * PG) - 3 * PG, to = from + 5000 * PG + 7 * PG;
	u8 v;

	map_anon(from, 600, RW, MAP_PRIVATE | MAP_FIXED);
	for (u32 i = 0; i < 600; i++)
		prog_write(from + i * PG, (u8)i);
	assert_int_equal(
		mm_remap(mm(), from, 600 * PG, 600 * PG, MREMAP_MAYMOVE | MREMAP_FIXED, to), to);
	for (u32 i = 0; i < 600; i++) {
		prog_read(to + i * PG, &v);
		assert_int_equal(v, (u8)i);
	}
	assert_int_equal(mm()->rss_pages, 600);
}

static void dontunmap_leaves_the_place(void **state)
{
	s64 r;
	u8 v;

	map_anon(BASE, 2, RW, MAP_PRIVATE);
	prog_write(BASE, 3);
	r = mm_remap(mm(), BASE, 2 * PG, 2 * PG, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	assert_true(r > 0);
	prog_read((u64)r, &v);
	assert_int_equal(v, 3);
	prog_read(BASE, &v);
	assert_int_equal(v, 0);
	assert_int_equal(mm()->total_pages, 4);
}

static void shared_files_keep_their_offset(void **state)
{
	struct file *f = fake_file(FAKE_FRAMES, NULL, 8 * PG, O_RDWR);
	s64 r;
	u8 v;

	mm_map(mm(), BASE, 4 * PG, RW, MAP_SHARED | MAP_FIXED, f, 2 * PG);
	prog_write(BASE + 2 * PG, 44);
	r = mm_remap(mm(), BASE + 2 * PG, PG, 3 * PG, MREMAP_MAYMOVE, 0);
	assert_int_equal(mm_find(mm(), (u64)r)->offset, 4 * PG);
	prog_read((u64)r, &v);
	assert_int_equal(v, 44);
	/* old length 0: a second view */
	r = mm_remap(mm(), (u64)r, 0, PG, MREMAP_MAYMOVE, 0);
	prog_read((u64)r, &v);
	assert_int_equal(v, 44);
	file_put(f);
}

static void breaks(void **state)
{
	u8 v;

	mm()->brk_start = mm()->brk = BASE;
	assert_int_equal(mm_brk(mm(), 0), BASE);
	assert_int_equal(mm_brk(mm(), BASE + 100), BASE + 100);
	assert_int_equal(prog_write(BASE + 4095, 1), 0);
	assert_string_equal(mm_find(mm(), BASE)->name, "[heap]");
	assert_int_equal(mm_brk(mm(), BASE + 10 * PG), BASE + 10 * PG);
	assert_int_equal(mm()->nvmas, 1);
	assert_int_equal(mm_brk(mm(), BASE + 1), BASE + 1);
	assert_int_equal(prog_read(BASE + PG, &v), -EFAULT);
	assert_int_equal(mm_brk(mm(), BASE - 1), BASE + 1);
	assert_int_equal(mm_brk(mm(), USER_VA_END + PG), BASE + 1);
	/* one page stays free before the next mapping */
	map_anon(BASE + 4 * PG, 1, RW, MAP_PRIVATE | MAP_FIXED);
	assert_int_equal(mm_brk(mm(), BASE + 4 * PG), BASE + 1);
	assert_int_equal(mm_brk(mm(), BASE + 3 * PG), BASE + 3 * PG);
	fake_process.rlimits[RLIMIT_DATA][0] = 3 * PG;
	mm_unmap(mm(), BASE + 4 * PG, PG);
	assert_int_equal(mm_brk(mm(), BASE + 5 * PG), BASE + 3 * PG);
	assert_int_equal(mm_brk(mm(), BASE), BASE);
	assert_int_equal(mm()->nvmas, 0);
}

const struct CMUnitTest remap_tests[] = {
	MM_TEST(arguments),
	MM_TEST(grows_in_place_or_moves),
	MM_TEST(moves_where_it_is_told),
	MM_TEST(across_tables),
	MM_TEST(dontunmap_leaves_the_place),
	MM_TEST(shared_files_keep_their_offset),
	MM_TEST(breaks),
};
const size_t remap_tests_count = ARRAY_SIZE(remap_tests);
