/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/jail/jail_internal.h"

void jail_missing(struct launch_jail_state *st, const char *fmt, ...)
{
	(void)st;
	(void)fmt;
}

/* How a process ends that makes this call behind a template's filter. */
static int after_fcntl(int command, long arg)
{
	int status;
	pid_t pid = fork();

	if (!pid) {
		if (jail_thread(JAIL_SERVICE, JAIL_PROCESSES | JAIL_TEMPLATE, NULL, 0))
			_exit(1);
		fcntl(STDERR_FILENO, command, arg);
		_exit(0);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* F_SETOWN, F_SETSIG and O_ASYNC together send any signal to any process of the user. */
static void test_templates_have_no_signals_sent_by_descriptors(void **state)
{
	(void)state;
	assert_int_equal(after_fcntl(F_GETFL, 0), 0);
	assert_int_equal(WTERMSIG(after_fcntl(F_SETOWN, getpid())), SIGSYS);
	assert_int_equal(WTERMSIG(after_fcntl(F_SETFL, O_ASYNC)), SIGSYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_templates_have_no_signals_sent_by_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
