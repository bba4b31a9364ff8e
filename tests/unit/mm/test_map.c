/* SPDX-License-Identifier: Apache-2.0
 * Mappings: checks of mmap, splitting and joining, and a random walk against a model.
 */
#include <fcntl.h>
#include <stdlib.h>
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

static void arguments_are_checked(void **state)
{
	struct file *ro = fake_file(FAKE_FRAMES, NULL, PG, O_RDONLY);
	struct file *wo = fake_file(FAKE_FRAMES, NULL, PG, O_WRONLY);
	const u32 anon = MAP_ANONYMOUS;

	assert_int_equal(mm_map(mm(), 0, 0, RW, anon | MAP_PRIVATE, NULL, 0), -EINVAL);
	assert_int_equal(mm_map(mm(), 0, ~0ull, RW, anon | MAP_PRIVATE, NULL, 0), -ENOMEM);
	assert_int_equal(mm_map(mm(), 0, 1ull << 47, RW, anon | MAP_PRIVATE, NULL, 0), -ENOMEM);
	assert_int_equal(mm_map(mm(), 0, PG, RW, anon, NULL, 0), -EINVAL);
	assert_int_equal(mm_map(mm(), 0, PG, RW, anon | MAP_SHARED_VALIDATE, NULL, 0), -EINVAL);
	assert_int_equal(
		mm_map(mm(), 0, PG, RW, anon | MAP_SHARED | MAP_GROWSDOWN, NULL, 0), -EINVAL);
	assert_int_equal(map_anon(BASE + 1, 1, RW, MAP_PRIVATE | MAP_FIXED), -EINVAL);
	assert_int_equal(map_anon(PG, 1, RW, MAP_PRIVATE | MAP_FIXED), -EPERM);
	assert_int_equal(map_anon(USER_VA_END - PG, 2, RW, MAP_PRIVATE | MAP_FIXED), -ENOMEM);
	assert_int_equal(
		map_anon(USER_VA_END - PG, 1, RW, MAP_PRIVATE | MAP_FIXED), USER_VA_END - PG);
	assert_int_equal(
		map_anon(USER_VA_END - PG, 1, RW, MAP_PRIVATE | MAP_FIXED_NOREPLACE), -EEXIST);

	assert_int_equal(mm_map(mm(), 0, PG, RW, MAP_SHARED, ro, 0), -EACCES);
	assert_int_equal(mm_map(mm(), 0, PG, PROT_READ, MAP_PRIVATE, wo, 0), -EACCES);
	assert_int_equal(mm_map(mm(), 0, PG, PROT_WRITE, MAP_SHARED, wo, 0), -EACCES);
	assert_int_equal(mm_map(mm(), 0, PG, PROT_READ, MAP_PRIVATE, ro, 0 - PG), -EOVERFLOW);
	assert_int_equal(mm_map(mm(), 0, PG, PROT_READ, 0, ro, 0), -EINVAL);
	assert_int_equal(
		mm_map(mm(), 0, PG, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, ro, 0), -EOPNOTSUPP);
	assert_true(mm_map(mm(), 0, PG, PROT_READ, MAP_SHARED_VALIDATE, ro, 0) > 0);
	file_put(ro);
	file_put(wo);
}

static void shared_read_only_files_stay_so(void **state)
{
	struct file *f = fake_file(FAKE_FRAMES, NULL, PG, O_RDONLY);
	s64 shared = mm_map(mm(), 0, PG, PROT_READ, MAP_SHARED, f, 0);
	s64 private = mm_map(mm(), 0, PG, PROT_READ, MAP_PRIVATE, f, 0);

	assert_int_equal(mm_protect(mm(), (u64)shared, PG, RW), -EACCES);
	assert_int_equal(mm_protect(mm(), (u64) private, PG, RW), 0);
	file_put(f);
}

