/* SPDX-License-Identifier: Apache-2.0
 *
 * What layers do to each other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/flat/flat.h"

static void an_image_of_nothing_has_a_root(void **state)
{
	struct flat_image *f;
	struct flat_node root;
	struct making m;

	make_begin(&m);
	f = make_end(&m);
	assert_string_equal(all_paths(f), "");
	assert_int_equal(flat_lookup(f, "/", true, &root), 0);
	assert_int_equal(root.st.st_mode, S_IFDIR | 0755);
	finish(&m, f);
}

static void missing_parents_are_made(void **state)
{
	struct flat_image *f;
	struct flat_node node;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_file(&m, "a/b/c", "x"), 0);
	f = make_end(&m);
	assert_int_equal(flat_lookup(f, "a/b", true, &node), 0);
	assert_int_equal(node.st.st_mode, S_IFDIR | 0755);
	assert_int_equal(node.st.st_nlink, 2);
	assert_string_equal(content_of(f, "a/b/c"), "x");
	finish(&m, f);
}

static void a_later_layer_replaces(void **state)
{
	struct flat_image *f;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_file(&m, "file", "one"), 0);
	assert_int_equal(put_file(&m, "dir/child", "x"), 0);
	assert_int_equal(put_file(&m, "kept/child", "x"), 0);
	next_layer(&m);
	assert_int_equal(put_file(&m, "file", "two"), 0);
	assert_int_equal(put_file(&m, "dir", "file now"), 0);
	assert_int_equal(put_dir(&m, "kept"), 0);
	f = make_end(&m);
	assert_string_equal(all_paths(f), "dir file kept kept/child");
	assert_string_equal(content_of(f, "file"), "two");
	finish(&m, f);
}

/* The same three members in each order: markers act on lower layers, wherever they stand. */
static void markers_act_on_lower_layers_in_any_order(void **state)
{
	static int (*const marker[])(struct making *, const char *) = {put_white, put_opaque};

	for (int kind = 0; kind < 2; kind++)
		for (int where = 0; where < 3; where++) {
			struct flat_image *f;
			struct making m;

			make_begin(&m);
			assert_int_equal(put_file(&m, "d/old", "x"), 0);
			assert_int_equal(put_file(&m, "d/sub/old", "x"), 0);
			next_layer(&m);
			if (where == 0)
				assert_int_equal(marker[kind](&m, "d"), 0);
			assert_int_equal(put_dir(&m, "d"), 0);
			if (where == 1)
				assert_int_equal(marker[kind](&m, "d"), 0);
			assert_int_equal(put_file(&m, "d/sub/new", "y"), 0);
			if (where == 2)
				assert_int_equal(marker[kind](&m, "d"), 0);
			f = make_end(&m);
			assert_string_equal(all_paths(f), "d d/sub d/sub/new");
			finish(&m, f);
		}
}

/* umoci's layers of a directory that became a link say both. */
static void a_whiteout_does_not_go_through_its_own_layers_link(void **state)
{
	struct flat_image *f;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_file(&m, "lib/x", "old"), 0);
	assert_int_equal(put_file(&m, "usr/lib/x", "kept"), 0);
	assert_int_equal(put_file(&m, "below/x", ""), 0);
	assert_int_equal(put_link(&m, "lower", "below"), 0);
	next_layer(&m);
	assert_int_equal(put_link(&m, "lib", "usr/lib"), 0);
	assert_int_equal(put_white(&m, "lib/x"), 0);
	assert_int_equal(put_opaque(&m, "lib"), 0);
	assert_int_equal(put_white(&m, "lower/x"), 0);
	f = make_end(&m);
	assert_string_equal(all_paths(f), "below lib lower usr usr/lib usr/lib/x");
	assert_string_equal(content_of(f, "lib/x"), "kept");
	finish(&m, f);
}

static void a_whiteout_of_nothing_is_nothing(void **state)
{
	struct flat_image *f;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_white(&m, "none"), 0);
	assert_int_equal(put_white(&m, "no/where"), 0);
	assert_int_equal(put_opaque(&m, "none"), 0);
	f = make_end(&m);
	assert_string_equal(all_paths(f), "");
	finish(&m, f);
}

static void hard_links_share_and_outlive_their_target(void **state)
{
	struct flat_image *f;
	struct flat_node b, c;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_file(&m, "a", "data"), 0);
	assert_int_equal(put_hard(&m, "b", "a"), 0);
	assert_int_equal(put_hard(&m, "c", "b"), 0);
	assert_int_equal(put_hard(&m, "c", "c"), 0);
	next_layer(&m);
	assert_int_equal(put_white(&m, "a"), 0);
	f = make_end(&m);
	assert_int_equal(flat_lookup(f, "b", false, &b), 0);
	assert_int_equal(flat_lookup(f, "c", false, &c), 0);
	assert_int_equal(b.nid, c.nid);
	assert_int_equal(b.st.st_nlink, 2);
	assert_string_equal(content_of(f, "c"), "data");
	finish(&m, f);
}

static void a_hard_link_may_take_its_targets_place(void **state)
{
	struct flat_image *f;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_file(&m, "d/file", "data"), 0);
	assert_int_equal(put_hard(&m, "d", "d/file"), 0);
	f = make_end(&m);
	assert_string_equal(all_paths(f), "d");
	assert_string_equal(content_of(f, "d"), "data");
	finish(&m, f);
}

