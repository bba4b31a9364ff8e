/* SPDX-License-Identifier: Apache-2.0
 * The kernel's access to program memory, and buffers of reads and writes.
 */
#include <fcntl.h>
#include <string.h>

#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

#define RW   (PROT_READ | PROT_WRITE)
#define BASE 0x10000000ull
#define PG   PAGE_SIZE

static void edges(void **state)
{
	char buf[64];

	map_anon(BASE, 1, RW, MAP_PRIVATE);
	map_anon(USER_VA_END - PG, 1, RW, MAP_PRIVATE | MAP_FIXED);
	assert_int_equal(copy_to_user(BASE + PG - 4, "abcd", 4), 0);
	assert_int_equal(copy_to_user(BASE + PG - 4, "abcde", 5), -EFAULT);
	assert_int_equal(copy_from_user(buf, BASE + PG - 4, 4), 0);
	assert_memory_equal(buf, "abcd", 4);
	assert_int_equal(copy_from_user(buf, BASE - 1, 2), -EFAULT);
	assert_int_equal(copy_from_user(buf, BASE - 1, 0), 0);
	assert_int_equal(copy_from_user(buf, USER_VA_END - 8, 8), 0);
	assert_int_equal(copy_from_user(buf, USER_VA_END - 8, 9), -EFAULT);
	assert_int_equal(copy_from_user(buf, USER_VA_END, 1), -EFAULT);
	assert_int_equal(copy_from_user(buf, ~0ull - 3, 8), -EFAULT); /* wraps */
	assert_int_equal(copy_to_user(BOOT_PHYSMAP_VA, buf, 1), -EFAULT);
	assert_int_equal(clear_user(BASE + PG - 4, 4), 0);
	assert_int_equal(clear_user(BASE + PG - 4, 5), -EFAULT);
	assert_int_equal(put_user_u64(BASE + 1, 0x1122334455667788), 0);
	assert_int_equal(get_user_u32((u32 *)buf, BASE + 5), 0);
	assert_int_equal(*(u32 *)buf, 0x11223344);
}

static void rights_are_the_programs(void **state)
{
	struct file *f = fake_text(FAKE_FRAMES, "file", PG, O_RDONLY);
	char buf[8];

	map_anon(BASE, 1, PROT_READ, MAP_PRIVATE | MAP_FIXED);
	map_anon(BASE + PG, 1, PROT_NONE, MAP_PRIVATE | MAP_FIXED);
	map_anon(BASE + 2 * PG, 1, PROT_EXEC, MAP_PRIVATE | MAP_FIXED);
	map_anon(BASE + 3 * PG, 1, PROT_WRITE, MAP_PRIVATE | MAP_FIXED);
	mm_map(fake_task.mm, BASE + 4 * PG, 2 * PG, RW, MAP_PRIVATE | MAP_FIXED, f, 0);
	assert_int_equal(copy_to_user(BASE, "x", 1), -EFAULT);
	assert_int_equal(copy_from_user(buf, BASE, 1), 0);
	assert_int_equal(copy_from_user(buf, BASE + PG, 1), -EFAULT);
	assert_int_equal(copy_from_user(buf, BASE + 2 * PG, 1), 0);
	assert_int_equal(copy_from_user(buf, BASE + 3 * PG, 1), 0);
	/* a write by the kernel breaks copy-on-write as the program's own does */
	assert_int_equal(copy_from_user(buf, BASE + 4 * PG, 4), 0);
	assert_int_equal(copy_to_user(BASE + 4 * PG, "F", 1), 0);
	assert_memory_equal(fake_file_page(f, 0), "file", 4);
	assert_int_equal(copy_from_user(buf, BASE + 5 * PG, 1), -EFAULT); /* past the end */
	file_put(f);
}

