/* SPDX-License-Identifier: Apache-2.0
 * The vDSO, run here: its symbols are found as a libc finds them, its clocks are compared with
 * ours.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <x86intrin.h>

#include "tests/unit/mm/fake.h"
#include "tests/unit/mm/tests.h"

extern const u8 vdso_image[], vdso_image_end[] __attribute__((visibility("hidden")));

#define IMAGE_SIZE ((u64)vdso_image_end - (u64)vdso_image)

static struct boot_clock *clock_page;
static u8 *image;

static int (*gettime)(int, struct timespec *);
static int (*getres)(int, struct timespec *);
static int (*timeofday)(struct timeval *, struct timezone *);
static time_t (*seconds)(time_t *);
static long (*cpu)(u32 *, u32 *, void *);

/* By DT_SYMTAB, DT_HASH, DT_VERSYM and DT_VERDEF, like glibc, musl and Go. */
static void *symbol(const char *name)
{
	const Elf64_Ehdr *h = (void *)image;
	const Elf64_Phdr *ph = (void *)(image + h->e_phoff);
	const Elf64_Sym *sym = NULL;
	const char *str = NULL;
	const u32 *hash = NULL;
	const u16 *versym = NULL;
	const Elf64_Verdef *def = NULL;

	for (u32 i = 0; i < h->e_phnum; i++) {
		if (ph[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf64_Dyn *d = (void *)(image + ph[i].p_offset); d->d_tag; d++) {
			void *p = image + d->d_un.d_ptr;

			sym = d->d_tag == DT_SYMTAB ? p : sym;
			str = d->d_tag == DT_STRTAB ? p : str;
			hash = d->d_tag == DT_HASH ? p : hash;
			versym = d->d_tag == DT_VERSYM ? p : versym;
			def = d->d_tag == DT_VERDEF ? p : def;
		}
	}
	if (!sym || !str || !hash || !versym || !def) {
		fail_msg("the image lacks a table");
		return NULL;
	}
	for (u32 i = 0; i < hash[1]; i++) {
		const Elf64_Verdef *v = def;

		if (strcmp(str + sym[i].st_name, name) || !sym[i].st_shndx)
			continue;
		while (v->vd_ndx != (versym[i] & 0x7fff))
			v = (void *)((u8 *)v + v->vd_next);
		assert_string_equal(
			str + ((Elf64_Verdaux *)((u8 *)v + v->vd_aux))->vda_name, "LINUX_2.6");
		return image + sym[i].st_value;
	}
	fail_msg("no symbol %s", name);
	return NULL;
}

static int vdso_setup(void **state)
{
	size_t n = round_up(IMAGE_SIZE, PAGE_SIZE);
	u8 *p = mmap(
		NULL, PAGE_SIZE + n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	clock_page = (void *)p;
	image = p + PAGE_SIZE;
	memcpy(image, vdso_image, IMAGE_SIZE);
	mprotect(image, n, PROT_READ | PROT_EXEC);
	gettime = symbol("__vdso_clock_gettime");
	getres = symbol("__vdso_clock_getres");
	timeofday = symbol("__vdso_gettimeofday");
	seconds = symbol("__vdso_time");
	cpu = symbol("__vdso_getcpu");
	assert_ptr_equal(symbol("clock_gettime"), gettime);
	fake_start();
	return 0;
}

static int vdso_teardown(void **state)
{
	munmap(clock_page, PAGE_SIZE + round_up(IMAGE_SIZE, PAGE_SIZE));
	return mm_teardown(state);
}

static u64 ns_of(struct timespec ts)
{
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

static u64 host_ns(int clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ns_of(ts);
}

static u64 vdso_ns(int clock)
{
	struct timespec ts = {-1, -1};

	assert_int_equal(gettime(clock, &ts), 0);
	assert_in_range(ts.tv_nsec, 0, NSEC_PER_SEC - 1);
	return ns_of(ts);
}

/* A TSC tick of exactly 2^-1 ns from now on. */
static void set_clock(void)
{
	clock_page->seq = 2;
	clock_page->base_tsc = __rdtsc();
	clock_page->mult = 1ull << 31;
	clock_page->shift = 32;
	clock_page->mono_ns = 5 * NSEC_PER_SEC;
	clock_page->real_ns = 1700000000 * NSEC_PER_SEC + 999999999;
	clock_page->boot_ns = 6 * NSEC_PER_SEC;
	clock_page->raw_ns = 4 * NSEC_PER_SEC;
	clock_page->tai_offset_s = 37;
}

static void clocks_follow_the_page(void **state)
{
	static const int clocks[] = {CLOCK_MONOTONIC, CLOCK_MONOTONIC_COARSE, CLOCK_REALTIME,
		CLOCK_REALTIME_COARSE, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_TAI};

	set_clock();
	for (u32 i = 0; i < ARRAY_SIZE(clocks); i++) {
		const u64 base[] = {clock_page->mono_ns, clock_page->mono_ns, clock_page->real_ns,
			clock_page->real_ns, clock_page->boot_ns, clock_page->raw_ns,
			clock_page->real_ns + 37 * NSEC_PER_SEC};
		u64 before = __rdtsc() - clock_page->base_tsc, ns = vdso_ns(clocks[i]) - base[i];
		u64 after = __rdtsc() - clock_page->base_tsc;

		assert_in_range(ns, before / 2, after / 2 + 1);
	}
}

static void time_does_not_go_back(void **state)
{
	u64 last = 0;

	set_clock();
	for (u32 i = 0; i < 100000; i++) {
		u64 now = vdso_ns(CLOCK_MONOTONIC);

		assert_true(now >= last);
		last = now;
	}
	clock_page->base_tsc = ~0ull; /* a base ahead of this processor's counter */
	assert_int_equal(vdso_ns(CLOCK_MONOTONIC), 5 * NSEC_PER_SEC);
}

static void other_faces_of_the_same_clock(void **state)
{
	struct timeval tv;
	struct timezone tz = {1, 1};
	time_t t;
	u32 c = 9, n = 9;

	set_clock();
	clock_page->mult = 1; /* as good as still */
	assert_int_equal(timeofday(&tv, &tz), 0);
	assert_int_equal(tv.tv_sec, 1700000000);
	assert_int_equal(tv.tv_usec, 999999);
	assert_int_equal(tz.tz_minuteswest, 0);
	assert_int_equal(timeofday(NULL, NULL), 0);
	assert_int_equal(seconds(&t), 1700000000);
	assert_int_equal(t, 1700000000);
	assert_int_equal(seconds(NULL), 1700000000);
	assert_int_equal(cpu(&c, &n, NULL), 0);
	assert_int_equal(c, 0);
	assert_int_equal(cpu(NULL, NULL, NULL), 0);
}

static void the_rest_is_the_kernels(void **state)
{
	struct timespec ts;
	u64 before, now;

	set_clock();
	before = host_ns(CLOCK_PROCESS_CPUTIME_ID);
	now = vdso_ns(CLOCK_PROCESS_CPUTIME_ID);
	assert_true(now >= before);
	assert_int_equal(gettime(1234, &ts), -EINVAL);
	clock_page->mult = 0; /* the launcher cannot say how fast the counter is */
	before = host_ns(CLOCK_MONOTONIC);
	now = vdso_ns(CLOCK_MONOTONIC);
	assert_in_range(now, before, host_ns(CLOCK_MONOTONIC));
	assert_true(seconds(NULL) - time(NULL) <= 1);
	assert_int_equal(getres(CLOCK_MONOTONIC, &ts), 0);
	assert_int_equal(ns_of(ts), 1);
	assert_int_equal(getres(CLOCK_MONOTONIC, NULL), 0);
	assert_int_equal(getres(CLOCK_MONOTONIC_COARSE, &ts), 0);
	assert_true(ns_of(ts) >= 1000000);
	assert_int_equal(getres(1234, &ts), -EINVAL);
}

#define VDSO_TEST(f) cmocka_unit_test_setup_teardown(f, vdso_setup, vdso_teardown)
const struct CMUnitTest vdso_tests[] = {
	VDSO_TEST(clocks_follow_the_page),
	VDSO_TEST(time_does_not_go_back),
	VDSO_TEST(other_faces_of_the_same_clock),
	VDSO_TEST(the_rest_is_the_kernels),
};
const size_t vdso_tests_count = ARRAY_SIZE(vdso_tests);
