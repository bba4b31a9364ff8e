/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "images/cli/verb.h"

#define MIB (1u << 20)

static const struct verb_common loud = {0};

static void work(const struct verb_common *c, uint64_t total)
{
	struct bar *b = bar_begin(c);

	usleep(250000); /* what is quicker shows nothing */
	progress_report(bar_progress(b), "layer 2 of 5", 40 * MIB, total);
	progress_report(bar_progress(b), "too soon after it", 41 * MIB, total);
	bar_end(b);
}

/* What a terminal of so many columns is sent. */
static const char *on_terminal(unsigned short cols, uint64_t total)
{
	static char out[2048];
	struct winsize w = {.ws_col = cols, .ws_row = 24};
	int master, slave, saved = dup(STDERR_FILENO);
	size_t got = 0;
	ssize_t n;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, &w), 0);
	dup2(slave, STDERR_FILENO);
	close(slave);
	setenv("TERM", "xterm", 1);
	work(&loud, total);
	dup2(saved, STDERR_FILENO);
	close(saved);
	/* it arrives in pieces; the end, now that nobody writes any more, is EIO */
	while ((n = read(master, out + got, sizeof out - 1 - got)) > 0)
		got += (size_t)n;
	close(master);
	out[got] = 0;
	return out;
}

static void line_fits_its_terminal(void **state)
{
	assert_string_equal(on_terminal(80, 100 * MIB),
		"\r\033[Klayer 2 of 5 [##############                     ]  40 %"
		"  40.0 MiB of 100.0 MiB\r\033[K");
}

static void narrow_terminals_lose_what_matters_least(void **state)
{
	assert_string_equal(on_terminal(50, 100 * MIB),
		"\r\033[Klayer 2 of 5  40 %  40.0 MiB of 100.0 MiB\r\033[K");
	assert_string_equal(
		on_terminal(33, 100 * MIB), "\r\033[Klayer 2 of 5 [####       ]  40 %\r\033[K");
	assert_string_equal(on_terminal(14, 100 * MIB), "\r\033[Klayer 2  40 %\r\033[K");
	assert_string_equal(on_terminal(5, 100 * MIB), "\r\033[K40 %\r\033[K");
	assert_string_equal(on_terminal(2, 100 * MIB), "\r\033[K4\r\033[K");
}

static void unknown_total_shows_what_is_done(void **state)
{
	assert_string_equal(on_terminal(80, 0), "\r\033[Klayer 2 of 5  40.0 MiB\r\033[K");
}

static void more_than_all_is_all(void **state)
{
	assert_non_null(strstr(on_terminal(80, 39 * MIB), " 100 %  40.0 MiB of 39.0 MiB"));
}

static void quiet_has_no_bar(void **state)
{
	struct verb_common quiet = {.quiet = true};
	struct bar *b = bar_begin(&quiet);

	assert_null(b);
	assert_null(bar_progress(b));
	bar_end(b);
}

static void closed_terminal_does_not_end_the_work(void **state)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		struct winsize w = {.ws_col = 80, .ws_row = 24};
		int master, slave;

		if (openpty(&master, &slave, NULL, NULL, &w))
			_exit(2);
		dup2(slave, STDERR_FILENO);
		close(master);
		setenv("TERM", "xterm", 1);
		work(&loud, 100 * MIB);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The first plain line comes after ten seconds: what counts here is that there is none before. */
static void pipes_are_not_drawn_on(void **state)
{
	int p[2], saved = dup(STDERR_FILENO);
	char c;

	assert_int_equal(pipe2(p, O_NONBLOCK), 0);
	dup2(p[1], STDERR_FILENO);
	work(&loud, 100 * MIB);
	dup2(saved, STDERR_FILENO);
	close(saved);
	assert_int_equal(read(p[0], &c, 1), -1);
	assert_int_equal(errno, EAGAIN);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_fits_its_terminal),
		cmocka_unit_test(narrow_terminals_lose_what_matters_least),
		cmocka_unit_test(unknown_total_shows_what_is_done),
		cmocka_unit_test(more_than_all_is_all),
		cmocka_unit_test(quiet_has_no_bar),
		cmocka_unit_test(closed_terminal_does_not_end_the_work),
		cmocka_unit_test(pipes_are_not_drawn_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
