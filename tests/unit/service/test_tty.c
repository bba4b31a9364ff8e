/* SPDX-License-Identifier: Apache-2.0
 *
 * Terminals, on a pseudo-terminal of our own; and STOP, in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

#define LFLAG_AT 12 /* c_lflag in the kernel's struct termios */

static int master, slave;

static uint64_t tty_open(struct world *w)
{
	int oflags;
	int64_t h;

	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	h = service_inherit(w->s, slave, &oflags);
	assert_true(h > 0);
	assert_int_equal(oflags, O_RDWR);
	return (uint64_t)h;
}

static void tty_close(void)
{
	close(master);
	close(slave);
}

static bool has_echo(void)
{
	struct termios t;

	assert_int_equal(tcgetattr(slave, &t), 0);
	return t.c_lflag & ECHO;
}

/* Turns ECHO off through the channel. */
static void echo_off(struct world *w, uint64_t h, uint64_t when)
{
	uint8_t mode[36];
	uint32_t lflag;

	assert_int_equal(call(w, TTY, h, CHAN_TTY_GETS), 0);
	assert_int_equal(w->msg.out_len, 36);
	memcpy(mode, w->out, 36);
	memcpy(&lflag, mode + LFLAG_AT, 4);
	lflag &= ~(uint32_t)ECHO;
	memcpy(mode + LFLAG_AT, &lflag, 4);
	assert_int_equal(call_data(w, CHAN_OP_TTY, mode, 36, h, CHAN_TTY_SETS, when, 0), 0);
}

static void test_mode(void **state)
{
	struct world *w = *state;
	uint64_t h = tty_open(w);

	assert_int_equal(call(w, GETATTR, h), 0);
	assert_int_equal(last_attr(w).flags, CHAN_ATTR_STREAM | CHAN_ATTR_TTY);
	assert_true(has_echo());
	for (uint64_t when = 0; when < 3; when++) {
		echo_off(w, h, when);
		assert_false(has_echo());
		service_restore_tty(w->s);
		assert_true(has_echo());
	}
	service_restore_tty(w->s); /* nothing to do */
	tty_close();
}

static void test_size_and_queues(void **state)
{
	struct world *w = *state;
	uint64_t h = tty_open(w);
	struct winsize ws = {.ws_row = 33, .ws_col = 99};
	int n;

	assert_int_equal(call_data(w, CHAN_OP_TTY, &ws, sizeof(ws), h, CHAN_TTY_SETWINSZ, 0, 0), 0);
	memset(&ws, 0, sizeof(ws));
	assert_int_equal(call(w, TTY, h, CHAN_TTY_GETWINSZ), 0);
	assert_int_equal(w->msg.out_len, sizeof(ws));
	memcpy(&ws, w->out, sizeof(ws));
	assert_int_equal(ws.ws_row, 33);
	assert_int_equal(write(master, "line\n", 5), 5);
	usleep(20000);
	assert_int_equal(call(w, TTY, h, CHAN_TTY_INQ), 0);
	memcpy(&n, w->out, sizeof(n));
	assert_int_equal(n, 5);
	assert_int_equal(call(w, TTY, h, CHAN_TTY_FLUSH, TCIFLUSH), 0);
	assert_int_equal(call(w, TTY, h, CHAN_TTY_INQ), 0);
	memcpy(&n, w->out, sizeof(n));
	assert_int_equal(n, 0);
	assert_int_equal(call(w, TTY, h, CHAN_TTY_OUTQ), 0);
	assert_int_equal(call(w, TTY, h, CHAN_TTY_DRAIN), 0);
	assert_int_equal(call(w, TTY, h, 99), -EINVAL);
	tty_close();
}

/* Never waits, whether nobody types or nobody reads. */
static void test_io(void **state)
{
	struct world *w = *state;
	uint64_t h = tty_open(w);
	int64_t n;

	assert_int_equal(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(call_io(w, CHAN_OP_READ, h, CHAN_OFF_STREAM, 0, 10), -EAGAIN);
	assert_int_equal(write(master, "hi\n", 3), 3);
	usleep(20000);
	assert_int_equal(call(w, POLL, h, POLLIN), POLLIN);
	assert_int_equal(call_io(w, CHAN_OP_READ, h, CHAN_OFF_STREAM, 0, 10), 3);
	memset(w->mem.ram, 'x', RAM_SIZE);
	do
		n = call_io(w, CHAN_OP_WRITE, h, CHAN_OFF_STREAM, 0, RAM_SIZE);
	while (n > 0);
	assert_int_equal(n, -EAGAIN);
	tty_close();
}

static void test_stop(void **state)
{
	struct world *w = *state;
	uint64_t h = tty_open(w);
	struct chan_event ev[2];
	pid_t child;
	int status;

	echo_off(w, h, 0);
	child = fork();
	if (!child) {
		bool ok = call(w, STOP, SIGSTOP) == 0 && !has_echo() &&
			  call(w, WAIT, 0) == 2 * sizeof(ev[0]);

		memcpy(ev, w->out, sizeof(ev));
		_exit(ok && ev[0].kind == CHAN_EV_SIGNAL && ev[0].value == SIGCONT &&
					ev[1].kind == CHAN_EV_WINCH
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	assert_true(has_echo()); /* as the shell left it */
	kill(child, SIGCONT);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	tty_close();
}

/* Status of a child that asks for a stop by SIGTSTP, after `leave` took it out of our group. */
static int tstp_status(struct world *w, int (*leave)(void))
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(leave() < 0 || call(w, STOP, SIGTSTP));
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	if (WIFSTOPPED(status)) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	return status;
}

static int leave_group(void)
{
	return setpgid(0, 0);
}

static int leave_session(void)
{
	return setsid() < 0 ? -1 : 0;
}

/* Where nobody could continue it, SIGTSTP does not stop: the host's kernel knows. */
static void test_stop_of_orphans(void **state)
{
	int job = tstp_status(*state, leave_group), orphan = tstp_status(*state, leave_session);

	assert_true(WIFSTOPPED(job) && WSTOPSIG(job) == SIGTSTP);
	assert_true(WIFEXITED(orphan) && !WEXITSTATUS(orphan));
}

TESTS(tty, WORLD_TEST(test_stop_of_orphans), WORLD_TEST(test_mode),
	WORLD_TEST(test_size_and_queues), WORLD_TEST(test_io), WORLD_TEST(test_stop));