static void a_hard_link_to_nothing_is_refused(void **state)
{
	struct making m;

	make_begin(&m);
	assert_int_equal(put_hard(&m, "x", "none"), -EINVAL);
	assert_non_null(strstr(m.e.text, "\"x\""));
	assert_non_null(strstr(m.e.text, "\"none\""));
	make_abort(&m);
	make_begin(&m);
	assert_int_equal(put_dir(&m, "d"), 0);
	assert_int_equal(put_hard(&m, "x", "d"), -EINVAL);
	make_abort(&m);
}

static void links_on_the_way_are_followed_inside_the_root(void **state)
{
	struct flat_image *f;
	struct making m;

	make_begin(&m);
	assert_int_equal(put_dir(&m, "usr/lib"), 0);
	assert_int_equal(put_link(&m, "lib", "usr/lib"), 0);
	assert_int_equal(put_link(&m, "up", "../../.."), 0);
	assert_int_equal(put_link(&m, "usr/abs", "/made/by/link"), 0);
	next_layer(&m);
	assert_int_equal(put_file(&m, "lib/x", "1"), 0);
	assert_int_equal(put_file(&m, "up/y", "2"), 0);
	assert_int_equal(put_file(&m, "usr/abs/z", "3"), 0);
	f = make_end(&m);
	assert_string_equal(all_paths(f),
		"lib made made/by made/by/link made/by/link/z up usr usr/abs usr/lib usr/lib/x y");
	assert_string_equal(content_of(f, "lib/x"), "1");
	assert_string_equal(content_of(f, "up/y"), "2");
	finish(&m, f);
}

static void a_circle_of_links_is_refused(void **state)
{
	struct making m;

	make_begin(&m);
	assert_int_equal(put_link(&m, "a", "b"), 0);
	assert_int_equal(put_link(&m, "b", "a"), 0);
	assert_int_equal(put_file(&m, "a/x", ""), -ELOOP);
	assert_non_null(strstr(m.e.text, "symbolic links"));
	make_abort(&m);
}

static void depth_is_bounded(void **state)
{
	char path[4096];
	struct making m;
	int r = 0;

	/* Each round goes on where the last one ended, through a link. */
	make_begin(&m);
	for (size_t i = 0; i < sizeof path - 1; i++)
		path[i] = i % 2 ? '/' : 'd';
	path[sizeof path - 2] = 0;
	memcpy(path, "l/", 2);
	assert_int_equal(put_link(&m, "l", "d"), 0);
	for (int i = 0; i < 4 && !r; i++) {
		r = put_file(&m, path, "");
		if (!r)
			r = put_link(&m, "l", path);
	}
	assert_int_equal(r, -ENAMETOOLONG);
	make_abort(&m);
}

static void an_opaque_marker_a_million_times_is_quick(void **state)
{
	struct flat_image *f;
	struct making m;
	char name[32];

	make_begin(&m);
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "d/%d", i);
		assert_int_equal(put_file(&m, name, "x"), 0);
	}
	for (int i = 0; i < 1000000; i++)
		assert_int_equal(put_opaque(&m, "d"), 0);
	f = make_end(&m);
	finish(&m, f);
}

static void an_image_may_have_all_the_layers_that_a_manifest_may(void **state)
{
	struct flat_image *f;
	struct making m;

	make_begin(&m);
	for (unsigned i = 0; i < OCI_LAYERS_MAX; i++) {
		assert_int_equal(put_file(&m, "f", i % 2 ? "odd" : "even"), 0);
		next_layer(&m);
	}
	f = make_end(&m);
	assert_string_equal(content_of(f, "f"), "odd");
	finish(&m, f);
}

static void names_are_sorted_across_blocks(void **state)
{
	struct flat_image *f;
	struct flat_node node;
	struct making m;
	char name[300];

	make_begin(&m);
	assert_int_equal(put_file(&m, "many/!bang", ""), 0);
	assert_int_equal(put_file(&m, "many/-dash", ""), 0);
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "many/%d%0*d", i, i % 200, 0);
		assert_int_equal(put_node(&m, name, S_IFREG | 0600, 0), 0);
	}
	f = make_end(&m);
	for (int i = 0; i < 3000; i += 7) {
		snprintf(name, sizeof name, "many/%d%0*d", i, i % 200, 0);
		assert_int_equal(flat_lookup(f, name, false, &node), 0);
	}
	assert_int_equal(flat_lookup(f, "many/-dash", false, &node), 0);
	assert_int_equal(flat_lookup(f, "many/none", false, &node), -ENOENT);
	finish(&m, f);
}

int run_layer_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_image_of_nothing_has_a_root),
		cmocka_unit_test(missing_parents_are_made),
		cmocka_unit_test(a_later_layer_replaces),
		cmocka_unit_test(markers_act_on_lower_layers_in_any_order),
		cmocka_unit_test(a_whiteout_does_not_go_through_its_own_layers_link),
		cmocka_unit_test(a_whiteout_of_nothing_is_nothing),
		cmocka_unit_test(hard_links_share_and_outlive_their_target),
		cmocka_unit_test(a_hard_link_may_take_its_targets_place),
		cmocka_unit_test(a_hard_link_to_nothing_is_refused),
		cmocka_unit_test(links_on_the_way_are_followed_inside_the_root),
		cmocka_unit_test(a_circle_of_links_is_refused),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(an_opaque_marker_a_million_times_is_quick),
		cmocka_unit_test(an_image_may_have_all_the_layers_that_a_manifest_may),
		cmocka_unit_test(names_are_sorted_across_blocks),
	};

	return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
