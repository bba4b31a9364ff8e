/* SPDX-License-Identifier: Apache-2.0
 *
 * A writer killed before each of its system calls in turn.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/images/test_images.h"

/* Lets the child make n system calls, then kills it. Whether it ended before. */
static bool kill_after(pid_t pid, unsigned n)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSTOPPED(status));
	for (unsigned i = 0; i < 2 * n; i++) { /* a stop before and one after each */
		assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, NULL), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status)) {
			assert_int_equal(WEXITSTATUS(status), 0);
			return true;
		}
		assert_true(WIFSTOPPED(status));
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return false;
}

/* A new blob, one in two parts, and a name, all different each time. */
static int write_some(unsigned n)
{
	struct store_ref ref = {.media_type = OCI_MANIFEST};
	struct blob_writer *w;
	struct digest half;
	struct store *s;
	char text[32];
	uint64_t have;
	int r;

	snprintf(text, sizeof text, "resumed %u", n);
	digest_of(text, strlen(text), &half);
	snprintf(ref.name, sizeof ref.name, "app:%u", n);
	ref.size = strlen(ref.name);
	if (store_open("s", STORE_USE, false, &s, NULL))
		return 1;
	r = blob_resume(s, &half, &w, &have, NULL);
	if (!r)
		r = blob_add(w, text + have, strlen(text) - have, NULL) ||
		    blob_end(w, &half, strlen(text), NULL, NULL, NULL);
	if (!r)
		r = blob_put(s, ref.name, ref.size, &ref.digest, NULL) || store_set(s, &ref, NULL);
	store_close(s);
	return r != 0;
}

static int verify_one(void *arg, const struct digest *d, uint64_t size)
{
	struct image_error e = {""};

	if (blob_verify(arg, d, NULL, &e))
		fail_msg("%s", e.text);
	return 0;
}

/* Every name leads to a blob, every blob is what its name says. */
static void check_store(unsigned n)
{
	struct image_error e = {""};
	struct store_ref *refs;
	struct store *s;
	size_t count;
	int r = store_open("s", STORE_REMOVE, true, &s, &e);

	if (r == -ENOENT)
		return; /* it came not even so far */
	if (r)
		fail_msg("after %u calls: %s", n, e.text);
	if (store_list(s, &refs, &count, &e))
		fail_msg("after %u calls: %s", n, e.text);
	for (size_t i = 0; i < count; i++)
		assert_true(blob_has(s, &refs[i].digest));
	free(refs);
	assert_int_equal(blob_each(s, verify_one, s), 0);
	store_close(s);
}

static void kill_at_every_call(bool fresh)
{
	bool ended = false;
	unsigned n = 0;

	for (; !ended; n++) {
		pid_t pid;

		if (fresh)
			assert_int_equal(system("rm -rf s"), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (!pid) {
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
			raise(SIGSTOP);
			_exit(write_some(n));
		}
		ended = kill_after(pid, n);
		check_store(n);
	}
	assert_true(n > 30); /* there were calls to be killed at */
}

static void writer_killed_at_any_call_leaves_a_whole_store(void **state)
{
	store_close(store_here(STORE_USE));
	kill_at_every_call(false);
}

static void maker_of_a_store_killed_at_any_call_is_no_obstacle(void **state)
{
	kill_at_every_call(true);
	store_close(store_here(STORE_USE));
}

int group_kill(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SCRATCH(writer_killed_at_any_call_leaves_a_whole_store),
		WITH_SCRATCH(maker_of_a_store_killed_at_any_call_is_no_obstacle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
