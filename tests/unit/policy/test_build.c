/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole configurations. The machine is a stand-in: nothing is started.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/policy/test_policy.h"

static const struct vm_ops stand_in = {.name = "stand-in"};
static const struct vm_ops stand_in_processes = {.name = "process", .processes = true};

int policy_machine_choose(const char *backend, const char *home, bool require_vm,
	struct policy_machine *out, struct policy_error *e)
{
	memset(out, 0, sizeof *out);
	out->backend = strcmp(backend, "process") ? &stand_in : &stand_in_processes;
	out->home = LAUNCH_HOME_HOST;
	return 0;
}

int machine_check_names(const char *backend, const char *home, struct policy_error *e)
{
	return 0;
}

static char *argv_true[] = {(char *)"true", NULL};

static struct policy_request request(void)
{
	struct policy_request r = {.program = "true",
		.argv = argv_true,
		.cpus = 1,
		.pids = 100,
		.mem = 64u << 20,
		.backend = "auto",
		.home = "auto"};

	return r;
}

static struct policy *build(const struct policy_request *r)
{
	struct policy_error e = {0};
	struct policy *p = NULL;
	int err = policy_build(r, &p, &e);

	if (err)
		print_message("%s\n", e.text);
	assert_int_equal(err, 0);
	return p;
}

static void refuse(const struct policy_request *r, int code, const char *says)
{
	struct policy_error e = {0};
	struct policy *p = NULL;

	assert_true(policy_build(r, &p, &e) < 0);
	print_message("%d %s\n", e.code, e.text);
	assert_int_equal(e.code, code);
	assert_non_null(strstr(e.text, says));
}

static const struct launch_mount *find(struct policy *p, const char *target)
{
	const struct launch_config *c = policy_config(p);

	for (unsigned i = 0; i < c->nmounts; i++)
		if (!strcmp(c->mounts[i].target, target))
			return &c->mounts[i];
	return NULL;
}

static void test_default(void **state)
{
	struct policy_request r = request();
	struct policy *p = build(&r);
	const struct launch_config *c = policy_config(p);

	assert_string_equal(c->cwd, scratch_dir);
	assert_non_null(find(p, scratch_dir));
	assert_false(find(p, scratch_dir)->writable);
	assert_string_equal(c->hostname, "sandbox");
	assert_int_equal(c->uid, getuid());
	assert_int_equal(c->rlimits[RLIMIT_CORE].rlim_cur, 0);
	assert_int_equal(c->rlimits[RLIMIT_NPROC].rlim_cur, 100);
	assert_true(c->rlimits[RLIMIT_NOFILE].rlim_cur <= 1024);
	assert_string_equal(environ_get(c->envp, "TMPDIR"), "/tmp");
	assert_null(environ_get(c->envp, "LINES"));
	policy_free(p);
}

static void test_env(void **state)
{
	const char *env[] = {"A=1", "UNIT_POLICY_PASSED", "UNIT_POLICY_UNSET", "PATH=/bin", "A=2"};
	struct policy_request r = request();
	struct policy *p;

	setenv("UNIT_POLICY_PASSED", "yes", 1);
	unsetenv("UNIT_POLICY_UNSET");
	r.env = env;
	r.nenv = sizeof env / sizeof *env;
	r.env_clear = true;
	p = build(&r);
	assert_string_equal(environ_get(policy_config(p)->envp, "A"), "2");
	assert_string_equal(environ_get(policy_config(p)->envp, "UNIT_POLICY_PASSED"), "yes");
	assert_null(environ_get(policy_config(p)->envp, "UNIT_POLICY_UNSET"));
	assert_null(environ_get(policy_config(p)->envp, "HOME"));
	assert_null(policy_config(p)->envp[3]);
	policy_free(p);
	env[0] = "=x";
	refuse(&r, 125, "--env =x");
}

static void test_grants(void **state)
{
	struct policy_grant g[] = {
		{.kind = POLICY_RW, .source = (char *)"."},
		{.kind = POLICY_RO, .source = (char *)"data", .target = (char *)"/etc"},
		{.kind = POLICY_TMPFS, .target = (char *)"/tmp", .size = 4096},
	};
	struct policy_request r = request();
	struct policy *p;

	assert_int_equal(mkdir("data", 0755) | mkdir("sub", 0755) | chdir("sub"), 0);
	g[0].source = (char *)"..";
	r.grants = g;
	r.ngrants = 3;
	g[1].source = (char *)"../data";
	p = build(&r);
	assert_true(find(p, scratch_dir)->writable);
	assert_string_equal(policy_config(p)->cwd + strlen(scratch_dir), "/sub");
	assert_null(find(p, policy_config(p)->cwd)); /* must not turn read-only again */
	assert_non_null(find(p, "/etc"));
	assert_null(find(p, "/etc/passwd")); /* what is given is all that is there */
	assert_int_equal(find(p, "/tmp")->size, 4096);
	policy_free(p);
	g[0].source = (char *)"/nothing";
	refuse(&r, 125, "--rw /nothing");
	g[0].source = (char *)".";
	g[0].target = (char *)"/proc/x";
	refuse(&r, 125, "/proc/x");
}

