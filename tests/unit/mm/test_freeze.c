/* SPDX-License-Identifier: Apache-2.0
 * What copies of the kernel share: which pages are frozen, and that nobody writes to them after.
 */
#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x10000000ull
#define PG   PAGE_SIZE
#define MAX  (FAKE_MEM >> PAGE_SHIFT)

static u64 frozen[MAX / 64 + 1];

static u64 frame_at(u64 va)
{
	return prog_pte(va) & PTE_ADDR;
}

static bool is_frozen(u64 pa)
{
	return frozen[(pa >> PAGE_SHIFT) / 64] >> (pa >> PAGE_SHIFT) % 64 & 1;
}

static u32 count(void)
{
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(frozen); i++)
		n += (u32)__builtin_popcountll(frozen[i]);
	return n;
}

static void freeze(u64 max)
{
	memset(frozen, 0, sizeof(frozen));
	mm_freeze(frozen, max);
}

/* For the teardown, which wants every frame back. */
static void thaw(void)
{
	for (u64 f = 0; f < MAX; f++)
		if (is_frozen(f << PAGE_SHIFT))
			page_put(f << PAGE_SHIFT);
}

static void a_write_gets_another_page(void **state)
{
	u64 pa;
	u8 v;

	map_anon(BASE, 2, RW, MAP_PRIVATE);
	prog_write(BASE, 1);
	pa = frame_at(BASE);
	freeze(MAX);
	assert_true(is_frozen(pa));
	assert_int_equal(prog_pte(BASE) & (PTE_W | PTE_COW), PTE_COW);
	assert_int_equal(prog_write(BASE, 2), 0);
	assert_int_not_equal(frame_at(BASE), pa);
	assert_int_equal(*(u8 *)phys_ptr(pa), 1);
	prog_read(BASE, &v);
	assert_int_equal(v, 2);
	/* the copy is the program's */
	pa = frame_at(BASE);
	assert_int_equal(prog_write(BASE, 3), 0);
	assert_int_equal(frame_at(BASE), pa);
	thaw();
}

static void so_does_the_kernels(void **state)
{
	const u64 word = 7;
	u32 old;
	u64 pa[3];

	map_anon(BASE, 3, RW, MAP_PRIVATE);
	for (u32 i = 0; i < 3; i++) {
		prog_write(BASE + i * PG, 1);
		pa[i] = frame_at(BASE + i * PG);
	}
	freeze(MAX);
	assert_int_equal(copy_to_user(BASE, &word, sizeof(word)), 0);
	assert_int_equal(cmpxchg_user_u32(BASE + PG, 1, 5, &old), 0);
	assert_int_equal(clear_user(BASE + 2 * PG, 8), 0);
	for (u32 i = 0; i < 3; i++) {
		assert_int_not_equal(frame_at(BASE + i * PG), pa[i]);
		assert_int_equal(*(u8 *)phys_ptr(pa[i]), 1);
	}
	thaw();
}

static void none_is_freed(void **state)
{
	u64 pa;

	map_anon(BASE, 1, RW, MAP_PRIVATE);
	prog_write(BASE, 1);
	pa = frame_at(BASE);
	freeze(MAX);
	assert_int_equal(mm_unmap(fake_task.mm, BASE, PG), 0);
	assert_int_equal(page_refs(pa), 1);
	assert_false(page_unused(pa));
	thaw();
	assert_true(page_unused(pa));
}

static void rights_do_not_come_back(void **state)
{
	u64 pa;

	map_anon(BASE, 1, RW, MAP_PRIVATE);
	prog_write(BASE, 1);
	pa = frame_at(BASE);
	mm_protect(fake_task.mm, BASE, PG, PROT_NONE);
	freeze(MAX);
	assert_true(is_frozen(pa));
	mm_protect(fake_task.mm, BASE, PG, RW);
	assert_int_equal(prog_pte(BASE) & PTE_W, 0);
	assert_int_equal(prog_write(BASE, 2), 0);
	assert_int_equal(*(u8 *)phys_ptr(pa), 1);
	thaw();
}

static void what_is_written_in_place_is_not(void **state)
{
	struct file *f = fake_text(FAKE_FRAMES, "text", 2 * PG, 0);
	u64 a = (u64)map_anon(0, 1, RW, MAP_SHARED), own;
	u8 v;

	prog_write(a, 1);
	assert_int_equal(
		mm_map(fake_task.mm, BASE, 2 * PG, RW, MAP_PRIVATE | MAP_FIXED, f, 0), BASE);
	assert_int_equal(prog_read(BASE, &v), 0);
	assert_int_equal(prog_write(BASE + PG, 9), 0);
	own = frame_at(BASE + PG);
	map_anon(BASE + 16 * PG, 1, PROT_READ, MAP_PRIVATE);
	assert_int_equal(prog_read(BASE + 16 * PG, &v), 0); /* the zero frame */
	freeze(MAX);
	assert_false(is_frozen(frame_at(a)));
	assert_true(prog_pte(a) & PTE_W);
	assert_false(is_frozen(frame_at(BASE)));
	assert_true(is_frozen(own));
	assert_int_equal(count(), 1);
	thaw();
	file_put(f);
}

static void generations_share_one_frozen_page(void **state)
{
	struct mm *parent = fake_task.mm, *child;
	u64 pa;

	map_anon(BASE, 1, RW, MAP_PRIVATE);
	prog_write(BASE, 1);
	pa = frame_at(BASE);
	child = mm_fork(parent);
	freeze(MAX);
	assert_int_equal(count(), 1);
	assert_int_equal(page_refs(pa), 3);
	mm_put(child);
	prog_write(BASE, 2);
	assert_int_equal(*(u8 *)phys_ptr(pa), 1);
	thaw();
}

static void no_more_than_are_wanted(void **state)
{
	map_anon(BASE, 8, RW, MAP_PRIVATE | MAP_POPULATE);
	freeze(3);
	assert_int_equal(count(), 3);
	for (u32 i = 0; i < 8; i++)
		assert_int_equal(
			!(prog_pte(BASE + i * PG) & PTE_W), is_frozen(frame_at(BASE + i * PG)));
	thaw();
}

const struct CMUnitTest freeze_tests[] = {
	MM_TEST(a_write_gets_another_page),
	MM_TEST(so_does_the_kernels),
	MM_TEST(none_is_freed),
	MM_TEST(rights_do_not_come_back),
	MM_TEST(what_is_written_in_place_is_not),
	MM_TEST(generations_share_one_frozen_page),
	MM_TEST(no_more_than_are_wanted),
};
const size_t freeze_tests_count = ARRAY_SIZE(freeze_tests);
