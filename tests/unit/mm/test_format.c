/* SPDX-License-Identifier: Apache-2.0
 * kfmt against printf, and the guest home's string functions against libc's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours_[200], libc_[200];                                                       \
		int n_ = kfmt(ours_, sizeof(ours_), __VA_ARGS__);                                  \
		assert_int_equal(n_, snprintf(libc_, sizeof(libc_), __VA_ARGS__));                 \
		assert_string_equal(ours_, libc_);                                                 \
	} while (0)

static void formats_as_printf(void **state)
{
	SAME("plain %% text");
	SAME("%s|%10s|%-10s|%.2s|%.*s", "abc", "abc", "abc", "abc", 1, "abc");
	SAME("%c|%3c|%-3c|", 'x', 'y', 'z');
	SAME("%d|%i|%5d|%-5d|%05d|%.3d", 0, -1, 42, 42, -42, 7);
	SAME("%d|%ld|%lld|%zu", (-2147483647 - 1), (-9223372036854775807L - 1), 1LL << 62,
		(size_t)-1);
	SAME("%u|%lu|%llu", 4294967295u, ~0ul, ~0ull);
	SAME("%x|%X|%08x|%lx|%o|%03o", 0xbeefu, 0xbeefu, 0xbeefu, ~0ul, 0755u, 7u);
	SAME("%p", (void *)0x1234);
	SAME("%*d|%-*d|%*s", 6, 1, 6, 2, -6, "x");
}

static void cuts_and_counts(void **state)
{
	char buf[5] = "....";

	assert_int_equal(kfmt(buf, sizeof(buf), "%s", "abcdefgh"), 8);
	assert_string_equal(buf, "abcd");
	assert_int_equal(kfmt(buf, 1, "%d", 12), 2);
	assert_string_equal(buf, "");
	assert_int_equal(kfmt(NULL, 0, "%0200d|%200s", 1, "x"), 401);
}

void *guest_memcpy(void *d, const void *s, size_t n);
void *guest_memmove(void *d, const void *s, size_t n);
void *guest_memset(void *d, int c, size_t n);
int guest_memcmp(const void *a, const void *b, size_t n);
void *guest_memchr(const void *s, int c, size_t n);
size_t guest_strlen(const char *s);
size_t guest_strnlen(const char *s, size_t n);
int guest_strcmp(const char *a, const char *b);
int guest_strncmp(const char *a, const char *b, size_t n);
char *guest_strchr(const char *s, int c);
char *guest_strrchr(const char *s, int c);

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static void memory_functions(void **state)
{
	static u8 a[400], b[400], c[400];

	srand(3);
	for (u32 round = 0; round < 20000; round++) {
		u32 n = (u32)rand() % 100, at = (u32)rand() % 200, from = (u32)rand() % 200;

		for (u32 i = 0; i < sizeof(a); i++)
			a[i] = b[i] = c[i] = (u8)(rand() % 3);
		guest_memmove(a + at, a + from, n);
		memmove(b + at, b + from, n);
		assert_memory_equal(a, b, sizeof(a));
		guest_memset(a + at, 300, n);
		/* cppcheck-suppress memsetValueOutOfRange ; the cut to a byte is the point */
		memset(b + at, 300, n);
		guest_memcpy(a + from, c + at, n);
		memcpy(b + from, c + at, n);
		assert_memory_equal(a, b, sizeof(a));
		assert_int_equal(
			sign(guest_memcmp(a + at, c + at, n)), sign(memcmp(a + at, c + at, n)));
		assert_ptr_equal(guest_memchr(a + at, 2, n), memchr(a + at, 2, n));
	}
}

static void string_functions(void **state)
{
	static const char *const s[] = {"", "a", "b", "ab", "abc", "abd", "a/b/c", "\xff", "/"};

	for (u32 i = 0; i < ARRAY_SIZE(s); i++) {
		assert_int_equal(guest_strlen(s[i]), strlen(s[i]));
		assert_int_equal(guest_strnlen(s[i], 2), strnlen(s[i], 2));
		assert_ptr_equal(guest_strchr(s[i], '/'), strchr(s[i], '/'));
		assert_ptr_equal(guest_strrchr(s[i], '/'), strrchr(s[i], '/'));
		assert_ptr_equal(guest_strchr(s[i], 0), strchr(s[i], 0));
		for (u32 k = 0; k < ARRAY_SIZE(s); k++) {
			assert_int_equal(sign(guest_strcmp(s[i], s[k])), sign(strcmp(s[i], s[k])));
			assert_int_equal(
				sign(guest_strncmp(s[i], s[k], 2)), sign(strncmp(s[i], s[k], 2)));
		}
	}
}

const struct CMUnitTest format_tests[] = {
	MM_TEST(formats_as_printf),
	MM_TEST(cuts_and_counts),
	MM_TEST(memory_functions),
	MM_TEST(string_functions),
};
const size_t format_tests_count = ARRAY_SIZE(format_tests);
