/* SPDX-License-Identifier: Apache-2.0
 *
 * What sandbox-profile is given is hostile: records of a launcher that may have been taken over,
 * names of programs, files that programs made.
 */
#include <errno.h>
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/profile/elf_file.h"
#include "runtime/profile/profile.h"
#include "tests/unit/profile/test_profile.h"

/* What a file asks for may be more than there is; sandbox-profile itself is limited (limits.c). */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1:max_allocation_size_mb=256";
}

/* -- names -- */

static void expect_name(const char *given, size_t len, const char *wanted)
{
	struct names *n = names_new();

	assert_non_null(n);
	assert_string_equal(names_text(n, names_add(n, given, len)), wanted);
	names_free(n);
}

static void test_names_are_fit_for_xml_json_and_folded_lines(void **state)
{
	expect_name("main", 4, "main");
	expect_name("main", 2, "ma");
	expect_name("operator<", 9, "operator<");
	expect_name("a;b\nc\x1b[31m\x7f", 20, "a:b?c?[31m?");
	expect_name("", 0, "?");
	expect_name("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5", 64,
		"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x94\xa5");
	expect_name("cut \xe2\x82", 6, "cut ??");	  /* in the middle of a character */
	expect_name("\xc0\xaf\xed\xa0\x80", 5, "?????");  /* overlong; a surrogate */
	expect_name("\xef\xbf\xbe\xef\xbf\xbf", 6, "??"); /* what XML has not */
	expect_name("a\xe2\x80\xae"
		    "b",
		5, "a?b"); /* turns text around */
	expect_name("\xf5\x80\x80\x80", 4, "????");
}

static void test_a_long_name_is_cut_between_characters(void **state)
{
	struct names *n = names_new();
	char given[3000];
	const char *got;

	for (size_t i = 0; i < sizeof given; i += 3)
		memcpy(given + i, "\xe2\x82\xac", 3);
	got = names_text(n, names_add(n, given, sizeof given));
	assert_in_range(strlen(got), 500, 511);
	assert_string_equal(got + strlen(got) - 3, "...");
	assert_int_equal((strlen(got) - 3) % 3, 0);
	memset(given, 0xff, sizeof given);
	got = names_text(n, names_add(n, given, sizeof given));
	assert_in_range(strlen(got), 500, 511);
	names_free(n);
}

static void test_more_names_than_there_is_room_for_are_one(void **state)
{
	struct names *n = names_new();
	char text[32];
	uint32_t last = 1;

	for (unsigned i = 0; i < (1u << 18) + 10; i++)
		last = names_add(n, text, (size_t)snprintf(text, sizeof text, "name %u", i));
	assert_int_equal(last, 0);
	assert_string_equal(names_text(n, last), "[other]");
	assert_string_equal(names_text(n, names_add(n, "name 7", 6)), "name 7");
	names_free(n);
}

/* -- records -- */

union record {
	struct samples_sample s;
	uint8_t bytes[SAMPLES_RECORD_MAX];
};

static void make_sample(union record *r, uint16_t nframes)
{
	memset(r, 0, sizeof *r);
	r->s = (struct samples_sample){.pid = 2, .tid = 2, .ticks = 1, .nframes = nframes};
	r->s.head = (struct samples_head){
		(uint32_t)(sizeof r->s + nframes * sizeof r->s.frame[0]), SAMPLES_SAMPLE};
}

static void count_record(void *arg, const struct samples_head *record)
{
	*(unsigned *)arg += 1;
}

static bool is_taken(const union record *r)
{
	unsigned n = 0;

	return observe_samples_parse((const uint8_t *)r, r->s.head.size, count_record, &n) ==
		       (int64_t)r->s.head.size &&
	       n == 1;
}

