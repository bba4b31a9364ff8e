/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/policy/test_policy.h"

static void add_link(struct view *v, const char *target, const char *text)
{
	struct launch_mount m = {
		.kind = LAUNCH_MOUNT_LINK, .target = target, .source = text, .fd = -1};

	assert_int_equal(view_add(v, &m, VIEW_DEFAULT), 0);
}

static void test_order(void **state)
{
	static const char *const targets[] = {"/a/b", "/a-b", "/", "/a/b/c", "/a", "/a!", "/b"};
	struct view v = {0};

	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
		assert_int_equal(view_add_tmpfs(&v, targets[i], 0755, VIEW_DEFAULT), 0);
	assert_int_equal(v.n, sizeof targets / sizeof *targets);
	assert_string_equal(v.mounts[0].target, "/");
	for (unsigned i = 0; i < v.n; i++)
		for (unsigned j = i + 1; j < v.n; j++)
			assert_false(path_within(v.mounts[i].target, v.mounts[j].target));
	assert_string_equal(view_covering(&v, "/a/b/x")->target, "/a/b");
	assert_string_equal(view_covering(&v, "/a-b/x")->target, "/a-b");
	assert_string_equal(view_covering(&v, "/x")->target, "/");
	view_clear(&v);
}

static void test_override(void **state)
{
	struct view v = {0};

	assert_int_equal(view_add_tmpfs(&v, "/x", 0755, VIEW_DEFAULT), 0);
	assert_int_equal(view_add_tmpfs(&v, "/x", 0700, VIEW_USER), 0);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.mounts[0].mode, 0700);
	assert_int_equal(view_add_tmpfs(&v, "/x", 0755, VIEW_DEFAULT), 0); /* the user's stays */
	assert_int_equal(v.mounts[0].mode, 0700);
	assert_int_equal(view_add_tmpfs(&v, "/x", 0711, VIEW_USER), 0); /* the last one wins */
	assert_int_equal(v.mounts[0].mode, 0711);
	assert_int_equal(view_add_tmpfs(&v, "/x/y", 0755, VIEW_DEFAULT), 0);
	assert_int_equal(view_add_tmpfs(&v, "/x/z", 0755, VIEW_USER), 0);
	view_drop_below(&v, "/x");
	assert_int_equal(v.n, 2);
	assert_string_equal(v.mounts[1].target, "/x/z");
	view_clear(&v);
}

static int look(const struct view *v, const char *path, char real[POLICY_PATH_MAX])
{
	struct view_node node;
	int r = view_lookup(v, path, &node);

	if (r)
		return r;
	strcpy(real, node.path);
	if (node.fd >= 0)
		close(node.fd);
	return 0;
}

static void test_lookup(void **state)
{
	char real[POLICY_PATH_MAX];
	struct view v = {0};

	assert_int_equal(mkdir("d", 0755) | mkdir("d/sub", 0755), 0);
	write_file("d/sub/f", "x", 1, 0644);
	assert_int_equal(symlink("sub/f", "d/rel") | symlink("/alias/sub", "d/abs") |
				 symlink("loop", "d/loop") | symlink("../../../host/sub", "d/up") |
				 symlink(scratch_dir, "d/out"),
		0);
	assert_int_equal(view_add_tmpfs(&v, "/", 0755, VIEW_DEFAULT), 0);
	assert_int_equal(view_add_host(&v, "d", "/host", false, VIEW_DEFAULT), 0);
	assert_int_equal(view_add_tmpfs(&v, "/deep/er", 0755, VIEW_DEFAULT), 0);
	add_link(&v, "/alias", "host");

	assert_int_equal(look(&v, "/", real), 0);
	assert_int_equal(look(&v, "/host/sub/f", real), 0);
	assert_int_equal(look(&v, "/host/rel", real), 0);
	assert_string_equal(real, "/host/sub/f");
	assert_int_equal(look(&v, "/alias/abs/f", real), 0);
	assert_string_equal(real, "/host/sub/f");
	assert_int_equal(look(&v, "/host/up/f", real), 0);
	assert_string_equal(real, "/host/sub/f");
	assert_int_equal(look(&v, "/deep", real), 0); /* there because of what is below */
	assert_int_equal(look(&v, "/host/sub/f/x", real), -ENOTDIR);
	assert_int_equal(look(&v, "/host/nothing", real), -ENOENT);
	assert_int_equal(look(&v, "/nothing", real), -ENOENT);
	assert_int_equal(look(&v, "/host/out/d", real), -ENOENT); /* a link to what is not seen */
	assert_int_equal(look(&v, "/host/loop", real), -ELOOP);
	view_clear(&v);
}

static void test_defaults(void **state)
{
	static const char *const never[] = {"/etc/shadow", "/etc/gshadow", "/etc/sudoers",
		"/etc/ssh", "/etc/machine-id", "/etc/ssl/private", "/etc", "/home", "/var", "/opt"};
	struct view v = {0};

	assert_int_equal(view_add_defaults(&v, "/home/someone"), 0);
	for (unsigned i = 0; i < v.n; i++) {
		for (size_t j = 0; j < sizeof never / sizeof *never; j++)
			assert_string_not_equal(v.mounts[i].target, never[j]);
		if (v.mounts[i].kind == LAUNCH_MOUNT_HOST) {
			assert_false(v.mounts[i].writable);
			assert_string_not_equal(v.mounts[i].target, "/sys");
		}
	}
	assert_false(v.mounts[0].writable);
	assert_string_equal(view_covering(&v, "/home/someone/x")->target, "/home/someone");
	assert_int_equal(view_covering(&v, "/home/someone")->mode, 0700);
	assert_int_equal(view_covering(&v, "/tmp")->mode, 01777);
	assert_int_equal(view_covering(&v, "/usr/bin/env")->kind, LAUNCH_MOUNT_HOST);
	assert_int_equal(view_covering(&v, "/proc/1")->kind, LAUNCH_MOUNT_PROC);
	view_clear(&v);
}

int run_view_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_override),
		cmocka_unit_test_setup_teardown(test_lookup, scratch_enter, scratch_leave),
		cmocka_unit_test(test_defaults),
	};

	return cmocka_run_group_tests_name("policy: view", tests, NULL, NULL);
}
