/* SPDX-License-Identifier: Apache-2.0
 * Faults: what each kind of mapping does at first touch, and how many pages one fault brings.
 */
#include <fcntl.h>
#include <string.h>

#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x10000000ull
#define PG   PAGE_SIZE

static struct mm *mm(void)
{
	return fake_task.mm;
}

static int fault(u64 va, enum mm_access how, s32 *code)
{
	return mm_fault(mm(), va, how, code);
}

static void codes(void **state)
{
	struct file *f = fake_file(FAKE_FRAMES, NULL, PG + 1, O_RDONLY);
	s32 code;

	map_anon(BASE, 1, PROT_READ, MAP_PRIVATE);
	map_anon(BASE + PG, 1, PROT_NONE, MAP_PRIVATE);
	mm_map(mm(), BASE + 4 * PG, 4 * PG, PROT_READ, MAP_PRIVATE, f, 0);
	assert_int_equal(fault(BASE + 2 * PG, MM_READ, &code), -EFAULT);
	assert_int_equal(code, 1); /* SEGV_MAPERR */
	assert_int_equal(fault(BASE, MM_WRITE, &code), -EFAULT);
	assert_int_equal(code, 2); /* SEGV_ACCERR */
	assert_int_equal(fault(BASE, MM_EXEC, &code), -EFAULT);
	assert_int_equal(code, 2);
	assert_int_equal(fault(BASE + PG, MM_READ, &code), -EFAULT);
	assert_int_equal(code, 2);
	assert_int_equal(fault(USER_VA_END, MM_READ, &code), -EFAULT);
	assert_int_equal(fault(~0ull, MM_READ, &code), -EFAULT);
	assert_int_equal(code, 1);
	assert_int_equal(fault(BASE + 5 * PG, MM_READ, &code), 0); /* the last, partial page */
	assert_int_equal(fault(BASE + 6 * PG, MM_READ, &code), -EIO);
	assert_int_equal(code, 2); /* BUS_ADRERR */
	file_put(f);
}

static void reading_costs_no_frame(void **state)
{
	u64 used;
	u8 v;

	map_anon(BASE, 600, RW, MAP_PRIVATE); /* large: a write brings no neighbours along */
	assert_int_equal(prog_write(BASE, 7), 0);
	used = kern->stats.pages_used;
	for (u32 i = 1; i < 100; i++) {
		assert_int_equal(prog_read(BASE + i * PG, &v), 0);
		assert_int_equal(v, 0);
	}
	assert_int_equal(kern->stats.pages_used, used);
	assert_int_equal(mm()->rss_pages, 1);
	assert_int_equal(prog_write(BASE + PG, 9), 0);
	assert_int_equal(prog_read(BASE + 2 * PG, &v), 0);
	assert_int_equal(v, 0);
}

static void a_sequential_walk_faults_seldom(void **state)
{
	u32 faults = 0;
	s32 code;

	map_anon(BASE, 1000, RW, MAP_PRIVATE);
	for (u32 i = 0; i < 1000; i++) {
		if (prog_pte(BASE + i * PG) & PTE_W)
			continue;
		assert_int_equal(fault(BASE + i * PG, MM_WRITE, &code), 0);
		faults++;
	}
	assert_true(faults < 25);
	assert_int_equal(mm()->rss_pages, 1000);
	assert_int_equal(prog_pte(BASE + 1000 * PG), 0);
}

static void a_file_is_mapped_around_the_fault(void **state)
{
	static u8 data[80 * 4096];
	struct file *f;
	u32 n = 0;
	u8 v;

	for (u32 i = 0; i < 80; i++)
		data[i * PG] = (u8)(i + 1);
	f = fake_file(FAKE_WINDOW, data, sizeof(data), O_RDONLY);
	mm_map(mm(), BASE, 100 * PG, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, f, 0);
	assert_int_equal(prog_read(BASE + 70 * PG, &v), 0);
	assert_int_equal(v, 71);
	for (u32 i = 0; i < 100; i++)
		n += prog_pte(BASE + i * PG) != 0;
	assert_int_equal(n, 16); /* 64..79: its block, up to the end of the file */
	assert_int_equal(prog_access(BASE + 66 * PG, MM_EXEC), 0);
	assert_int_equal(prog_access(BASE + 80 * PG, MM_READ), -EIO);
	assert_int_equal(prog_access(BASE, MM_WRITE), -EFAULT);
	file_put(f);
}

