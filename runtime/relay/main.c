/* SPDX-License-Identifier: Apache-2.0
 *
 * sandbox-relay: runs inside a template (docs/clones.md), as its first process, in the place of a
 * server that accepts connections by itself. Starts the server, waits until it has nothing to do
 * but to accept, and asks for stdin, which is where the template stops. In a clone it connects to
 * the server, passes on what stdin and stdout are, and ends, and the sandbox with it.
 *
 *	sandbox-relay WHERE MILLISECONDS FILE NAME [ARG...]
 *
 * WHERE: as listener_find has it. MILLISECONDS: for the server to get ready; 0: no limit. FILE is
 * executed as NAME. Nobody is trusted here: all of it is in the sandbox, with the server.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/relay/listener.h"
#include "runtime/relay/pass.h"
#include "runtime/relay/rest.h"

#define FAILED	    125 /* and a line has said why */
#define LOOK_MIN_NS 1000000l
#define LOOK_MAX_NS 20000000l
#define MS	    1000000u
#define FINISH_NS   2000000000u /* for what a server does when both sides have ended */

struct relay {
	const char *where, *name;
	uint64_t limit_ns, begun_ns; /* limit 0: none */
	pid_t server;
	bool ended; /* the server's first process, and so: */
	int status;
	struct listener listener;
};

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof line - 1, fmt, ap);
	va_end(ap);
	n = n < (int)sizeof line - 1 ? n : (int)sizeof line - 2;
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		n = 0; /* nobody listens */
	exit(FAILED);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* -- the server -- */

/* Its output goes where messages go: stdout is the client's. */
__attribute__((noreturn)) static void become(char **words)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null >= 0)
		dup2(null, STDIN_FILENO);
	else
		close(STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	execv(words[0], words + 1);
	fail("sandbox: %s: %s", words[1], strerror(errno));
}

static void start(struct relay *r, char **words)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1); /* of a daemon, whose parent ends */
	r->server = fork();
	if (!r->server)
		become(words);
	if (r->server < 0)
		fail("sandbox: cannot start %s: %s", r->name, strerror(errno));
	signal(SIGPIPE, SIG_IGN);
}

/* As the server did, so that its report is the right one. */
__attribute__((noreturn)) static void end_alike(const struct relay *r)
{
	if (WIFSIGNALED(r->status)) {
		signal(WTERMSIG(r->status), SIG_DFL);
		raise(WTERMSIG(r->status));
		exit(128 + WTERMSIG(r->status));
	}
	if (WEXITSTATUS(r->status) == FAILED)
		fail("sandbox: %s ended with exit code %d before it listened", r->name, FAILED);
	exit(WEXITSTATUS(r->status));
}

/* Children that lost their parents are ours. True: nobody is left. */
static bool reap(struct relay *r)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != r->server)
			continue;
		r->ended = true;
		r->status = status;
	}
	return pid < 0 && errno == ECHILD;
}

/* -- until it is ready -- */

/* One that went well and left others behind is a daemon. */
static void check_alive(struct relay *r)
{
	bool alone = reap(r);

	if (r->ended && (alone || r->status))
		end_alike(r);
}

__attribute__((noreturn)) static void say_late(
	const struct relay *r, enum listener_found found, const char *seen)
{
	double seconds = (double)r->limit_ns / 1e9;

	if (found == LISTENER_ONE)
		fail("sandbox: %s listens, but was never at rest within %.3g s (--accept-within)",
			r->name, seconds);
	if (*seen)
		fail("sandbox: %s did not listen on %s within %.3g s (--accept-within): it listens "
		     "on %s",
			r->name, *r->where ? r->where : "a port", seconds, seen);
	fail("sandbox: %s did not listen within %.3g s (--accept-within)", r->name, seconds);
}

/* A moment of sleep between two steps of a start looks like its end: twice is not by chance. */
static void wait_ready(struct relay *r)
{
	struct timespec pause = {.tv_nsec = LOOK_MIN_NS};
	char seen[LISTENER_SEEN_SIZE];
	enum listener_found found;
	unsigned rested = 0;

	for (;;) {
		check_alive(r);
		found = listener_find(r->where, &r->listener, seen);
		rested = found != LISTENER_NONE && rest_look() == REST_YES ? rested + 1 : 0;
		if (rested > 1 && found == LISTENER_ONE)
			return;
		if (rested > 1)
			fail("sandbox: %s listens on %s: --accept= says which is meant", r->name,
				seen);
		if (r->limit_ns && now_ns() - r->begun_ns >= r->limit_ns)
			say_late(r, found, seen);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < LOOK_MAX_NS)
			pause.tv_nsec += pause.tv_nsec / 2;
	}
}

/* -- in a clone -- */

/* Nothing tells when it is done with the connection, but that it waits for the next one does. */
static void wait_finished(void)
{
	const struct timespec pause = {.tv_nsec = LOOK_MIN_NS};
	uint64_t begun = now_ns();

	do
		nanosleep(&pause, NULL);
	while (rest_look() != REST_YES && now_ns() - begun < FINISH_NS);
}

static void serve(const struct relay *r)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int fd;

	pass_prepare();
	poll(&p, 1, 0); /* the template stops here */
	fd = listener_connect(&r->listener);
	if (fd < 0)
		fail("sandbox: %s listens, but takes no connection: %s", r->name, strerror(-fd));
	if (pass(fd) == PASS_BOTH_ENDED)
		wait_finished();
}

int main(int argc, char **argv)
{
	struct relay r = {.begun_ns = now_ns()};

	if (argc < 5)
		fail("sandbox: sandbox-relay is started by sandbox serve");
	r.where = argv[1];
	r.limit_ns = strtoull(argv[2], NULL, 10) * MS;
	r.name = argv[4];
	start(&r, argv + 3);
	wait_ready(&r);
	serve(&r);
	reap(&r);
	if (r.ended && WIFSIGNALED(r.status))
		end_alike(&r);
	return 0;
}
