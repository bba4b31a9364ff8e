/* SPDX-License-Identifier: Apache-2.0
 *
 * A snapshot's file, written and read; each byte of it damaged, each length of it cut off.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/snapshot/coder.h"
#include "runtime/snapshot/file.h"

#define MEM   (64u * SNAPSHOT_PAGE)
#define PAGES 4u

struct made {
	int fd;
	uint8_t *ram, *bytes;
	size_t size;
	char why[256];
};

static void read_back(struct made *m)
{
	struct stat st;

	assert_int_equal(fstat(m->fd, &st), 0);
	m->size = (size_t)st.st_size;
	m->bytes = malloc(m->size);
	assert_int_equal(pread(m->fd, m->bytes, m->size, 0), m->size);
}

static int make(void **state)
{
	struct made *m = calloc(1, sizeof(*m));
	static uint8_t text[] = "what was given";
	struct snapshot_needs needs = {.backend = "kvm", .home = "guest", .mem_size = MEM};
	struct snapshot_extent e[] = {{.gpa = 2 * SNAPSHOT_PAGE, .size = SNAPSHOT_PAGE},
		{.gpa = 9 * SNAPSHOT_PAGE, .size = (PAGES - 1) * SNAPSHOT_PAGE}};
	const struct snapshot_source from = {.needs = &needs,
		.part = {{text, sizeof(text)}, {text, 4}, {text, 0}},
		.ram = m->ram = calloc(1, MEM),
		.extent = e,
		.nextents = 2};

	m->fd = memfd_create("snapshot", MFD_CLOEXEC);
	memset(m->ram + 2 * SNAPSHOT_PAGE, 'a', SNAPSHOT_PAGE);
	memset(m->ram + 9 * SNAPSHOT_PAGE, 'b', 3 * SNAPSHOT_PAGE);
	assert_int_equal(snapshot_write(m->fd, &from), 0);
	read_back(m);
	*state = m;
	return 0;
}

static int drop(void **state)
{
	struct made *m = *state;

	close(m->fd);
	free(m->ram);
	free(m->bytes);
	free(m);
	return 0;
}

/* All of it, as restore does. */
static int look(struct made *m)
{
	struct snapshot_file f = {.fd = -1};
	int r = snapshot_file_open(&f, m->fd, m->why, sizeof(m->why));

	if (!r) {
		r = snapshot_file_verify(&f, m->why, sizeof(m->why));
		snapshot_file_close(&f);
	}
	return r;
}

static void test_what_was_written_is_read(void **state)
{
	struct made *m = *state;
	struct snapshot_file f = {.fd = -1};

	assert_int_equal(m->size, (1 + 1 + PAGES) * SNAPSHOT_PAGE);
	assert_int_equal(snapshot_file_open(&f, m->fd, m->why, sizeof(m->why)), 0);
	assert_int_equal(snapshot_file_verify(&f, m->why, sizeof(m->why)), 0);
	assert_string_equal((char *)f.part[SNAPSHOT_CONFIG].p, "what was given");
	assert_int_equal(f.part[SNAPSHOT_SERVICE].n, 4);
	assert_int_equal(f.part[SNAPSHOT_HOME].n, 0);
	assert_int_equal(f.nextents, 2);
	assert_int_equal(f.extent[1].gpa, 9 * SNAPSHOT_PAGE);
	assert_int_equal(f.needs.mem_size, MEM);
	assert_int_equal(m->bytes[f.extent[1].off], 'b');
	snapshot_file_close(&f);
}

/* By libzstd, where it is installed. */
static void test_what_was_compressed_is_read(void **state)
{
	struct made *m = *state;
	struct snapshot_needs needs = {.mem_size = MEM};
	struct snapshot_extent e[] = {{.gpa = 0, .size = 8 * SNAPSHOT_PAGE},
		{.gpa = 9 * SNAPSHOT_PAGE, .size = SNAPSHOT_PAGE}};
	struct snapshot_zstd z;
	const struct snapshot_source from = {
		.needs = &needs, .ram = m->ram, .extent = e, .nextents = 2, .zstd = &z};
	struct snapshot_file f = {.fd = -1};
	uint8_t *page;

	if (snapshot_zstd_load(&z))
		skip();
	for (unsigned i = 0; i < SNAPSHOT_PAGE; i++) /* does not get smaller */
		m->ram[9 * SNAPSHOT_PAGE + i] = (uint8_t)(i * i * 2654435761u >> 13);
	assert_int_equal(ftruncate(m->fd, 0), 0);
	assert_int_equal(snapshot_write(m->fd, &from), 0);
	assert_int_equal(look(m), 0);
	assert_int_equal(snapshot_file_open(&f, m->fd, m->why, sizeof(m->why)), 0);
	assert_true(snapshot_file_packed(&f) && f.extent[0].stored < SNAPSHOT_PAGE);
	page = malloc(f.extent[0].size);
	assert_int_equal(snapshot_file_unpack(&f, &f.extent[0], &z, page), 0);
	assert_memory_equal(page, m->ram, f.extent[0].size);
	f.extent[0].size = SNAPSHOT_PAGE; /* has more in it than it says */
	assert_int_equal(snapshot_file_unpack(&f, &f.extent[0], &z, page), -EBADMSG);
	free(page);
	snapshot_file_close(&f);
	snapshot_zstd_unload(&z);
}