#define REFUSED(field, value)                                                                      \
	do {                                                                                       \
		make_sample(&r, 3);                                                                \
		r.s.field = value;                                                                 \
		if (is_taken(&r))                                                                  \
			fail_msg(#field " = " #value " was taken");                                \
	} while (0)

static void test_a_sample_whose_counts_do_not_fit_is_refused(void **state)
{
	union record r;

	make_sample(&r, 3);
	assert_true(is_taken(&r));
	REFUSED(nframes, 0);
	REFUSED(nframes, 4);
	REFUSED(nframes, SAMPLES_FRAMES + 1);
	REFUSED(ticks, 0);
	REFUSED(ticks, SAMPLES_HZ_MAX + 1);
	REFUSED(in, SAMPLES_IN_OTHER + 1);
	REFUSED(comm[15], 'x');
	REFUSED(head.kind, 0);
	REFUSED(head.kind, 99);
	REFUSED(head.size, 0);
	REFUSED(head.size, 7);
}

static void test_a_file_whose_lengths_do_not_fit_is_refused(void **state)
{
	union {
		struct samples_file f;
		uint8_t bytes[sizeof(struct samples_file) + 8];
	} u = {.f = {.head = {sizeof u, SAMPLES_FILE}, .id = SAMPLES_FIRST_FILE, .path_len = 8}};
	unsigned n = 0;

	assert_int_equal(observe_samples_parse(u.bytes, sizeof u, count_record, &n), sizeof u);
	u.f.host_len = 1;
	assert_int_equal(observe_samples_parse(u.bytes, sizeof u, count_record, &n), -EBADMSG);
	u.f.host_len = 0;
	u.f.id = SAMPLES_FIRST_FILE - 1;
	assert_int_equal(observe_samples_parse(u.bytes, sizeof u, count_record, &n), -EBADMSG);
	u.f.id = SAMPLES_FIRST_FILE + SAMPLES_FILES;
	assert_int_equal(observe_samples_parse(u.bytes, sizeof u, count_record, &n), -EBADMSG);
	assert_int_equal(n, 1);
}

static void put_in_ring(struct observe_samples *s, size_t offset, const void *bytes, size_t n)
{
	assert_int_equal(pwrite(s->fd, bytes, n, (off_t)offset), n);
}

static void test_samples_that_an_earlier_session_lost_are_not_ones_own(void **state)
{
	struct samples_begin begin = {{sizeof begin, SAMPLES_BEGIN}, 0};
	struct samples_control writer = {.head = sizeof begin};
	const size_t writers = offsetof(struct samples_control, head);
	const size_t bytes = sizeof writer - writers;
	struct observe_samples s;
	unsigned n = 0;

	assert_int_equal(observe_samples_make(&s, 99), 0);
	writer.lost = 7;
	put_in_ring(&s, SAMPLES_CONTROL, &begin, sizeof begin);
	put_in_ring(&s, writers, &writer.head, bytes);
	assert_int_equal(observe_samples_read(&s, count_record, &n), 0);
	assert_false(s.begun);
	assert_int_equal(s.lost, 0);
	begin.session = s.session;
	writer.head += sizeof begin;
	writer.lost = 3;
	put_in_ring(&s, SAMPLES_CONTROL + sizeof begin, &begin, sizeof begin);
	put_in_ring(&s, writers, &writer.head, bytes);
	assert_int_equal(observe_samples_read(&s, count_record, &n), 0);
	assert_true(s.begun);
	assert_int_equal(s.lost, 3);
	assert_int_equal(n, 0);
	observe_samples_end(&s);
}

static void use_record(void *arg, const struct samples_head *record)
{
	struct stacks *s = ((void **)arg)[0];
	struct names *n = ((void **)arg)[1];
	struct symbols *y = ((void **)arg)[2];

	if (record->kind == SAMPLES_SAMPLE)
		stacks_add(s, n, (const void *)record);
	else if (record->kind == SAMPLES_FILE)
		symbols_file(y, (const void *)record);
}

static void test_any_bytes_are_records_or_refused(void **state)
{
	struct stacks s;
	void *all[] = {&s, names_new(), symbols_new(NULL)};
	struct profile_about about = {.title = "any", .hz = 1, .backend = ""};
	union record r[4];
	struct tree t;
	FILE *out = tmpfile();

	assert_int_equal(stacks_init(&s), 0);
	srandom(1);
	for (unsigned turn = 0; turn < 20000; turn++) {
		for (unsigned i = 0; i < 4; i++)
			make_sample(&r[i], SAMPLES_FRAMES);
		for (unsigned i = 0; i < 1 + turn % 8; i++)
			((uint8_t *)r)[(size_t)random() % (turn % 2 ? 200 : sizeof r)] =
				(uint8_t)random();
		observe_samples_parse((const uint8_t *)r, sizeof r, use_record, all);
	}
	assert_int_equal(tree_make(&t, &s, all[2], all[1]), 0);
	assert_int_equal(flame_write(out, &t, all[1], &about), 0);
	folded_write(out, &t, all[1]);
	assert_int_equal(json_write(out, &t, all[1], &about), 0);
	assert_int_not_equal(t.by_name.node[0].total, 0);
	fclose(out);
	tree_free(&t);
	stacks_free(&s);
	names_free(all[1]);
	symbols_free(all[2]);
}

/* -- ELF files -- */

static uint8_t *read_victim(size_t *size)
{
	static uint8_t bytes[1 << 20];
	int fd = open(VICTIM, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof bytes);

	assert_in_range(n, 1000, sizeof bytes - 1);
	close(fd);
	*size = (size_t)n;
	return bytes;
}

static int as_file(const uint8_t *bytes, size_t n)
{
	int fd = memfd_create("elf", 0);

	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

static unsigned names_in(int fd, size_t size)
{
	struct elf_budget budget = {.bytes = 1 << 20, .symbols = 1 << 16};
	struct elf_file *f = elf_file_open(fd, &budget);
	unsigned found = 0;

	for (uint64_t at = 0; f && at < size; at += 16) {
		const char *name = elf_file_function(f, at);

		found += name && !strcmp(name, "main");
		assert_in_range(elf_file_caller(f, at) + 1, 0, 64);
		if (name) /* to its end: it must lie in memory of ours */
			assert_in_range(strlen(name), 0, size);
	}
	if (f)
		elf_file_function(f, UINT64_MAX);
	elf_file_close(f);
	return found;
}

static void test_a_function_is_found_where_it_lies(void **state)
{
	size_t size;
	const uint8_t *bytes = read_victim(&size);
	int fd = as_file(bytes, size);

	assert_in_range(names_in(fd, size), 1, 16);
	close(fd);
}

static void test_damaged_elf_files_give_names_or_none(void **state)
{
	size_t size;
	uint8_t *bytes = read_victim(&size), *copy = malloc(size);

	srandom(2);
	for (unsigned turn = 0; turn < 1500; turn++) {
		/* headers, the tables at the end, or anywhere; or cut off */
		size_t from = turn % 3 == 1 ? size - size / 4 : 0;
		size_t room = turn % 3 == 0 ? 1024 : turn % 3 == 1 ? size / 4 : size;
		size_t n = turn % 7 ? size : (size_t)random() % size;
		int fd;

		memcpy(copy, bytes, size);
		for (unsigned i = 0; i < 1 + turn % 16; i++)
			copy[from + (size_t)random() % room] =
				(uint8_t)(turn % 5 ? random() : 0xff);
		fd = as_file(copy, n);
		names_in(fd, size);
		close(fd);
	}
	free(copy);
}

static void test_frames_of_any_bytes_tell_a_caller_or_none(void **state)
{
	srandom(3);
	assert_int_equal(frames_caller(frames_file(NULL, 0, 0)), 0);
	for (unsigned turn = 0; turn < 4000; turn++) {
		uint8_t program[24];

		for (size_t i = 0; i < sizeof program; i++) /* operations, and small numbers */
			program[i] =
				(uint8_t)(random() >> (turn % 3 ? 8 : 11) & (i % 2 ? 0xff : 0x1f));
		assert_in_range(
			frames_caller(frames_file(program, sizeof program, 1 + turn % 4)) + 1, 0,
			64);
	}
}

/* One byte of the header, or of the end of all string tables, is another. */
static unsigned names_with(size_t at, uint8_t value)
{
	size_t size;
	uint8_t *bytes = read_victim(&size);
	unsigned found;
	int fd;

	bytes[at] = value;
	fd = as_file(bytes, size);
	found = names_in(fd, size);
	close(fd);
	return found;
}

static void test_files_of_other_machines_are_none(void **state)
{
	assert_int_not_equal(names_with(EI_VERSION, EV_CURRENT), 0);
	assert_int_equal(names_with(EI_CLASS, ELFCLASS32), 0);
	assert_int_equal(names_with(EI_DATA, ELFDATA2MSB), 0);
	assert_int_equal(names_with(offsetof(Elf64_Ehdr, e_machine), EM_386), 0);
}

static void test_a_string_table_without_an_end_gives_no_names(void **state)
{
	size_t size;
	const uint8_t *bytes = read_victim(&size);
	const Elf64_Ehdr *h = (const void *)bytes;
	const Elf64_Shdr *s = (const void *)(bytes + h->e_shoff), *names = NULL;

	for (unsigned i = 0; i < h->e_shnum; i++)
		if (s[i].sh_type == SHT_SYMTAB)
			names = &s[s[i].sh_link];
	assert_non_null(names);
	assert_int_equal(names_with(names->sh_offset + names->sh_size - 1, 'x'), 0);
}

static void test_symbols_of_all_files_have_one_budget(void **state)
{
	size_t size;
	const uint8_t *bytes = read_victim(&size);
	struct elf_budget budget = {.bytes = 1 << 20, .symbols = 1 << 16};
	int fd = as_file(bytes, size);
	uint64_t one;

	elf_file_close(elf_file_open(fd, &budget));
	one = (1 << 16) - budget.symbols;
	assert_int_not_equal(one, 0);
	elf_file_close(elf_file_open(fd, &budget));
	assert_int_equal(budget.symbols, (1 << 16) - 2 * one);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_fit_for_xml_json_and_folded_lines),
		cmocka_unit_test(test_a_long_name_is_cut_between_characters),
		cmocka_unit_test(test_more_names_than_there_is_room_for_are_one),
		cmocka_unit_test(test_a_sample_whose_counts_do_not_fit_is_refused),
		cmocka_unit_test(test_a_file_whose_lengths_do_not_fit_is_refused),
		cmocka_unit_test(test_samples_that_an_earlier_session_lost_are_not_ones_own),
		cmocka_unit_test(test_any_bytes_are_records_or_refused),
		cmocka_unit_test(test_a_function_is_found_where_it_lies),
		cmocka_unit_test(test_damaged_elf_files_give_names_or_none),
		cmocka_unit_test(test_frames_of_any_bytes_tell_a_caller_or_none),
		cmocka_unit_test(test_files_of_other_machines_are_none),
		cmocka_unit_test(test_a_string_table_without_an_end_gives_no_names),
		cmocka_unit_test(test_symbols_of_all_files_have_one_budget),
	};

	int failed = cmocka_run_group_tests_name("profile", tests, NULL, NULL);

	return failed + run_output_tests() != 0;
}