static void test_root(void **state)
{
	char *argv[] = {(char *)"/sh", NULL};
	struct policy_request r = request();
	struct policy *p;

	write_file("sh", "#!/sh2\n", 7, 0755);
	r.root = ".";
	r.program = argv[0];
	r.argv = argv;
	refuse(&r, 127, "interpreter /sh2");
	r.program = "/missing";
	refuse(&r, 127, "not found");
	r.root = "sh";
	refuse(&r, 125, "--root sh: not a directory");
	r.root = "/";
	r.program = "/bin/true";
	p = build(&r);
	assert_string_equal(policy_config(p)->cwd, "/");
	assert_int_equal(policy_config(p)->nmounts, 5); /* "/", /dev, /proc, /sys, /tmp */
	policy_free(p);
}

static void test_home_is_hidden(void **state)
{
	struct policy_request r = request();
	struct policy *p;

	setenv("HOME", scratch_dir, 1);
	p = build(&r);
	assert_int_equal(find(p, scratch_dir)->kind, LAUNCH_MOUNT_TMPFS);
	assert_non_null(strstr(policy_note(p), "home directory"));
	policy_free(p);
	assert_int_equal(mkdir("project", 0755) | chdir("project"), 0);
	p = build(&r);
	assert_string_equal(policy_note(p), "");
	assert_int_equal(find(p, policy_config(p)->cwd)->kind, LAUNCH_MOUNT_HOST);
	policy_free(p);
	setenv("HOME", "/root", 1);
}

/* A host file that is named but will not be there is worth a remark. */
static void test_named_files(void **state)
{
	char *argv[] = {(char *)"true", (char *)"--in=/etc/shadow", (char *)"/proc/self/status",
		(char *)"/etc/passwd", (char *)"here", (char *)"nowhere", NULL};
	struct policy_request r = request();
	struct policy *p;

	fclose(fopen("here", "w"));
	r.argv = argv;
	p = build(&r);
	assert_string_equal(policy_note(p),
		"the program did not see /etc/shadow, which its command "
		"line names: --ro /etc/shadow gives it");
	policy_free(p);
	argv[1] = (char *)"--in=/etc/passwd";
	p = build(&r);
	assert_string_equal(policy_note(p), "");
	policy_free(p);
}

static void test_program_outside(void **state)
{
	char path[POLICY_PATH_MAX + 16];
	struct policy_request r = request();
	struct policy *p;

	write_file("tool", "#!/bin/sh\n", 10, 0755);
	assert_int_equal(symlink("tool", "link"), 0);
	snprintf(path, sizeof path, "%s/link", scratch_dir);
	assert_int_equal(chdir("/"), 0);
	r.program = path;
	p = build(&r);
	assert_string_equal(policy_config(p)->program, path);
	assert_int_equal(find(p, path)->kind, LAUNCH_MOUNT_LINK);
	assert_int_equal(find(p, find(p, path)->source)->kind, LAUNCH_MOUNT_HOST);
	policy_free(p);
}

/* The user's program is found as ever, and then an argument. */
static void test_starter(void **state)
{
	static const char *const args[] = {"one", NULL};
	struct policy_starter starter = {"/bin/true", args};
	struct policy_request r = request();
	const struct launch_config *c;
	struct policy *p;

	r.starter = &starter;
	p = build(&r);
	c = policy_config(p);
	assert_string_equal(c->program, c->execfn);
	assert_string_equal(c->program, c->argv[0]);
	assert_int_equal(find(p, c->program)->kind, LAUNCH_MOUNT_HOST);
	assert_false(find(p, c->program)->writable);
	assert_string_equal(c->argv[1], "one");
	assert_string_equal(c->argv[2], policy_program(p));
	assert_string_equal(c->argv[3], "true");
	assert_null(c->argv[4]);
	policy_free(p);
	r.program = "./nothing";
	refuse(&r, POLICY_NOT_FOUND, "not found");
	r.program = "true";
	starter.file = "/nothing";
	refuse(&r, POLICY_FAILED, "/nothing");
}

static void test_cpus(void **state)
{
	struct policy_request r = request();
	struct policy *p;

	r.cpus = 2;
	p = build(&r);
	assert_int_equal(policy_config(p)->cpus, 2);
	policy_free(p);
}

static void test_refused(void **state)
{
	struct policy_request r = request();

	r.cpus = LAUNCH_CPUS_MAX + 1;
	refuse(&r, 125, "--cpus 65: want 1 to 64");
	r = request();
	r.mem = 1u << 20;
	refuse(&r, 125, "16 MiB");
	r = request();
	r.user = "no-such-user-here";
	refuse(&r, 125, "no-such-user-here");
	r.user = "0:no-such-group";
	refuse(&r, 125, "no-such-group");
	r = request();
	r.cwd = "/nowhere";
	refuse(&r, 125, "--cwd /nowhere");
	r = request();
	r.program = "\033[2Jx";
	refuse(&r, 127, "?[2Jx");
}

static void test_user(void **state)
{
	struct policy_request r = request();
	struct policy *p;

	r.user = "12345:54321";
	p = build(&r);
	assert_int_equal(policy_config(p)->uid, 12345);
	assert_int_equal(policy_config(p)->gid, 54321);
	assert_int_equal(policy_config(p)->ngroups, 0);
	policy_free(p);
	r.user = "root";
	p = build(&r);
	assert_int_equal(policy_config(p)->uid, 0);
	assert_string_equal(environ_get(policy_config(p)->envp, "USER"), "root");
	policy_free(p);
}

int run_build_tests(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_default, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_env, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_grants, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_root, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_home_is_hidden, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_named_files, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_program_outside, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_starter, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_cpus, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_refused, scratch_enter, scratch_leave),
		cmocka_unit_test_setup_teardown(test_user, scratch_enter, scratch_leave),
	};

	return cmocka_run_group_tests_name("policy: configuration", tests, NULL, NULL);
}