static void a_debugger_may_more(void **state)
{
	struct file *f = fake_text(FAKE_WINDOW, "text", PG, O_RDONLY);
	struct mm *mm = fake_task.mm;
	u8 v;

	mm_map(mm, BASE, PG, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, f, 0);
	mm_map(mm, BASE + PG, PG, PROT_READ, MAP_SHARED | MAP_FIXED, f, 0);
	assert_int_equal(copy_to_mm(mm, BASE, "T", 1, false), -EFAULT);
	assert_int_equal(copy_to_mm(mm, BASE, "T", 1, true), 0);
	assert_int_equal(copy_to_mm(mm, BASE + 1, "E", 1, true), 0);
	assert_int_equal(prog_read(BASE, &v), 0);
	assert_int_equal(v, 'T');
	assert_int_equal(prog_write(BASE, 1), -EFAULT);
	assert_memory_equal(fake_file_page(f, 0), "text", 4);
	assert_int_equal(copy_to_mm(mm, BASE + PG, "T", 1, true), -EFAULT);
	file_put(f);
}

static void strings(void **state)
{
	static char buf[PG * 3];

	map_anon(BASE, 2, RW, MAP_PRIVATE);
	copy_to_user(BASE + PG - 3, "hello", 6);
	assert_int_equal(strncpy_from_user(buf, BASE + PG - 3, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(strncpy_from_user(buf, BASE + PG - 3, 6), 5);
	assert_int_equal(strncpy_from_user(buf, BASE + PG - 3, 5), -ENAMETOOLONG);
	assert_int_equal(strncpy_from_user(buf, BASE + 3 * PG, 5), -EFAULT);
	/* up to the last byte of a mapping, and no further */
	copy_to_user(BASE + 2 * PG - 2, "a", 2);
	assert_int_equal(strncpy_from_user(buf, BASE + 2 * PG - 2, sizeof(buf)), 1);
	copy_to_user(BASE + 2 * PG - 1, "b", 1);
	assert_int_equal(strncpy_from_user(buf, BASE + 2 * PG - 2, sizeof(buf)), -EFAULT);
	assert_int_equal(strncpy_from_user(buf, ~0ull - 3, 8), -EFAULT);
}

static void atomics(void **state)
{
	u32 old;
	u64 pa, pb;

	map_anon(BASE, 1, RW, MAP_PRIVATE);
	map_anon(BASE + PG, 1, PROT_READ, MAP_PRIVATE);
	put_user_u32(BASE, 7);
	assert_int_equal(cmpxchg_user_u32(BASE, 7, 8, &old), 0);
	assert_int_equal(old, 7);
	assert_int_equal(cmpxchg_user_u32(BASE, 7, 9, &old), 0);
	assert_int_equal(old, 8);
	assert_int_equal(cmpxchg_user_u32(BASE + PG, 0, 1, &old), -EFAULT);
	assert_int_equal(cmpxchg_user_u32(BASE + 2, 0, 1, &old), -EFAULT);
	assert_int_equal(user_word_pa(BASE + 8, true, &pa), 0);
	assert_int_equal(user_word_pa(BASE + 12, false, &pb), 0);
	assert_int_equal(pb - pa, 4);
	assert_int_equal(user_word_pa(BASE + PG, true, &pa), -EFAULT);
}

static void vectors(void **state)
{
	struct uio_vec v[3] = {{BASE, 3}, {BASE + 100, 0}, {BASE + PG - 2, 4}};
	struct uio u;
	char buf[16];

	map_anon(BASE, 2, RW, MAP_PRIVATE);
	copy_to_user(BASE + 1024, v, sizeof(v));
	assert_int_equal(uio_user_iov(&u, BASE + 1024, 3), 0);
	assert_int_equal(u.left, 7);
	assert_int_equal(uio_put(&u, "abcdefghij", 10), 7);
	assert_int_equal(u.left, 0);
	uio_free(&u);
	copy_from_user(buf, BASE + PG - 2, 4);
	assert_memory_equal(buf, "defg", 4);
	assert_int_equal(uio_user_iov(&u, BASE + 1024, 3), 0);
	assert_int_equal(uio_get(&u, buf, 2), 2);
	assert_int_equal(uio_get(&u, buf + 2, 10), 5);
	assert_memory_equal(buf, "abcdefg", 7);
	uio_free(&u);

	v[1].len = ~0ull;
	copy_to_user(BASE + 1024, v, sizeof(v));
	assert_int_equal(uio_user_iov(&u, BASE + 1024, 3), -EINVAL);
	v[1].base = USER_VA_END;
	v[1].len = 1;
	copy_to_user(BASE + 1024, v, sizeof(v));
	assert_int_equal(uio_user_iov(&u, BASE + 1024, 3), -EFAULT);
	assert_int_equal(uio_user_iov(&u, BASE + 1024, 1025), -EINVAL);
	assert_int_equal(uio_user_iov(&u, BASE + 8 * PG, 1), -EFAULT);
	assert_int_equal(uio_user_iov(&u, BASE + 8 * PG, 0), 0);
	assert_int_equal(uio_put(&u, "x", 1), 0);
	v[0] = (struct uio_vec){BASE, 0x7ffff000};
	v[1] = (struct uio_vec){BASE, 0x7ffff000};
	copy_to_user(BASE + 1024, v, sizeof(v));
	assert_int_equal(uio_user_iov(&u, BASE + 1024, 2), 0);
	assert_int_equal(u.left, 0x7ffff000);
	uio_free(&u);
}

static void partial_moves(void **state)
{
	static char buf[3 * PG];
	struct uio u;

	map_anon(BASE, 1, RW, MAP_PRIVATE);
	uio_user(&u, BASE + PG - 10, 100);
	assert_int_equal(uio_put(&u, buf, 100), 10);
	assert_int_equal(uio_put(&u, buf, 90), -EFAULT);
	assert_int_equal(u.left, 90);
	uio_user(&u, BASE + PG - 10, 100);
	assert_int_equal(uio_zero(&u, 100), 10);
	uio_kernel(&u, buf, 5);
	assert_int_equal(uio_put(&u, "123456789", 9), 5);
	assert_memory_equal(buf, "12345", 6);
}

static void segments(void **state)
{
	struct file *f = fake_file(FAKE_WINDOW, NULL, PG, O_RDONLY);
	struct chan_seg seg[3];
	struct uio u;
	size_t n;
	u8 *k;

	map_anon(BASE, 3, RW, MAP_PRIVATE | MAP_POPULATE);
	mm_map(fake_task.mm, BASE + 3 * PG, PG, PROT_READ, MAP_PRIVATE | MAP_FIXED, f, 0);
	uio_user(&u, BASE + 100, 3 * PG);
	assert_int_equal(uio_segs(&u, false, ~0ull, seg, 3, &n), 1); /* fresh frames touch */
	assert_int_equal(n, 3 * PG - 100);			     /* the window ends it */
	assert_int_equal(seg[0].len, n);
	uio_advance(&u, n);
	assert_int_equal(uio_segs(&u, false, ~0ull, seg, 3, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(u.left, 100);
	uio_user(&u, BASE + 8 * PG, 1);
	assert_int_equal(uio_segs(&u, true, 1, seg, 3, &n), -EFAULT);
	uio_user(&u, BASE, 3 * PG);
	assert_int_equal(uio_segs(&u, true, 10, seg, 3, &n), 1);
	assert_int_equal(n, 10);
	k = kalloc(2 * PG);
	uio_kernel(&u, k, 2 * PG);
	assert_int_equal(uio_segs(&u, true, ~0ull, seg, 3, &n), 1);
	assert_int_equal(seg[0].gpa, ptr_phys(k));
	assert_int_equal(n, 2 * PG);
	kfree(k);
	uio_kernel(&u, &n, sizeof(n)); /* a stack is not RAM of the guest */
	assert_int_equal(uio_segs(&u, true, ~0ull, seg, 3, &n), 0);
	file_put(f);
}

const struct CMUnitTest uaccess_tests[] = {
	MM_TEST(edges),
	MM_TEST(rights_are_the_programs),
	MM_TEST(a_debugger_may_more),
	MM_TEST(strings),
	MM_TEST(atomics),
	MM_TEST(vectors),
	MM_TEST(partial_moves),
	MM_TEST(segments),
};
const size_t uaccess_tests_count = ARRAY_SIZE(uaccess_tests);
