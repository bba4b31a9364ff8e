/* SPDX-License-Identifier: Apache-2.0
 *
 * Directories of the host as layers.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tests/unit/layers/test_layers.h"

static void file(const char *path, const char *content, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void small_tree(const char *top)
{
	assert_int_equal(mkdir(top, 0755), 0);
	assert_int_equal(chdir(top), 0);
	file("a.b", "1", 0644);
	assert_int_equal(mkdir("a", 0700), 0);
	file("a/z", "22", 0755);
	assert_int_equal(link("a/z", "zz"), 0);
	assert_int_equal(symlink("/etc/passwd", "s"), 0);
	assert_int_equal(mkfifo("p", 0600), 0);
	assert_int_equal(chdir(".."), 0);
}

static int pack(struct store *s, const struct layer_options *o, const char *top, const char *prefix,
	struct descriptor *d, struct digest *diff, struct image_error *e)
{
	struct layer_writer *w;
	int fd = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	assert_true(fd >= 0);
	expect_ok(layer_begin(s, o, &w, e), e);
	r = layer_add_tree(w, fd, prefix, NULL, e);
	close(fd);
	if (r) {
		layer_abort(w);
		return r;
	}
	r = layer_end(w, d, diff, e);
	if (!r)
		descriptor_clear(d);
	return r;
}

static const char *packed(
	struct store *s, const struct layer_options *o, const char *top, const char *prefix)
{
	static struct log l;
	struct layer_limits limits = layer_limits_default;
	struct layer_sink sink = log_sink(&l);
	struct image_error e = {""};
	struct descriptor d;
	struct digest diff;

	expect_ok(pack(s, o, top, prefix, &d, &diff, &e), &e);
	l.n = 0;
	expect_ok(layer_read(s, &d, &diff, &limits, &sink, NULL, &e), &e);
	return l.text;
}

static void tree_is_walked_in_order(void **state)
{
	struct layer_options o = {.compression = COMPRESS_ZSTD};
	struct store *s = store_here();

	small_tree("t");
	assert_string_equal(packed(s, &o, "t", ""), "dir a 0700 0:0\n"
						    "file a/z 0755 0:0 2\n  data 0+2\n"
						    "file a.b 0644 0:0 1\n  data 0+1\n"
						    "fifo p\n"
						    "link s -> /etc/passwd\n"
						    "hard zz = a/z\n");
	store_close(s);
}

static void prefix_is_a_member_and_its_parents_are_not(void **state)
{
	struct layer_options o = {.compression = COMPRESS_NONE};
	struct store *s = store_here();

	assert_int_equal(mkdir("t", 0750), 0);
	file("t/x", "", 0600);
	assert_string_equal(
		packed(s, &o, "t", "opt/app"), "dir opt/app 0750 0:0\nfile opt/app/x 0600 0:0 0\n");
	store_close(s);
}

static void same_tree_elsewhere_is_the_same_layer(void **state)
{
	struct layer_options o = {.compression = COMPRESS_ZSTD};
	struct store *s = store_here();
	struct descriptor a, b;
	struct image_error e = {""};
	struct digest diff;

	small_tree("t");
	assert_int_equal(mkdir("deeper", 0700), 0);
	usleep(20000);
	small_tree("deeper/t2");
	assert_int_equal(chdir(".."), 0);
	expect_ok(pack(s, &o, "t", "", &a, &diff, &e), &e);
	expect_ok(pack(s, &o, "deeper/t2", "", &b, &diff, &e), &e);
	assert_string_equal(a.digest.hex, b.digest.hex);
	store_close(s);
}

static void exclude_leaves_out_what_matches(void **state)
{
	static const char *const exclude[] = {"*.pyc", "/build", "node_modules", NULL};
	struct layer_options o = {.compression = COMPRESS_NONE, .exclude = exclude};
	struct store *s = store_here();

	assert_int_equal(mkdir("t", 0755), 0);
	assert_int_equal(mkdir("t/build", 0755), 0);
	assert_int_equal(mkdir("t/src", 0755), 0);
	assert_int_equal(mkdir("t/src/build", 0755), 0);
	assert_int_equal(mkdir("t/src/node_modules", 0755), 0);
	file("t/build/x", "", 0644);
	file("t/src/a.pyc", "", 0644);
	file("t/src/build/keep", "", 0644);
	assert_string_equal(packed(s, &o, "t", ""),
		"dir src 0755 0:0\ndir src/build 0755 0:0\nfile src/build/keep 0644 0:0 0\n");
	store_close(s);
}

static void reserved_names_are_refused(void **state)
{
	struct layer_options o = {.compression = COMPRESS_NONE};
	struct store *s = store_here();
	struct image_error e = {""};
	struct descriptor d;
	struct digest diff;

	assert_int_equal(mkdir("t", 0755), 0);
	file("t/.wh.gone", "", 0644);
	expect_failure(pack(s, &o, "t", "", &d, &diff, &e), -EINVAL, &e, "mean deletions");
	store_close(s);
}

static void attributes_of_the_user_come_along(void **state)
{
	struct layer_options o = {.compression = COMPRESS_NONE};
	struct store *s = store_here();

	assert_int_equal(mkdir("t", 0755), 0);
	file("t/f", "", 0644);
	if (setxattr("t/f", "user.b", "22", 2, 0))
		skip();
	assert_int_equal(setxattr("t/f", "user.a", "1", 1, 0), 0);
	assert_string_equal(packed(s, &o, "t", ""), "file f 0644 0:0 0\n  user.a=1\n  user.b=2\n");
	store_close(s);
}

static void unreadable_file_is_named(void **state)
{
	struct layer_options o = {.compression = COMPRESS_NONE};
	struct store *s;
	struct image_error e = {""};
	struct descriptor d;
	struct digest diff;

	if (!geteuid())
		skip(); /* reads everything */
	s = store_here();
	assert_int_equal(mkdir("t", 0755), 0);
	file("t/f", "", 0);
	expect_failure(pack(s, &o, "t", "", &d, &diff, &e), -EACCES, &e, "f: cannot be read");
	store_close(s);
}

const struct CMUnitTest tree_tests[] = {
	IN_SCRATCH(tree_is_walked_in_order),
	IN_SCRATCH(prefix_is_a_member_and_its_parents_are_not),
	IN_SCRATCH(same_tree_elsewhere_is_the_same_layer),
	IN_SCRATCH(exclude_leaves_out_what_matches),
	IN_SCRATCH(reserved_names_are_refused),
	IN_SCRATCH(attributes_of_the_user_come_along),
	IN_SCRATCH(unreadable_file_is_named),
};
const size_t tree_ntests = sizeof tree_tests / sizeof *tree_tests;