/* The rest of the pages of head and parts is nobody's. */
static bool matters(const struct made *m, size_t at)
{
	return at < 256 || (at >= SNAPSHOT_PAGE && at < SNAPSHOT_PAGE + 15 + 4 + 2 * 40) ||
	       at >= 2 * SNAPSHOT_PAGE;
}

static void test_damage_is_noticed(void **state)
{
	struct made *m = *state;

	for (size_t i = 0; i < m->size; i += i < 3 * SNAPSHOT_PAGE ? 1 : 97) {
		uint8_t other = m->bytes[i] ^ (uint8_t)(1u << i % 8);

		if (!matters(m, i))
			continue;
		assert_int_equal(pwrite(m->fd, &other, 1, (off_t)i), 1);
		*m->why = 0;
		assert_int_equal(look(m), -EBADMSG);
		assert_true(*m->why);
		assert_int_equal(pwrite(m->fd, &m->bytes[i], 1, (off_t)i), 1);
	}
	assert_int_equal(look(m), 0);
}

static void test_what_is_cut_off_or_longer_is_noticed(void **state)
{
	struct made *m = *state;

	assert_int_equal(ftruncate(m->fd, (off_t)m->size + 1), 0);
	assert_int_equal(look(m), -EBADMSG);
	assert_string_equal(m->why, "is longer than it was made");
	for (size_t n = m->size; n > 0; n -= n > 97 ? 97 : n) {
		assert_int_equal(ftruncate(m->fd, (off_t)n - 1), 0);
		assert_int_equal(look(m), -EBADMSG);
	}
}

static int never(void *arg)
{
	return -EINTR;
}

static void test_one_that_was_stopped_has_no_head(void **state)
{
	struct made *m = *state;
	struct snapshot_needs needs = {.mem_size = MEM};
	struct snapshot_extent e = {.gpa = 0, .size = SNAPSHOT_PAGE};
	const struct snapshot_source from = {
		.needs = &needs, .ram = m->ram, .extent = &e, .nextents = 1, .stop = never};

	assert_int_equal(ftruncate(m->fd, 0), 0);
	assert_int_equal(snapshot_write(m->fd, &from), -EINTR);
	assert_int_equal(ftruncate(m->fd, SNAPSHOT_PAGE * 3), 0);
	assert_int_equal(look(m), -EBADMSG);
	assert_string_equal(m->why, "is not a snapshot, or was not written to its end");
}

static void test_the_same_walk_writes_and_reads(void **state)
{
	struct coder c = {.reads = false}, from;
	char *text = (char *)"text", *none = NULL, *read;
	uint64_t n = 5, m;
	bool yes = true, b;

	coder_string(&c, &text);
	coder_string(&c, &none);
	coder_u64(&c, &n);
	coder_bool(&c, &yes);
	assert_int_equal(coder_end(&c), 0);
	from = coder_of(c.p, c.n);
	coder_string(&from, &read);
	assert_string_equal(read, "text");
	free(read);
	coder_string(&from, &read);
	assert_null(read);
	coder_u64(&from, &m);
	coder_bool(&from, &b);
	assert_true(m == 5 && b);
	assert_int_equal(coder_end(&from), 0);
	coder_u64(&from, &m); /* nothing is left: 0 from now on */
	assert_int_equal(m, 0);
	assert_int_equal(coder_end(&from), -EBADMSG);
	coder_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_what_was_written_is_read, make, drop),
		cmocka_unit_test_setup_teardown(test_what_was_compressed_is_read, make, drop),
		cmocka_unit_test_setup_teardown(test_damage_is_noticed, make, drop),
		cmocka_unit_test_setup_teardown(
			test_what_is_cut_off_or_longer_is_noticed, make, drop),
		cmocka_unit_test_setup_teardown(test_one_that_was_stopped_has_no_head, make, drop),
		cmocka_unit_test(test_the_same_walk_writes_and_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