static void small_mappings_get_a_few_pages(void **state)
{
	map_anon(BASE + 3 * PG, 20, RW, MAP_PRIVATE);
	assert_int_equal(prog_access(BASE + 5 * PG, MM_READ), 0); /* as good as a write */
	assert_true(prog_pte(BASE + 5 * PG) & PTE_W);
	assert_true(prog_pte(BASE + 7 * PG) & PTE_W);
	assert_false(prog_pte(BASE + 7 * PG) & PTE_A);
	assert_int_equal(prog_pte(BASE + 8 * PG), 0);
	assert_int_equal(prog_pte(BASE + 2 * PG), 0);
	assert_int_equal(mm()->rss_pages, 4);
}

static void image_data_is_copied_whole(void **state)
{
	struct file *f = fake_text(FAKE_WINDOW, "data", 3 * PG, O_RDONLY);
	u8 v;

	mm_map(mm(), BASE, 5 * PG, RW, MAP_PRIVATE | MAP_FIXED | MAP_DENYWRITE, f, 0);
	assert_int_equal(prog_read(BASE + 2 * PG, &v), 0);
	for (u32 i = 0; i < 3; i++)
		assert_true(prog_pte(BASE + i * PG) & PTE_W);
	assert_int_equal(prog_read(BASE, &v), 0);
	assert_int_equal(v, 'd');
	assert_int_equal(prog_write(BASE, 'x'), 0);
	assert_memory_equal(fake_file_page(f, 0), "data", 4);
	assert_int_equal(prog_access(BASE + 3 * PG, MM_READ), -EIO);
	file_put(f);
}

/* Too large to be copied at once: what is around a write is, and the file stays as it was. */
static void large_program_data_is_copied_in_pieces(void **state)
{
	struct file *f = fake_text(FAKE_WINDOW, "data", 40 * PG, O_RDONLY);
	u64 copied = 0;
	u8 v;

	mm_map(mm(), BASE, 40 * PG, RW, MAP_PRIVATE | MAP_FIXED | MAP_DENYWRITE, f, 0);
	assert_int_equal(prog_read(BASE, &v), 0); /* the neighbours come along, shared */
	assert_int_equal(prog_write(BASE + 11 * PG, 'x'), 0);
	for (u32 i = 0; i < 40; i++)
		copied += (prog_pte(BASE + i * PG) & PTE_W) != 0;
	assert_int_equal(copied, 8);
	assert_true(prog_pte(BASE + 8 * PG) & prog_pte(BASE + 15 * PG) & PTE_W);
	assert_int_equal(prog_write(BASE + 9 * PG, 'y'), 0);
	assert_int_not_equal(((const u8 *)fake_file_page(f, 9))[0], 'y');
	file_put(f);
}

static void private_writes_stay_private(void **state)
{
	for (int kind = FAKE_FRAMES; kind <= FAKE_WINDOW; kind++) {
		struct file *f = fake_text((enum fake_kind)kind, "hello", 5, O_RDONLY);
		u64 at = BASE + (u64)kind * 16 * PG;
		u8 v;

		mm_map(mm(), at, PG, RW, MAP_PRIVATE | MAP_FIXED, f, 0);
		assert_int_equal(prog_read(at, &v), 0);
		assert_int_equal(v, 'h');
		assert_int_equal(prog_write(at, 'j'), 0);
		assert_int_equal(prog_read(at + 1, &v), 0);
		assert_int_equal(v, 'e');
		assert_memory_equal(fake_file_page(f, 0), "hello", 5);
		/* a write as the first access copies at once */
		mm_map(mm(), at, PG, RW, MAP_PRIVATE | MAP_FIXED, f, 0);
		assert_int_equal(prog_write(at + 4, 'y'), 0);
		assert_int_equal(prog_read(at, &v), 0);
		assert_int_equal(v, 'h');
		assert_memory_equal(fake_file_page(f, 0), "hello", 5);
		file_put(f);
	}
}

static void shared_writes_are_the_files(void **state)
{
	for (int kind = FAKE_FRAMES; kind <= FAKE_WINDOW; kind++) {
		struct file *f = fake_text((enum fake_kind)kind, "hello", 5, O_RDWR);
		u64 at = BASE + (u64)kind * 16 * PG;
		u8 v;

		mm_map(mm(), at, PG, RW, MAP_SHARED | MAP_FIXED, f, 0);
		assert_int_equal(prog_read(at, &v), 0);
		assert_false(prog_pte(at) & PTE_W); /* the file system hears of the first write */
		assert_int_equal(prog_write(at, 'j'), 0);
		assert_memory_equal(fake_file_page(f, 0), "jello", 5);
		file_put(f);
	}
}

