/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/template_client.h"

#define TRY_MS 20 /* between looks at a child that has no pidfd */

/* -- start -- */

static size_t count(char **words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

static bool take_streams(const struct template_start *s)
{
	return dup2(s->in, STDIN_FILENO) >= 0 && dup2(s->out, STDOUT_FILENO) >= 0 &&
	       (s->err == STDERR_FILENO || dup2(s->err, STDERR_FILENO) >= 0);
}

/* The child, up to another program. */
__attribute__((noreturn)) static void become(const struct template_start *s, int fd)
{
	static char name[] = "sandbox", verb[] = "run", to[] = "--template-fd",
		    json[] = "--json-fd";
	char number[16], report[16], **args = calloc(count(s->words) + 7, sizeof *args);

	snprintf(number, sizeof number, "%d", fd);
	snprintf(report, sizeof report, "%d", s->report);
	setsid();
	if (args && take_streams(s) && !fcntl(fd, F_SETFD, 0) && !fcntl(s->report, F_SETFD, 0) &&
		!sigprocmask(SIG_SETMASK, s->signals, NULL)) {
		char *const first[] = {name, verb, to, number, json, report};

		memcpy(args, first, sizeof first);
		memcpy(args + 6, s->words, count(s->words) * sizeof *args);
		execv(s->program, args);
	}
	cli_say("serve: cannot start %s: %s", s->program, strerror(errno));
	_exit(POLICY_FAILED);
}

int template_start(struct template_client *t, const struct template_start *s)
{
	int ends[2], r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	t->pid = fork();
	if (!t->pid)
		become(s, ends[1]);
	r = t->pid < 0 ? -errno : 0;
	close(ends[1]);
	t->fd = ends[0];
	t->pidfd = r ? -1 : (int)syscall(SYS_pidfd_open, t->pid, 0);
	if (r)
		close(t->fd);
	return r;
}

/* -- messages -- */

/* Nobody here asks for the number of a clone's process. If it cannot be said, the next request
 * says it. */
static void forget(struct template_client *t)
{
	const struct template_message m = {.version = TEMPLATE_VERSION, .kind = TEMPLATE_TAKEN};
	ssize_t n = send(t->fd, &m, sizeof m, MSG_DONTWAIT | MSG_NOSIGNAL);

	(void)n;
}

int template_receive(struct template_client *t, struct template_message *m)
{
	ssize_t n;

	do
		n = recv(t->fd, m, sizeof *m, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (!n)
		return -EPIPE;
	if (n == sizeof *m && m->kind == TEMPLATE_CLONED && !m->error)
		forget(t);
	return n == sizeof *m && m->version == TEMPLATE_VERSION ? 0 : -EPROTO;
}

int template_clone(struct template_client *t, const int fds[TEMPLATE_FDS], uint64_t timeout_ns)
{
	struct template_message m = {
		.version = TEMPLATE_VERSION, .kind = TEMPLATE_CLONE, .timeout_ns = timeout_ns};
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(TEMPLATE_FDS * sizeof(int))];
	} control = {0};
	struct iovec part = {&m, sizeof m};
	struct msghdr h = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(TEMPLATE_FDS * sizeof(int));
	memcpy(CMSG_DATA(c), fds, TEMPLATE_FDS * sizeof(int));
	do
		n = sendmsg(t->fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* -- end -- */

static bool is_over(struct template_client *t, int *status)
{
	pid_t r = waitpid(t->pid, status, WNOHANG);

	return r == t->pid || (r < 0 && errno == ECHILD);
}

int template_end(struct template_client *t, int patience_ms)
{
	struct pollfd p = {.fd = t->pidfd, .events = POLLIN};
	int status = POLICY_FAILED << 8, waited = 0;

	close(t->fd);
	for (; !is_over(t, &status); waited += TRY_MS) {
		if (waited >= patience_ms)
			kill(t->pid, SIGKILL);
		poll(&p, 1, TRY_MS);
	}
	if (t->pidfd >= 0)
		close(t->pidfd);
	return waited > patience_ms ? -1 : status;
}