static void hints_and_search(void **state)
{
	s64 a = map_anon(BASE, 4, RW, MAP_PRIVATE), b, c;

	assert_int_equal(a, BASE);
	b = map_anon(BASE, 4, RW, MAP_PRIVATE); /* taken: somewhere else */
	assert_true(b > 0 && b != (s64)BASE);
	assert_true((u64)b < mm()->mmap_base);
	c = map_anon(0, 4, RW, MAP_PRIVATE); /* below, and joined with its neighbour */
	assert_int_equal(c, b - 4 * (s64)PG);
	assert_int_equal(mm()->nvmas, 2);
	assert_int_equal(map_anon(0x1000, 1, RW, MAP_PRIVATE), BOOT_USER_VA_START);
	b = map_anon(0, 1, RW, MAP_PRIVATE | MAP_32BIT);
	assert_true(b >= 0x40000000 && b < 0x80000000);
}

static void reservations_cost_nothing(void **state)
{
	u64 free = pages_free_count();
	s64 a = map_anon(0, 1ull << 30, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE); /* 4 TiB */

	assert_true(a > 0);
	assert_true(free - pages_free_count() <= 1);
	assert_int_equal(mm_protect(mm(), (u64)a, 1ull << 40, RW), 0);
	assert_int_equal(prog_write((u64)a + (1ull << 39), 1), 0);
	fake_tlb.flushes = 0;
	assert_int_equal(mm_unmap(mm(), (u64)a, 1ull << 42), 0);
	assert_true(fake_tlb.flushes <= 2);
	assert_true(free - pages_free_count() <= 2); /* tables are back too */
}

static void the_address_space_fills_up(void **state)
{
	u64 gib = 1ull << 30, n = 0;

	/* different rights, so that nothing is joined */
	while (map_anon(0, 512 * gib / PG, n & 1 ? PROT_NONE : PROT_READ, MAP_PRIVATE) > 0)
		n++;
	assert_true(n >= 250 && n < 256);
	assert_int_equal(map_anon(0, 1024 * gib / PG, RW, MAP_PRIVATE), -ENOMEM);
}

static void neighbours_split_and_join(void **state)
{
	map_anon(BASE, 10, RW, MAP_PRIVATE);
	assert_int_equal(mm_protect(mm(), BASE + 3 * PG, 2 * PG, PROT_READ), 0);
	assert_int_equal(mm()->nvmas, 3);
	assert_int_equal(mm_protect(mm(), BASE + 3 * PG, 2 * PG, RW), 0);
	assert_int_equal(mm()->nvmas, 1);
	assert_int_equal(mm_unmap(mm(), BASE + 4 * PG, PG), 0);
	assert_int_equal(mm()->nvmas, 2);
	assert_null(mm_find(mm(), BASE + 4 * PG));
	assert_int_equal(mm()->total_pages, 9);
	map_anon(BASE + 4 * PG, 1, RW, MAP_PRIVATE | MAP_FIXED);
	assert_int_equal(mm()->nvmas, 1);
	assert_int_equal(mm()->total_pages, 10);
	assert_int_equal(mm()->data_pages, 10);
}

static void files_join_only_where_they_continue(void **state)
{
	struct file *f = fake_file(FAKE_FRAMES, NULL, 8 * PG, O_RDONLY);
	const u32 flags = MAP_PRIVATE | MAP_FIXED;

	mm_map(mm(), BASE, 2 * PG, PROT_READ, flags, f, 0);
	mm_map(mm(), BASE + 2 * PG, 2 * PG, PROT_READ, flags, f, 2 * PG);
	assert_int_equal(mm()->nvmas, 1);
	mm_map(mm(), BASE + 4 * PG, PG, PROT_READ, flags, f, 7 * PG);
	assert_int_equal(mm()->nvmas, 2);
	mm_unmap(mm(), BASE + PG, PG);
	assert_int_equal(mm_find(mm(), BASE + 2 * PG)->offset, 2 * PG);
	assert_int_equal(f->refs, 4);
	file_put(f);
}

