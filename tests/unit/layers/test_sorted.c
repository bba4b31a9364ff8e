/* SPDX-License-Identifier: Apache-2.0
 *
 * Archives in somebody else's order, as layers of ours.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/layers/test_layers.h"

static int read_tar(void *arg, const struct layer_sink *sink, struct image_error *e)
{
	const struct tar *t = arg;
	struct layer_limits limits = layer_limits_default;
	int fd = memfd_create("archive", MFD_CLOEXEC), r;

	assert_int_equal(write(fd, t->data, t->n), t->n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	r = layer_read_fd(fd, "1.tar", &limits, sink, NULL, e);
	close(fd);
	return r;
}

static int sort(struct tar *t, struct descriptor *d, struct image_error *e)
{
	struct layer_options o = {.compression = COMPRESS_ZSTD, .keep_owner = true};
	struct store *s = store_here();
	struct layer_writer *w;
	struct digest diff;
	int r;

	tar_end(t);
	expect_ok(layer_begin(s, &o, &w, e), e);
	r = layer_add_sorted(w, s, read_tar, t, e);
	if (r)
		layer_abort(w);
	else
		expect_ok(layer_end(w, d, &diff, e), e);
	if (!r)
		descriptor_clear(d);
	tar_free(t);
	store_close(s);
	return r;
}

/* What the layer that comes out says. */
static void expect_sorted(struct tar *t, const char *text)
{
	static struct log l;
	struct layer_limits limits = layer_limits_default;
	struct layer_sink sink = log_sink(&l);
	struct image_error e = {""};
	struct descriptor d;
	struct store *s;

	expect_ok(sort(t, &d, &e), &e);
	s = store_here();
	l.n = 0;
	expect_ok(layer_read(s, &d, NULL, &limits, &sink, NULL, &e), &e);
	assert_string_equal(l.text, text);
	store_close(s);
}

static void members_are_put_in_order_with_their_content(void **state)
{
	struct tar t = {0};

	tar_member(&t, '5', "./", NULL, 0, NULL);
	tar_file(&t, "b", "bb");
	tar_file(&t, "a.c", "c");
	tar_member(&t, '5', "a", NULL, 0, NULL);
	tar_pax(&t, "SCHILY.xattr.user.x", "1", 1);
	tar_file(&t, "a/x", "xxxx");
	tar_file(&t, ".wh.gone", "");
	tar_member(&t, '2', "link", "b", 0, NULL);
	tar_file(&t, "!", "");
	expect_sorted(&t, "dir  0755 0:0\n"
			  "file ! 0644 0:0 0\n"
			  "gone gone\n"
			  "dir a 0755 0:0\n"
			  "file a/x 0644 0:0 4\n  user.x=1\n  data 0+4\n"
			  "file a.c 0644 0:0 1\n  data 0+1\n"
			  "file b 0644 0:0 2\n  data 0+2\n"
			  "link link -> b\n");
}

static void hard_links_are_from_the_first_in_order(void **state)
{
	struct tar t = {0};

	tar_file(&t, "z", "content");
	tar_member(&t, '1', "m", "z", 0, NULL);
	tar_member(&t, '1', "a", "m", 0, NULL);
	expect_sorted(&t, "file a 0644 0:0 7\n  data 0+7\nhard m = a\nhard z = a\n");
}

static void link_keeps_what_its_target_was(void **state)
{
	struct tar t = {0};

	tar_file(&t, "z", "old");
	tar_member(&t, '1', "b", "z", 0, NULL);
	tar_file(&t, "z", "newer");
	expect_sorted(&t, "file b 0644 0:0 3\n  data 0+3\nfile z 0644 0:0 5\n  data 0+5\n");
}

static void of_two_with_one_name_the_last_counts(void **state)
{
	struct tar t = {0};

	tar_file(&t, "a", "old");
	tar_file(&t, "a", "newer");
	expect_sorted(&t, "file a 0644 0:0 5\n  data 0+5\n");
}

static void file_above_members_is_refused(void **state)
{
	struct image_error e = {""};
	struct descriptor d;
	struct tar t = {0};

	tar_file(&t, "a/b", "x");
	tar_file(&t, "a", "x");
	expect_failure(sort(&t, &d, &e), -EBADMSG, &e, "\"a/b\" is below \"a\"");
}

static void order_does_not_show(void **state)
{
	struct image_error e = {""};
	struct descriptor a, b;
	struct tar t = {0};

	tar_file(&t, "x", "1");
	tar_file(&t, "y", "2");
	expect_ok(sort(&t, &a, &e), &e);
	tar_file(&t, "y", "2");
	tar_file(&t, "x", "1");
	expect_ok(sort(&t, &b, &e), &e);
	assert_string_equal(a.digest.hex, b.digest.hex);
}

const struct CMUnitTest sorted_tests[] = {
	IN_SCRATCH(members_are_put_in_order_with_their_content),
	IN_SCRATCH(hard_links_are_from_the_first_in_order),
	IN_SCRATCH(link_keeps_what_its_target_was),
	IN_SCRATCH(of_two_with_one_name_the_last_counts),
	IN_SCRATCH(file_above_members_is_refused),
	IN_SCRATCH(order_does_not_show),
};
const size_t sorted_ntests = sizeof sorted_tests / sizeof *sorted_tests;
