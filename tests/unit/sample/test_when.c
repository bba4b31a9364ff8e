/* SPDX-License-Identifier: Apache-2.0
 * When a sample is taken, and of what; and a guest all of whose memory is nonsense.
 */
#include "tests/unit/sample/machine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MS	1000000ull
#define NOW	(1000 * MS)
#define FOREVER UINT64_MAX

static const struct sampler_at user = {CODE + 0x10, STACK, 0};
static const struct sampler_at ring0 = {BOOT_IMAGE_VA + 0x100000, BOOT_IMAGE_VA, 0};

/* A session that has begun, whose first period ends at NOW + 10 ms. */
static struct sampler_cpu begun(struct machine *m)
{
	struct sampler_cpu c = {.id = 0};

	ask(m, 7, 100, FOREVER);
	assert_true(sampler_is_asked(m->s, &c));
	assert_int_equal(sampler_look(m->s, &c, &user, NOW), NOW + 10 * MS);
	assert_false(sampler_is_asked(m->s, &c));
	assert_int_equal(records_now(m).begins, 1);
	return c;
}

static void test_nobody_asks(void **state)
{
	struct machine *m = *state;
	struct sampler_cpu c = {.id = 0};

	assert_false(sampler_is_asked(m->s, &c));
	assert_int_equal(sampler_look(m->s, &c, &user, NOW), NOW + SAMPLES_LOOK_NS);
	assert_int_equal(m->control->head, 0);
}

static void test_a_sample_says_who_and_where(void **state)
{
	struct machine *m = *state;
	struct sampler_cpu c = begun(m);
	struct records r;

	assert_int_equal(sampler_look(m->s, &c, &user, NOW + 9 * MS), NOW + 10 * MS);
	assert_int_equal(records_now(m).samples, 0);
	assert_int_equal(sampler_look(m->s, &c, &user, NOW + 45 * MS), NOW + 50 * MS);
	r = records_now(m);
	assert_true(r.samples == 1 && r.sample.ticks == 4 && r.sample.in == SAMPLES_IN_USER);
	assert_true(r.sample.pid == 2 && r.sample.tid == 3 && r.sample.cpu == 0);
	assert_string_equal(r.sample.comm, "prog");
	assert_int_equal(r.frame[0].value, 0x3010);
}

static void test_sleep_is_nobodys_time(void **state)
{
	struct machine *m = *state;
	struct sampler_cpu c = begun(m);

	assert_int_equal(sampler_look(m->s, &c, NULL, NOW + 995 * MS), NOW + 1000 * MS);
	assert_int_equal(records_now(m).samples, 0);
	sampler_look(m->s, &c, &user, NOW + 5000 * MS); /* stopped: not so many */
	assert_int_equal(records_now(m).sample.ticks, 1);
}

static void test_the_shims_work_is_its_callers(void **state)
{
	struct machine *m = *state;
	struct sampler_cpu c = begun(m);
	struct records r;

	put(m, m->task + TASK_IN_CALL, 1);
	put(m, m->task + TASK_NR, 60);
	put(m, m->task + TASK_KIND, TRAP_FAULT);
	sampler_look(m->s, &c, &ring0, NOW + 10 * MS);
	r = records_now(m);
	assert_true(r.sample.in == SAMPLES_IN_CALL && r.sample.nr == 60);
	assert_int_equal(r.frame[0].value, 0x3010);
	put(m, m->task + TASK_IN_CALL, 0);
	sampler_look(m->s, &c, &ring0, NOW + 20 * MS);
	assert_int_equal(records_now(m).sample.in, SAMPLES_IN_FAULT);
	put(m, m->task + TASK_KIND, 2);
	sampler_look(m->s, &c, &ring0, NOW + 30 * MS);
	assert_int_equal(records_now(m).sample.in, SAMPLES_IN_OTHER);
	put(m, m->task + TASK_RIP, 0); /* it is being made */
	sampler_look(m->s, &c, &ring0, NOW + 40 * MS);
	assert_int_equal(records_now(m).samples, 0);
	put(m, CPUS + CPU_TASK, 0); /* nobody runs */
	sampler_look(m->s, &c, &ring0, NOW + 50 * MS);
	assert_int_equal(records_now(m).samples, 0);
}