static void protect_is_partial_before_an_error(void **state)
{
	map_anon(BASE, 2, RW, MAP_PRIVATE);
	map_anon(BASE + 3 * PG, 1, RW, MAP_PRIVATE);
	assert_int_equal(mm_protect(mm(), BASE, 4 * PG, PROT_READ), -ENOMEM);
	assert_int_equal(mm_find(mm(), BASE)->prot, PROT_READ);
	assert_int_equal(mm_find(mm(), BASE + 3 * PG)->prot, RW);
	assert_int_equal(mm_protect(mm(), BASE + 1, PG, RW), -EINVAL);
	assert_int_equal(mm_protect(mm(), BASE, 0, RW), 0);
	assert_int_equal(mm_protect(mm(), BASE, ~0ull, RW), -ENOMEM);
	assert_int_equal(mm_protect(mm(), BASE, PG, 0x80), -EINVAL);
	assert_int_equal(mm_protect(mm(), BASE, PG, RW | PROT_GROWSDOWN), -EINVAL);
}

static void limits_hold(void **state)
{
	map_anon(BASE, 4, RW, MAP_PRIVATE);
	fake_process.rlimits[RLIMIT_AS][0] = 8 * PG;
	assert_int_equal(map_anon(0, 5, RW, MAP_PRIVATE), -ENOMEM);
	assert_int_equal(map_anon(BASE, 8, RW, MAP_PRIVATE | MAP_FIXED), BASE); /* replaces 4 */
	fake_process.rlimits[RLIMIT_AS][0] = ~0ull;
	fake_process.rlimits[RLIMIT_DATA][0] = 8 * PG;
	assert_int_equal(map_anon(0, 1, RW, MAP_PRIVATE), -ENOMEM);
	assert_true(map_anon(0, 1, PROT_READ, MAP_PRIVATE) > 0);
	assert_true(map_anon(0, 1, RW, MAP_SHARED) > 0);
	fake_process.rlimits[RLIMIT_MEMLOCK][0] = 2 * PG;
	fake_process.rlimits[RLIMIT_DATA][0] = ~0ull;
	assert_int_equal(map_anon(0, 3, RW, MAP_PRIVATE | MAP_LOCKED), -EAGAIN);
	assert_true(map_anon(0, 2, RW, MAP_PRIVATE | MAP_LOCKED) > 0);
	assert_int_equal(mm()->locked_pages, 2);
}

static void too_many_mappings(void **state)
{
	u64 at = BASE;

	while (mm()->nvmas < MM_MAX_VMAS - 1) {
		u32 prot = mm()->nvmas & 1 ? PROT_READ : PROT_NONE;

		assert_int_equal(map_anon(at, 3, prot, MAP_PRIVATE | MAP_FIXED), at);
		at += 3 * PG;
	}
	assert_int_equal(mm_unmap(mm(), BASE + PG, PG), 0); /* one more by the split */
	assert_int_equal(mm_unmap(mm(), BASE + 4 * PG, PG), -ENOMEM);
	assert_int_equal(mm_unmap(mm(), BASE + 5 * PG, PG), 0); /* only an end */
	assert_int_equal(mm_protect(mm(), BASE + 6 * PG, PG, RW), -ENOMEM);
}

static void unmap_checks(void **state)
{
	assert_int_equal(mm_unmap(mm(), BASE + 1, PG), -EINVAL);
	assert_int_equal(mm_unmap(mm(), BASE, 0), -EINVAL);
	assert_int_equal(mm_unmap(mm(), BASE, ~0ull), -EINVAL);
	assert_int_equal(mm_unmap(mm(), USER_VA_END, PG), -EINVAL);
	assert_int_equal(mm_unmap(mm(), BASE, 100 * PG), 0);
}

/* -- the model: 64 pages, each unmapped or with rights and a byte -- */

