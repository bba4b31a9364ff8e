/* SPDX-License-Identifier: Apache-2.0
 * Files and their paths.
 */
#include "tests/unit/sample/machine.h"

#include <string.h>

static struct records told(struct machine *m)
{
	sample_writer_begin(&m->s->writer, 1);
	sample_inner_file(m->s, shim(m->file));
	return records_now(m);
}

static void test_a_file_of_the_hosts_has_both_paths(void **state)
{
	struct machine *m = *state;
	struct records r = told(m);

	assert_int_equal(r.files, 1);
	assert_true(r.file.type == SAMPLES_HOST_FILE && r.file.dev == 42 && r.file.ino == 77);
	assert_string_equal(r.path, "/usr/bin/prog");
	assert_string_equal(r.host, "/outside/usr/bin/prog");
	assert_int_equal(sample_inner_file(m->s, shim(m->file)), SAMPLES_FIRST_FILE);
	assert_int_equal(records_now(m).files, 0); /* once */
}

static void test_a_file_of_an_image_has_one(void **state)
{
	struct machine *m = *state;
	uint64_t type = take(m, 8);
	struct records r;

	memcpy(m->mem.ram + type, "tmpfs", 6);
	put(m, m->super + SUPER_TYPE, shim(type));
	r = told(m);
	assert_true(r.file.type == SAMPLES_INNER_FILE && r.file.dev == 5 && r.file.ino == 77);
	assert_string_equal(r.path, "/usr/bin/prog");
	assert_string_equal(r.host, "");
}

static void test_what_was_removed_is_said(void **state)
{
	struct machine *m = *state;

	put(m, m->dentry + DENTRY_LEN, 4 | 1ull << 32);
	assert_string_equal(told(m).path, "/usr/bin/prog (deleted)");
}

static void test_the_top_is_a_slash(void **state)
{
	struct machine *m = *state;
	uint64_t top = make_dentry(m, 0, "", 0);

	put(m, m->file + FILE_DENTRY, shim(top));
	put(m, m->file + FILE_MOUNT, shim(make_mount(m, top, 0, 0)));
	assert_string_equal(told(m).path, "/");
}

static void test_what_is_no_name_makes_no_path(void **state)
{
	static const struct {
		const char *text;
		uint32_t len;
	} bad[] = {{"", 0}, {".", 1}, {"..", 2}, {"a/b", 3}, {"/", 1}, {"a\0b", 3}, {"x", 256},
		{"x", 1u << 31}, {"x", UINT32_MAX}};
	struct machine *m = *state;
	uint64_t text = take(m, 512);

	memset(m->mem.ram + text, 'x', 512);
	put(m, m->dentry + DENTRY_NAME, shim(text));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct records r;

		memcpy(m->mem.ram + text, bad[i].text, bad[i].len < 4 ? bad[i].len : 1);
		put(m, m->dentry + DENTRY_LEN, bad[i].len);
		r = told(m);
		assert_true(r.files == 1 && !*r.path && !*r.host);
	}
	put(m, m->dentry + DENTRY_LEN, 4);
	put(m, m->dentry + DENTRY_NAME, shim(RAM_SIZE - 2));
	assert_string_equal(told(m).path, "");
}

static void test_a_path_without_an_end_is_none(void **state)
{
	struct machine *m = *state;
	uint64_t loop = make_dentry(m, 0, "d", 1), deep = 0;

	put(m, loop + DENTRY_PARENT, shim(loop)); /* in itself */
	put(m, m->file + FILE_DENTRY, shim(loop));
	assert_string_equal(told(m).path, "");
	put(m, m->mount + MOUNT_ROOT, shim(loop)); /* a mount on itself */
	put(m, m->mount + MOUNT_PARENT, shim(m->mount));
	put(m, m->mount + MOUNT_POINT, shim(loop));
	assert_string_equal(told(m).path, "");
	put(m, m->mount + MOUNT_ROOT, 0);
	for (int i = 0; i < 6; i++) { /* longer than can be told */
		char name[255];

		memset(name, 'n', sizeof(name));
		deep = make_dentry(m, deep, name, sizeof(name));
	}
	put(m, m->file + FILE_DENTRY, shim(deep));
	assert_string_equal(told(m).path, "");
}

static void test_pointers_to_nowhere_are_no_file(void **state)
{
	static const uint64_t bad[] = {
		0, 8, ~0ull, BOOT_PHYSMAP_VA - 64, BOOT_PHYSMAP_VA + RAM_SIZE};
	struct machine *m = *state;
	const uint64_t needed[] = {m->file + FILE_INODE, m->inode + INODE_SUPER,
		m->inode + INODE_HOST, m->super + SUPER_TYPE};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(sample_inner_file(m->s, bad[i]), SAMPLES_NOWHERE);
		for (size_t k = 0; k < sizeof(needed) / sizeof(needed[0]); k++) {
			uint64_t was = get(m, needed[k]);

			put(m, needed[k], bad[i]);
			assert_int_equal(told(m).files, 0);
			put(m, needed[k], was);
		}
		put(m, m->file + FILE_MOUNT, bad[i]);
		assert_string_equal(told(m).path, "");
	}
}

static void test_there_are_so_many_files_and_no_more(void **state)
{
	struct machine *m = *state;

	sample_writer_begin(&m->s->writer, 1);
	for (uint64_t i = 0; i < 2 * SAMPLES_FILES; i++) {
		put(m, m->inode + INODE_INO, 1000 + i * 2048); /* all in one place of the table */
		assert_int_equal(sample_inner_file(m->s, shim(m->file)),
			i < SAMPLES_FILES ? SAMPLES_FIRST_FILE + i : SAMPLES_NOWHERE);
	}
	assert_int_equal(records_now(m).files, SAMPLES_FILES);
}

const struct CMUnitTest file_tests[] = {
	TEST(test_a_file_of_the_hosts_has_both_paths),
	TEST(test_a_file_of_an_image_has_one),
	TEST(test_what_was_removed_is_said),
	TEST(test_the_top_is_a_slash),
	TEST(test_what_is_no_name_makes_no_path),
	TEST(test_a_path_without_an_end_is_none),
	TEST(test_pointers_to_nowhere_are_no_file),
	TEST(test_there_are_so_many_files_and_no_more),
};
const size_t file_count = sizeof(file_tests) / sizeof(file_tests[0]);
