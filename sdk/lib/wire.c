/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sdk/lib/fd.h"
#include "sdk/lib/sandbox_internal.h"
#include "sdk/lib/wire.h"

#define PATIENCE_NS 30000000000ull /* for one fork of the template's process */
#define ERRNO_MAX   4095

int wire_make(int *ours, int *theirs)
{
	int ends[2], err;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -1;
	*ours = fd_high(ends[0]);
	*theirs = *ours >= 0 ? fd_high(ends[1]) : -1;
	if (*theirs >= 0)
		return 0;
	err = errno;
	if (*ours < 0)
		close(ends[1]);
	fd_close(ours);
	errno = err;
	return -1;
}

/* One message of that kind, if there is one: 0 or -errno. Descriptors that come with it are not
 * taken. */
static int receive(int socket, uint32_t kind, struct template_message *m)
{
	ssize_t n;

	do
		n = recv(socket, m, sizeof *m, MSG_DONTWAIT | MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (!n)
		return -ECONNRESET;
	return n == sizeof *m && m->version == TEMPLATE_VERSION && m->kind == kind ? 0 : -EPROTO;
}

int wire_ready(int socket)
{
	struct template_message m;
	int r = receive(socket, TEMPLATE_READY, &m);

	return r == -EAGAIN ? 0 : r ? r : 1;
}

static int send_request(int socket, const int fds[TEMPLATE_FDS], uint64_t timeout_ns)
{
	struct template_message m = {
		.version = TEMPLATE_VERSION, .kind = TEMPLATE_CLONE, .timeout_ns = timeout_ns};
	union {
		struct cmsghdr align;
		char data[CMSG_SPACE(TEMPLATE_FDS * sizeof *fds)];
	} control = {0};
	struct iovec iov = {&m, sizeof m};
	struct msghdr h = {.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control.data};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	ssize_t n;

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(TEMPLATE_FDS * sizeof *fds);
	memcpy(CMSG_DATA(c), fds, TEMPLATE_FDS * sizeof *fds);
	do
		n = sendmsg(socket, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

static int wait_answer(int socket, struct template_message *m)
{
	const uint64_t end = sandbox_now_ns() + PATIENCE_NS;
	struct pollfd p = {.fd = socket, .events = POLLIN};

	for (;;) {
		uint64_t now;
		int r = receive(socket, TEMPLATE_CLONED, m);

		if (r != -EAGAIN)
			return r;
		now = sandbox_now_ns();
		if (now >= end)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((end - now) / 1000000) + 1) < 0 && errno != EINTR)
			return -errno;
	}
}

/* If it cannot be said the next request says it. */
void wire_taken(int socket)
{
	const struct template_message m = {.version = TEMPLATE_VERSION, .kind = TEMPLATE_TAKEN};
	ssize_t n = send(socket, &m, sizeof m, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)n;
}

int wire_clone(int socket, const int fds[TEMPLATE_FDS], uint64_t timeout_ns,
	struct wire_clone *made, bool *usable)
{
	struct template_message m;
	int r = send_request(socket, fds, timeout_ns);

	*usable = r && r != -EPIPE && r != -ECONNRESET;
	if (!r)
		r = wait_answer(socket, &m);
	if (r)
		return r;
	if (m.error > 0 || m.error < -ERRNO_MAX || (!m.error && m.pid <= 0) || m.leader < 0)
		return -EPROTO;
	*usable = true;
	*made = (struct wire_clone){m.pid, m.leader};
	return m.error;
}