static void none_keeps_pages(void **state)
{
	u8 v;

	map_anon(BASE, 2, RW, MAP_PRIVATE);
	prog_write(BASE, 42);
	assert_int_equal(mm_protect(mm(), BASE, 2 * PG, PROT_NONE), 0);
	assert_int_equal(prog_read(BASE, &v), -EFAULT);
	assert_int_equal(mm()->rss_pages, 2);
	assert_int_equal(mm_protect(mm(), BASE, 2 * PG, PROT_READ), 0);
	assert_int_equal(prog_read(BASE, &v), 0);
	assert_int_equal(v, 42);
	assert_int_equal(prog_write(BASE, 1), -EFAULT);
	assert_int_equal(mm_protect(mm(), BASE, 2 * PG, RW), 0);
	assert_true(prog_pte(BASE) & PTE_W); /* without another fault */
	mm_protect(mm(), BASE, PG, PROT_NONE);
	mm_unmap(mm(), BASE, 2 * PG);
	assert_int_equal(mm()->rss_pages, 0);
}

static void protect_flushes_only_what_lost_rights(void **state)
{
	map_anon(BASE, 4, PROT_READ, MAP_PRIVATE);
	prog_access(BASE, MM_READ);
	fake_tlb.flushes = 0;
	mm_protect(mm(), BASE, 4 * PG, RW);
	assert_int_equal(fake_tlb.flushes, 0);
	prog_write(BASE, 1);
	fake_tlb.flushes = 0;
	mm_protect(mm(), BASE, 4 * PG, PROT_READ);
	assert_int_equal(fake_tlb.flushes, 1);
}

static void stacks_grow_to_their_limit(void **state)
{
	u64 top = BASE + 4096 * PG;
	s32 code;

	fake_process.rlimits[RLIMIT_STACK][0] = 64 * PG;
	map_anon(top - 4 * PG, 4, RW, MAP_PRIVATE | MAP_GROWSDOWN | MAP_FIXED);
	assert_int_equal(prog_write(top - 10 * PG, 1), 0);
	assert_int_equal(mm_find(mm(), top - 1)->start, top - 10 * PG);
	assert_int_equal(mm()->total_pages, 10);
	assert_int_equal(fault(top - 65 * PG, MM_WRITE, &code), -EFAULT);
	assert_int_equal(code, 1);
	/* the guard gap: 256 pages to the next mapping, unless that is no access */
	fake_process.rlimits[RLIMIT_STACK][0] = 4000 * PG;
	map_anon(top - 400 * PG, 1, RW, MAP_PRIVATE | MAP_FIXED);
	assert_int_equal(prog_write(top - 200 * PG, 1), -EFAULT);
	assert_int_equal(prog_write(top - 140 * PG, 1), 0);
	mm_protect(mm(), top - 400 * PG, PG, PROT_NONE);
	assert_int_equal(prog_write(top - 200 * PG, 1), 0);
	assert_int_equal(prog_write(top - 400 * PG, 1), -EFAULT);
	/* a hint into the gap is not taken */
	assert_int_not_equal(map_anon(top - 201 * PG, 1, RW, MAP_PRIVATE), top - 201 * PG);
}

static void truncation_takes_pages_away(void **state)
{
	struct file *f = fake_file(FAKE_FRAMES, NULL, 4 * PG, O_RDWR);
	u8 v;

	mm_map(mm(), BASE, 4 * PG, RW, MAP_SHARED | MAP_FIXED, f, 0);
	mm_map(mm(), BASE + 16 * PG, 2 * PG, RW, MAP_PRIVATE | MAP_FIXED, f, 2 * PG);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(prog_write(BASE + i * PG, 1), 0);
	assert_int_equal(prog_write(BASE + 17 * PG, 1), 0);
	fake_file_shrink(f, PG + 1);
	assert_int_equal(prog_read(BASE + PG, &v), 0);
	assert_int_equal(prog_read(BASE + 2 * PG, &v), -EIO);
	assert_int_equal(prog_read(BASE + 17 * PG, &v), -EIO); /* private copies go too */
	file_put(f);
}

