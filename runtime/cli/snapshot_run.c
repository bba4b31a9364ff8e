/* SPDX-License-Identifier: Apache-2.0
 *
 * The run that a snapshot is made of. Its streams are pipes, whatever ours are: those that it will
 * have are others, and pipes are what they mostly will be. This process passes on what comes, and
 * signals, and outlives it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/run_go.h"
#include "runtime/cli/snapshot_run.h"

enum { IN, OUT, ERR, ALIVE, PIPES };
enum { WATCH_OUT, WATCH_ERR, WATCH_SIGNALS, WATCHES };

struct snapshot_run {
	int pipe[PIPES][2];
	sigset_t before;
	int signals; /* signalfd */
	pid_t child;
	int signal; /* that came */
};

static int open_pipes(struct snapshot_run *r)
{
	for (int i = 0; i < PIPES; i++)
		if (pipe2(r->pipe[i], O_CLOEXEC))
			return -errno;
	return 0;
}

static int block_signals(struct snapshot_run *r)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGHUP);
	sigprocmask(SIG_BLOCK, &ours, &r->before);
	r->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	return r->signals < 0 ? -errno : 0;
}

/* The child. ALIVE hangs up when the parent is gone. */
__attribute__((noreturn)) static void run_child(
	struct snapshot_run *r, struct run_options *o, int fd)
{
	int code;

	dup2(r->pipe[IN][0], STDIN_FILENO);
	dup2(r->pipe[OUT][1], STDOUT_FILENO);
	dup2(r->pipe[ERR][1], STDERR_FILENO);
	for (int i = 0; i < PIPES; i++) {
		if (i != ALIVE)
			close(r->pipe[i][0]);
		close(r->pipe[i][1]);
	}
	close(r->signals);
	sigprocmask(SIG_SETMASK, &r->before, NULL);
	o->snapshot_fd = fd;
	o->until_fd = r->pipe[ALIVE][0];
	code = run_go(o);
	fflush(NULL);
	_exit(code);
}

/* false: it has ended. */
static bool pass_on(int from, int to)
{
	char text[16384];
	ssize_t n = read(from, text, sizeof text);

	if (n < 0)
		return errno == EINTR;
	for (ssize_t at = 0, done; at < n; at += done) {
		done = write(to, text + at, (size_t)(n - at));
		if (done < 0 && errno != EINTR)
			return true; /* nobody reads it: what is wanted is the snapshot */
		done = done < 0 ? 0 : done;
	}
	return n > 0;
}

/* A terminal's own has come to the child too. */
static void take_signals(struct snapshot_run *r)
{
	struct signalfd_siginfo si;

	while (read(r->signals, &si, sizeof si) == sizeof si) {
		r->signal = (int)si.ssi_signo;
		if (si.ssi_code != SI_KERNEL)
			kill(r->child, r->signal);
	}
}

static int await(struct snapshot_run *r)
{
	struct pollfd p[WATCHES] = {
		[WATCH_OUT] = {.fd = r->pipe[OUT][0], .events = POLLIN},
		[WATCH_ERR] = {.fd = r->pipe[ERR][0], .events = POLLIN},
		[WATCH_SIGNALS] = {.fd = r->signals, .events = POLLIN},
	};
	int status;

	while (p[WATCH_OUT].fd >= 0 || p[WATCH_ERR].fd >= 0) {
		if (poll(p, WATCHES, -1) < 0 && errno != EINTR)
			break;
		if (p[WATCH_OUT].revents && !pass_on(p[WATCH_OUT].fd, STDOUT_FILENO))
			p[WATCH_OUT].fd = -1;
		if (p[WATCH_ERR].revents && !pass_on(p[WATCH_ERR].fd, STDERR_FILENO))
			p[WATCH_ERR].fd = -1;
		if (p[WATCH_SIGNALS].revents)
			take_signals(r);
	}
	while (waitpid(r->child, &status, 0) < 0)
		if (errno != EINTR)
			return POLICY_FAILED;
	if (r->signal)
		return 128 + r->signal;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int snapshot_run(struct run_options *o, int fd)
{
	struct snapshot_run r = {.signals = -1};
	int err;

	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	err = open_pipes(&r);
	if (!err)
		err = block_signals(&r);
	if (!err) {
		r.child = fork();
		if (!r.child)
			run_child(&r, o, fd);
		err = r.child < 0 ? -errno : 0;
	}
	if (err) {
		cli_say("snapshot: %s", strerror(-err));
		return POLICY_FAILED;
	}
	close(r.pipe[IN][0]);
	close(r.pipe[OUT][1]);
	close(r.pipe[ERR][1]);
	close(r.pipe[ALIVE][0]);
	return await(&r);
}