#define MODEL 64
struct model_page {
	bool mapped, touched;
	u32 prot;
	u8 value;
};
static struct model_page model[MODEL];

static void model_check(void)
{
	for (u32 i = 0; i < MODEL; i++) {
		u64 va = BASE + i * PG;
		struct vma *v = mm_find(mm(), va);
		u8 byte = 0;

		assert_int_equal(v != NULL, model[i].mapped);
		if (!v)
			continue;
		assert_int_equal(v->prot, model[i].prot);
		if (model[i].prot && (rand() & 1)) {
			assert_int_equal(prog_read(va + 5, &byte), 0);
			assert_int_equal(byte, model[i].value);
		}
	}
	for (u32 i = 1; i < mm()->nvmas; i++)
		assert_true(mm()->vmas[i - 1]->end <= mm()->vmas[i]->start);
}

static void model_step(void)
{
	static const u32 prots[] = {PROT_NONE, PROT_READ, RW, RW, RW | PROT_EXEC};
	u32 at = (u32)rand() % MODEL, n = (u32)rand() % (MODEL - at) % 12 + 1;
	u32 prot = prots[rand() % 5];
	u64 va = BASE + at * PG;
	bool whole = true;

	for (u32 i = at; i < at + n; i++)
		whole &= model[i].mapped;
	switch (rand() % 6) {
	case 0:
		assert_int_equal(map_anon(va, n, prot, MAP_PRIVATE | MAP_FIXED), va);
		for (u32 i = at; i < at + n; i++)
			model[i] = (struct model_page){true, false, prot, 0};
		break;
	case 1:
		assert_int_equal(mm_unmap(mm(), va, n * PG), 0);
		memset(&model[at], 0, n * sizeof(model[0]));
		break;
	case 2:
		assert_int_equal(mm_protect(mm(), va, n * PG, prot), whole ? 0 : -ENOMEM);
		for (u32 i = at; i < at + n && model[i].mapped; i++)
			model[i].prot = prot;
		break;
	case 3:
		assert_int_equal(mm_advise(mm(), va, n * PG, MADV_DONTNEED), whole ? 0 : -ENOMEM);
		for (u32 i = at; i < at + n; i++)
			model[i].value = 0;
		break;
	default:
		for (u32 i = at; i < at + n; i++) {
			u8 v = (u8)rand();
			int r = prog_write(BASE + i * PG + 5, v);

			assert_int_equal(r, model[i].prot & PROT_WRITE ? 0 : -EFAULT);
			if (!r)
				model[i].value = v;
		}
	}
}

static void a_random_walk_agrees_with_the_model(void **state)
{
	memset(model, 0, sizeof(model));
	srand(7);
	for (u32 i = 0; i < 20000; i++) {
		model_step();
		if (i % 8 == 0)
			model_check();
		if (i % 1000 == 999) { /* a fork in between: everything becomes copy-on-write */
			struct mm *child = mm_fork(mm());

			assert_non_null(child);
			model_step();
			mm_put(child);
		}
	}
	mm_unmap(mm(), BASE, MODEL * PG);
	assert_int_equal(mm()->rss_pages, 0);
	assert_int_equal(mm()->total_pages, 0);
	assert_int_equal(mm()->data_pages, 0);
}

const struct CMUnitTest map_tests[] = {
	MM_TEST(arguments_are_checked),
	MM_TEST(shared_read_only_files_stay_so),
	MM_TEST(hints_and_search),
	MM_TEST(reservations_cost_nothing),
	MM_TEST(the_address_space_fills_up),
	MM_TEST(neighbours_split_and_join),
	MM_TEST(files_join_only_where_they_continue),
	MM_TEST(protect_is_partial_before_an_error),
	MM_TEST(limits_hold),
	MM_TEST(too_many_mappings),
	MM_TEST(unmap_checks),
	MM_TEST(a_random_walk_agrees_with_the_model),
};
const size_t map_tests_count = ARRAY_SIZE(map_tests);