static void the_window_is_given_back(void **state)
{
	struct file *f = fake_text(FAKE_WINDOW, "abc", 2 * PG, O_RDONLY);
	u8 v;

	mm_map(mm(), BASE, 2 * PG, RW, MAP_PRIVATE | MAP_FIXED, f, 0);
	prog_read(BASE + PG, &v);
	prog_write(BASE, 'x');
	mm_window_zap(0, 2 * PG);
	assert_int_equal(prog_pte(BASE + PG), 0);
	assert_int_equal(prog_read(BASE, &v), 0);
	assert_int_equal(v, 'x'); /* a copy is not the window's */
	file_put(f);
}

static void running_out_is_reported(void **state)
{
	u64 n = pages_total() + 100;
	s32 code;
	int r = 0;

	map_anon(BASE, n, RW, MAP_PRIVATE);
	for (u64 i = 0; i < n && !r; i++)
		r = fault(BASE + i * PG, MM_WRITE, &code);
	assert_int_equal(r, -ENOMEM);
	assert_true(kern->stats.oom);
	assert_true(pages_free_count() > 100); /* the shim keeps some for itself */
}

static void advice_is_taken(void **state)
{
	struct file *f = fake_text(FAKE_FRAMES, "abc", PG, O_RDONLY);
	u8 v;

	map_anon(BASE, 4, RW, MAP_PRIVATE);
	prog_write(BASE, 1);
	assert_int_equal(mm_advise(mm(), BASE, 8 * PG, MADV_DONTNEED), -ENOMEM);
	prog_read(BASE, &v);
	assert_int_equal(v, 0);
	assert_int_equal(mm_advise(mm(), BASE, PG, 12345), -EINVAL);
	assert_int_equal(mm_advise(mm(), BASE + 1, PG, MADV_NORMAL), -EINVAL);
	assert_int_equal(mm_advise(mm(), BASE, 0, MADV_NORMAL), 0);
	assert_int_equal(mm_advise(mm(), BASE, PG, MADV_HUGEPAGE), 0);
	mm_map(mm(), BASE + 8 * PG, PG, PROT_READ, MAP_PRIVATE | MAP_FIXED, f, 0);
	assert_int_equal(mm_advise(mm(), BASE + 8 * PG, PG, MADV_FREE), -EINVAL);
	assert_int_equal(mm_advise(mm(), BASE + 8 * PG, PG, MADV_WIPEONFORK), -EINVAL);
	assert_int_equal(mm_advise(mm(), BASE + 8 * PG, PG, MADV_POPULATE_WRITE), -EINVAL);
	assert_int_equal(mm_advise(mm(), BASE + 8 * PG, PG, MADV_POPULATE_READ), 0);
	assert_int_not_equal(prog_pte(BASE + 8 * PG), 0);
	assert_int_equal(mm_advise(mm(), BASE, 4 * PG, MADV_POPULATE_WRITE), 0);
	assert_true(prog_pte(BASE + 3 * PG) & PTE_W);
	file_put(f);
}

static void populate_maps_at_once(void **state)
{
	s64 a = map_anon(0, 32, RW, MAP_PRIVATE | MAP_POPULATE);

	for (u32 i = 0; i < 32; i++)
		assert_true(prog_pte((u64)a + i * PG) & PTE_W);
}

const struct CMUnitTest fault_tests[] = {
	MM_TEST(codes),
	MM_TEST(reading_costs_no_frame),
	MM_TEST(a_sequential_walk_faults_seldom),
	MM_TEST(a_file_is_mapped_around_the_fault),
	MM_TEST(small_mappings_get_a_few_pages),
	MM_TEST(image_data_is_copied_whole),
	MM_TEST(large_program_data_is_copied_in_pieces),
	MM_TEST(private_writes_stay_private),
	MM_TEST(shared_writes_are_the_files),
	MM_TEST(none_keeps_pages),
	MM_TEST(protect_flushes_only_what_lost_rights),
	MM_TEST(stacks_grow_to_their_limit),
	MM_TEST(truncation_takes_pages_away),
	MM_TEST(the_window_is_given_back),
	MM_TEST(running_out_is_reported),
	MM_TEST(advice_is_taken),
	MM_TEST(populate_maps_at_once),
};
const size_t fault_tests_count = ARRAY_SIZE(fault_tests);
