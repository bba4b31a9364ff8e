/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the page goes, of which an earlier one stays until it is whole; by a writer that is killed
 * after each of its system calls in turn.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/whole.h"
#include "runtime/profile/output.h"
#include "tests/unit/profile/test_profile.h"

#define BEFORE "before"
#define AFTER  "<svg/>"

static char dir[64], page[80];

static int enter(void **state)
{
	strcpy(dir, "/var/tmp/unit-profile-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(page, sizeof page, "%s/profile.svg", dir);
	return 0;
}

/* Removes all that is there; how many it was. */
static unsigned clear(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
		n++;
	}
	closedir(d);
	return n;
}

static int leave(void **state)
{
	clear();
	return rmdir(dir);
}

static void put_before(void)
{
	int fd = open(page, O_WRONLY | O_CREAT | O_EXCL, 0644);

	assert_int_equal(write(fd, BEFORE, strlen(BEFORE)), strlen(BEFORE));
	close(fd);
}

static bool has(const char *text)
{
	char bytes[64] = "";
	int fd = open(page, O_RDONLY | O_NOFOLLOW);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof bytes - 1);

	if (fd >= 0)
		close(fd);
	return n >= 0 && !strcmp(bytes, text);
}

static int put_page(void)
{
	struct output o;
	int r = output_begin(&o, page);

	if (!r)
		r = output_put(&o, AFTER, strlen(AFTER));
	output_end(&o);
	return r;
}

static void test_a_page_is_made_and_replaced_by_the_next(void **state)
{
	mode_t mask = umask(027);
	struct stat st;

	assert_int_equal(put_page(), 0);
	umask(mask);
	assert_true(has(AFTER));
	assert_int_equal(stat(page, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(clear(), 1);
	put_before();
	assert_int_equal(put_page(), 0);
	assert_true(has(AFTER));
	assert_int_equal(clear(), 1);
}

static void test_a_link_that_comes_in_the_way_is_replaced(void **state)
{
	struct output o;

	assert_int_equal(output_begin(&o, page), 0);
	assert_int_equal(symlink("/nowhere/else", page), 0);
	assert_int_equal(output_put(&o, AFTER, strlen(AFTER)), 0);
	output_end(&o);
	assert_true(has(AFTER));
	assert_int_equal(clear(), 1);
}

/* Kills who puts a page after n of its system calls. Whether it had ended before. */
static bool put_and_kill(unsigned n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(put_page() != 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	for (unsigned i = 0; i < 2 * n && WIFSTOPPED(status); i++) { /* before and after each */
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), 0);
		return true;
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return false;
}

static void need_nameless(void)
{
	int fd = nameless_open(AT_FDCWD, dir, 0600);

	if (fd < 0)
		skip();
	close(fd);
}

static void test_who_is_killed_while_it_makes_a_page_leaves_it_whole_or_nothing(void **state)
{
	bool over = false;
	unsigned n = 0;

	need_nameless();
	for (; !over; n++) {
		unsigned whole;

		over = put_and_kill(n);
		whole = has(AFTER);
		assert_int_equal(clear(), whole);
	}
	assert_in_range(n, 5, 200);
}

/* Between its name of its own and the page's it is whole already. */
static void test_who_is_killed_while_it_replaces_a_page_leaves_the_one_or_the_other(void **state)
{
	unsigned n = 0, left = 0;
	bool over = false;

	need_nameless();
	for (; !over; n++) {
		put_before();
		over = put_and_kill(n);
		assert_true(has(BEFORE) || has(AFTER));
		left += clear() - 1;
	}
	assert_in_range(n, 5, 200);
	assert_in_range(left, 0, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter, leave)

int run_output_tests(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_page_is_made_and_replaced_by_the_next),
		TEST(test_a_link_that_comes_in_the_way_is_replaced),
		TEST(test_who_is_killed_while_it_makes_a_page_leaves_it_whole_or_nothing),
		TEST(test_who_is_killed_while_it_replaces_a_page_leaves_the_one_or_the_other),
	};

	return cmocka_run_group_tests_name("output", tests, NULL, NULL);
}
