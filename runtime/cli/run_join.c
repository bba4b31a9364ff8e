/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/run_join.h"

#define JOIN_WRITTEN 'w' /* as runtime/trace/join.c answers */

/* The child: standard input is the launcher, standard output the trace, and messages go where the
 * launcher's go. */
__attribute__((noreturn)) static void become(int lines, int own, int out_fd, const char *home)
{
	char name[] = "sandbox", join[] = "join", kind[8], fd[16];
	char *args[] = {name, join, kind, fd, NULL};
	int in = dup(lines), out = dup(out_fd), err = dup(cli_said_to());

	snprintf(kind, sizeof kind, "%s", home);
	snprintf(fd, sizeof fd, "%d", own);
	if (in < 0 || out < 0 || err < 0 || dup2(in, STDIN_FILENO) < 0 ||
		dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(POLICY_FAILED);
	close(in);
	close(out);
	close(err);
	cli_say_to(STDERR_FILENO);
	_exit(cli_tool("sandbox-trace", "run", args));
}

static bool is_ready(int fd)
{
	char byte;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static int start(struct run_join *j, const char *home, int out_fd, const int end[2])
{
	pid_t pid = fork();
	int status;

	if (!pid)
		become(end[1], end[0], out_fd, home);
	close(end[1]);
	if (pid > 0 && is_ready(end[0]))
		j->lines = fdopen(end[0], "w");
	if (j->lines) {
		setvbuf(j->lines, j->buffer, _IOLBF, sizeof j->buffer);
		return 0;
	}
	close(end[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
		cli_say("--host: sandbox-trace could not be started"); /* else it said why */
	return POLICY_FAILED;
}

int run_join_start(struct run_join *j, const char *home, int out_fd)
{
	int end[2];

	if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end))
		return start(j, home, out_fd, end);
	cli_say("--host: %s", strerror(errno));
	return POLICY_FAILED;
}

void run_join_line(struct run_join *j, const char *kind, const char *text)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	fprintf(j->lines, "%" PRIu64 " %-7s %s\n",
		(uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, kind, text);
}

/* The jail has closed: it has neither read(2) nor always wait4(2). The child ends by itself. */
static char answer(int fd)
{
	char byte = 0;
	struct iovec v = {&byte, 1};
	ssize_t n;

	do
		n = preadv2(fd, &v, 1, -1, 0);
	while (n < 0 && errno == EINTR);
	return n == 1 ? byte : 0;
}

int run_join_end(struct run_join *j)
{
	bool ok = fputs("end\n", j->lines) >= 0 && !fflush(j->lines) && !ferror(j->lines) &&
		  answer(fileno(j->lines)) == JOIN_WRITTEN;

	fclose(j->lines);
	return ok ? 0 : -1;
}