static void test_a_reader_that_is_gone_is_not_written_for(void **state)
{
	struct machine *m = *state;
	struct sampler_cpu c = begun(m);

	m->control->until_ns = NOW + 10 * MS;
	assert_int_equal(
		sampler_look(m->s, &c, &user, NOW + 10 * MS), NOW + 10 * MS + SAMPLES_LOOK_NS);
	assert_int_equal(records_now(m).samples, 0);
	ask(m, 8, 1000, FOREVER); /* the next one */
	assert_int_equal(sampler_look(m->s, &c, &user, NOW + 20 * MS), NOW + 21 * MS);
	assert_int_equal(records_now(m).begins, 1);
}

static void test_a_reader_that_is_late_loses_samples(void **state)
{
	struct machine *m = *state;
	struct sampler_cpu c = begun(m);

	for (uint64_t i = 1; i < 40000 && !m->control->lost; i++)
		sampler_look(m->s, &c, &user, NOW + i * 10 * MS);
	assert_int_equal(m->control->lost, 1);
	assert_true(m->control->head - m->control->tail <= SAMPLES_RING);
	m->control->tail = m->control->head + 1; /* nonsense: there is no room */
	sampler_look(m->s, &c, &user, c.due);
	assert_int_equal(m->control->lost, 2);
}

/* A number that looks like what is expected somewhere: an entry, a pointer, an address, a length.
 */
static uint64_t nonsense(void)
{
	uint64_t at = (uint64_t)random() % (RAM_SIZE + PAGE);

	switch (random() % 8) {
	case 0:
		return BOOT_PHYSMAP_VA + at;
	case 1:
	case 2:
		return (at & ~(PAGE - 1)) | USER | (random() % 2 ? NX : 0);
	case 3:
		return CODE + at % PAGE;
	case 4:
		return STACK + at % (PAGES * PAGE);
	case 5:
		return (uint64_t)random() % 64;
	case 6:
		return (uint64_t)random() << 33 ^ (uint64_t)random() << 11;
	default:
		return 0;
	}
}

static void test_memory_that_is_all_nonsense_makes_records_that_are_read(void **state)
{
	struct machine *m = *state;
	unsigned samples = 0;

	srandom(1);
	for (int round = 0; round < 200; round++) {
		struct sampler_cpu c = begun(m);
		uint8_t was[RAM_SIZE / 16];

		/* the machine as it was made, with more and more of it changed */
		memcpy(was, m->mem.ram, sizeof(was));
		for (int i = 0; i < round * 20; i++)
			put(m, (uint64_t)random() % (m->used / 8) * 8, nonsense());
		for (uint64_t i = 0; i < 20; i++) {
			const struct sampler_at at = {nonsense(), nonsense(), nonsense()};

			sampler_look(m->s, &c, i % 2 ? &at : &user, c.due);
		}
		samples += records_now(m).samples;
		memcpy(m->mem.ram, was, sizeof(was));
		m->control->request = 0;
		sampler_look(m->s, &c, &user, NOW);
	}
	assert_true(samples > 500);
}

const struct CMUnitTest when_tests[] = {
	TEST(test_nobody_asks),
	TEST(test_a_sample_says_who_and_where),
	TEST(test_sleep_is_nobodys_time),
	TEST(test_the_shims_work_is_its_callers),
	TEST(test_a_reader_that_is_gone_is_not_written_for),
	TEST(test_a_reader_that_is_late_loses_samples),
	TEST(test_memory_that_is_all_nonsense_makes_records_that_are_read),
};
const size_t when_count = sizeof(when_tests) / sizeof(when_tests[0]);
