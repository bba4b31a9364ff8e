/* SPDX-License-Identifier: Apache-2.0
 * Frames and the heap.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

static void frames_are_counted(void **state)
{
	u64 free = pages_free_count(), pa = page_alloc();

	assert_int_not_equal(pa, 0);
	assert_int_equal(page_refs(pa), 1);
	page_get(pa);
	assert_int_equal(page_refs(pa), 2);
	page_put(pa);
	assert_int_equal(pages_free_count(), free - 1);
	page_put(pa);
	assert_int_equal(page_refs(pa), 0);
	assert_int_equal(pages_free_count(), free);
}

static void recycled_frames_are_zeroed(void **state)
{
	u64 pa = page_alloc();

	memset(phys_ptr(pa), 0xee, PAGE_SIZE);
	page_put(pa);
	assert_int_equal(page_alloc(), pa);
	for (u32 i = 0; i < PAGE_SIZE; i++)
		assert_int_equal(((u8 *)phys_ptr(pa))[i], 0);
	page_put(pa);
}

static void memory_runs_out_and_comes_back(void **state)
{
	u64 free = pages_free_count(), head = 0, pa, n = 0;

	while ((pa = page_alloc_raw())) {
		*(u64 *)phys_ptr(pa) = head;
		head = pa;
		n++;
	}
	assert_int_equal(n, free);
	assert_int_equal(pages_alloc_contig(2), 0);
	assert_null(kalloc(100000));
	for (; head; head = pa) {
		pa = *(u64 *)phys_ptr(head);
		page_put(head);
	}
	assert_int_equal(pages_free_count(), free);
	/* single frames join to blocks again */
	pa = pages_alloc_contig(4);
	assert_int_not_equal(pa, 0);
	assert_int_equal(pa & ((PAGE_SIZE << 4) - 1), 0);
	pages_free_contig(pa, 4);
	assert_int_equal(pages_free_count(), free);
}

static void blocks_are_cut_up(void **state)
{
	u64 free = pages_free_count(), a = pages_alloc_contig(3), b;

	memset(phys_ptr(a), 1, PAGE_SIZE << 3);
	pages_free_contig(a, 3);
	b = pages_alloc_contig(1);
	assert_true(b >= a && b < a + (PAGE_SIZE << 3));
	assert_int_equal(*(u64 *)phys_ptr(b), 0);
	pages_free_contig(b, 1);
	assert_int_equal(pages_free_count(), free);
}

static void reserved_frames_are_not_counted(void **state)
{
	page_get(0x3000);
	page_put(0x3000);
	page_put(0x3000);
	page_put(page_zero_frame());
	page_put(BOOT_WINDOW_GPA);
	assert_false(pa_is_ram(BOOT_WINDOW_GPA));
	assert_true(pa_is_ram(FAKE_MEM - 1));
	assert_false(pa_is_ram(FAKE_MEM));
}

static void heap_objects_do_not_overlap(void **state)
{
	static u8 *p[3000];
	static size_t size[3000];
	u64 free;

	srand(1);
	kfree(NULL);
	free = pages_free_count();
	for (u32 round = 0; round < 60000; round++) {
		u32 i = (u32)rand() % ARRAY_SIZE(p);

		if (p[i]) {
			for (size_t k = 0; k < size[i]; k++)
				assert_int_equal(p[i][k], (u8)i);
			kfree(p[i]);
			p[i] = NULL;
			continue;
		}
		size[i] = (size_t)rand() % (rand() % 8 ? 300 : 9000);
		p[i] = kalloc(size[i]);
		assert_non_null(p[i]);
		assert_int_equal((u64)p[i] % 16, 0);
		if (size[i] >= PAGE_SIZE)
			assert_int_equal((u64)p[i] % PAGE_SIZE, 0);
		if (size[i] > 48 && size[i] <= 64)
			assert_int_equal((u64)p[i] % 64, 0);
		memset(p[i], (u8)i, size[i]);
	}
	for (u32 i = 0; i < ARRAY_SIZE(p); i++) {
		kfree(p[i]);
		p[i] = NULL;
	}
	assert_true(free - pages_free_count() <= SLAB_CLASSES);
}

static void heap_zeroes(void **state)
{
	for (size_t n = 1; n < 20000; n = n * 3 + 1) {
		u8 *p = kalloc(n);

		memset(p, 0xff, n);
		kfree(p);
		p = kzalloc(n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		kfree(p);
	}
}

static void strings_are_copied(void **state)
{
	char *s = kstrndup("abcdef", 3);

	assert_string_equal(s, "abc");
	kfree(s);
}

static void programs_pages_have_a_zone_of_their_own(void **state)
{
	const u64 border = FAKE_MEM / 2;
	u64 pa, n = 0;

	fake_stop();
	fake_start_zones(border);
	for (u32 i = 0; i < 100; i++) {
		assert_true(page_alloc_user() > border + PAGE_SIZE); /* after clock and zeroes */
		assert_in_range(page_alloc(), 1, border - PAGE_SIZE);
		assert_in_range(ptr_phys(kalloc(64)), 1, border - 1);
		assert_in_range(ptr_phys(kalloc(20000)), 1, border - 1);
	}
	assert_int_equal(page_zero_frame(), border + PAGE_SIZE);
	pa = page_alloc_user_raw();
	page_put(pa);
	assert_int_equal(page_alloc_user(), pa); /* and go back to where they came from */
	while (page_alloc_user_raw())
		n++;
	assert_int_equal(n, FAKE_MEM / 2 / PAGE_SIZE - 103);
	assert_true(pages_low());
	assert_int_not_equal(page_alloc(), 0); /* the shim's own does not end with it */
	fake_start();
}

const struct CMUnitTest page_tests[] = {
	MM_TEST(frames_are_counted),
	MM_TEST(recycled_frames_are_zeroed),
	MM_TEST(memory_runs_out_and_comes_back),
	MM_TEST(blocks_are_cut_up),
	MM_TEST(reserved_frames_are_not_counted),
	MM_TEST(heap_objects_do_not_overlap),
	MM_TEST(heap_zeroes),
	MM_TEST(strings_are_copied),
	MM_TEST(programs_pages_have_a_zone_of_their_own),
};
const size_t page_tests_count = ARRAY_SIZE(page_tests);
