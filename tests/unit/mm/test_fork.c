/* SPDX-License-Identifier: Apache-2.0
 * fork: copy on write, what is shared, what is wiped, what is left out.
 */
#include <fcntl.h>

#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x10000000ull
#define PG   PAGE_SIZE

static struct mm *parent, *child;

static void do_fork(void)
{
	parent = fake_task.mm;
	child = mm_fork(parent);
	assert_non_null(child);
}

static u8 get(struct mm *mm, u64 va)
{
	u8 v = 0xff;

	fake_task.mm = mm;
	assert_int_equal(prog_read(va, &v), 0);
	fake_task.mm = parent;
	return v;
}

static void set(struct mm *mm, u64 va, u8 v)
{
	fake_task.mm = mm;
	assert_int_equal(prog_write(va, v), 0);
	fake_task.mm = parent;
}

static void writes_part_ways(void **state)
{
	u64 used;

	map_anon(BASE, 4, RW, MAP_PRIVATE);
	prog_write(BASE, 1);
	prog_write(BASE + PG, 2);
	fake_tlb.flushes = 0;
	do_fork();
	assert_int_equal(fake_tlb.flushes, 1);
	assert_int_equal(child->rss_pages, parent->rss_pages);
	set(child, BASE, 11);
	assert_int_equal(get(parent, BASE), 1);
	set(parent, BASE + PG, 22);
	assert_int_equal(get(child, BASE + PG), 2);
	/* the last owner writes in place */
	used = kern->stats.pages_used;
	set(child, BASE + PG, 33);
	assert_int_equal(kern->stats.pages_used, used);
	assert_int_equal(get(parent, BASE + PG), 22);
	mm_put(child);
}

static void the_kernel_half_stays(void **state)
{
	do_fork();
	assert_int_equal(((u64 *)phys_ptr(child->pgd))[511], 1);
	mm_put(child);
}

static void shared_memory_is_shared(void **state)
{
	s64 a = map_anon(0, 2, RW, MAP_SHARED);

	prog_write((u64)a, 5);
	do_fork();
	assert_int_equal(get(child, (u64)a), 5);
	set(child, (u64)a, 6);
	set(child, (u64)a + PG, 7);
	assert_int_equal(get(parent, (u64)a), 6);
	assert_int_equal(get(parent, (u64)a + PG), 7);
	mm_put(child);
}

static void private_file_copies_are_inherited(void **state)
{
	struct file *f = fake_text(FAKE_WINDOW, "abc", PG, O_RDONLY);

	mm_map(fake_task.mm, BASE, PG, RW, MAP_PRIVATE | MAP_FIXED, f, 0);
	prog_write(BASE, 'x');
	do_fork();
	assert_int_equal(get(child, BASE), 'x');
	assert_int_equal(get(child, BASE + 1), 'b');
	set(parent, BASE, 'y');
	assert_int_equal(get(child, BASE), 'x');
	mm_put(child);
	file_put(f);
}

static void advice_for_fork(void **state)
{
	map_anon(BASE, 1, RW, MAP_PRIVATE);
	map_anon(BASE + PG, 1, RW, MAP_PRIVATE);
	map_anon(BASE + 2 * PG, 1, RW, MAP_PRIVATE | MAP_LOCKED);
	prog_write(BASE, 1);
	prog_write(BASE + PG, 2);
	mm_advise(fake_task.mm, BASE, PG, MADV_WIPEONFORK);
	mm_advise(fake_task.mm, BASE + PG, PG, MADV_DONTFORK);
	do_fork();
	assert_int_equal(get(child, BASE), 0);
	assert_int_equal(get(parent, BASE), 1);
	assert_null(mm_find(child, BASE + PG));
	assert_int_equal(child->locked_pages, 0);
	assert_int_equal(child->total_pages, 2);
	mm_put(child);
}

static void none_pages_are_inherited(void **state)
{
	map_anon(BASE, 1, RW, MAP_PRIVATE);
	prog_write(BASE, 9);
	mm_protect(fake_task.mm, BASE, PG, PROT_NONE);
	do_fork();
	mm_protect(child, BASE, PG, RW);
	assert_int_equal(get(child, BASE), 9);
	set(child, BASE, 8);
	mm_protect(parent, BASE, PG, RW);
	assert_int_equal(get(parent, BASE), 9);
	mm_put(child);
}

static void generations(void **state)
{
	struct mm *mms[8];

	map_anon(BASE, 1, RW, MAP_PRIVATE);
	prog_write(BASE, 0);
	for (u32 i = 0; i < 8; i++) {
		do_fork();
		mms[i] = child;
		set(child, BASE, (u8)(i + 1));
	}
	for (u32 i = 0; i < 8; i++) {
		assert_int_equal(get(mms[i], BASE), i + 1);
		mm_put(mms[i]);
	}
	assert_int_equal(get(parent, BASE), 0);
}

static void fails_whole_when_memory_is_out(void **state)
{
	u64 head = 0, pa;

	map_anon(BASE, 64, RW, MAP_PRIVATE | MAP_POPULATE);
	map_anon(BASE + (1ull << 40), 1, RW, MAP_PRIVATE | MAP_POPULATE);
	for (u32 left = 0; left < 8; left++) {
		while (pages_free_count() > left) {
			pa = page_alloc_raw();
			*(u64 *)phys_ptr(pa) = head;
			head = pa;
		}
		child = mm_fork(fake_task.mm);
		if (child)
			mm_put(child);
		for (; head; head = pa) {
			pa = *(u64 *)phys_ptr(head);
			page_put(head);
		}
	}
	assert_int_equal(prog_write(BASE, 3), 0);
}

const struct CMUnitTest fork_tests[] = {
	MM_TEST(writes_part_ways),
	MM_TEST(the_kernel_half_stays),
	MM_TEST(shared_memory_is_shared),
	MM_TEST(private_file_copies_are_inherited),
	MM_TEST(advice_for_fork),
	MM_TEST(none_pages_are_inherited),
	MM_TEST(generations),
	MM_TEST(fails_whole_when_memory_is_out),
};
const size_t fork_tests_count = ARRAY_SIZE(fork_tests);
