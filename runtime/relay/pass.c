/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/relay/pass.h"
#include "runtime/relay/peer.h"

#define ROOM	65536u
#define LOOK_MS 250 /* between looks at a server that only reads: nothing tells of its end */

/* One direction. What is in it is written before more is read: that holds back who sends. */
struct flow {
	int from, to;
	size_t start, end; /* of what is in data */
	bool over;	   /* nothing more comes */
	bool lost;	   /* it could not be written: nobody reads there any more */
	char data[ROOM];
};

static bool is_empty(const struct flow *f)
{
	return f->start == f->end;
}

static bool is_done(const struct flow *f)
{
	return f->over && is_empty(f);
}

static bool is_passing(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void take(struct flow *f)
{
	ssize_t n = read(f->from, f->data, ROOM);

	if (n < 0 && is_passing())
		return;
	f->start = 0;
	f->end = n > 0 ? (size_t)n : 0;
	f->over = n <= 0;
}

static void give(struct flow *f)
{
	ssize_t n = write(f->to, f->data + f->start, f->end - f->start);

	if (n > 0) {
		f->start += (size_t)n;
	} else if (n < 0 && !is_passing()) {
		f->start = f->end;
		f->lost = true;
	}
}

static void move(struct flow *f, bool readable)
{
	if (readable && is_empty(f) && !f->over)
		take(f);
	if (!is_empty(f))
		give(f);
}

static struct pollfd wish(int fd, bool reading, bool writing)
{
	return (struct pollfd){.fd = reading || writing ? fd : -1,
		.events = (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0))};
}

static bool can_read(const struct pollfd *p)
{
	return p->revents & (POLLIN | POLLHUP | POLLERR);
}

static void set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0)
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void pass_prepare(void)
{
	set_nonblocking(STDIN_FILENO);
	set_nonblocking(STDOUT_FILENO);
}

/* The end of what the server sends. Who has only that side closed goes on reading, and the client
 * learns of it by the end of stdout. False: it has closed all. */
static bool end_output(struct flow *out, int socket)
{
	if (!peer_reads(socket))
		return false;
	if (out->to >= 0)
		close(out->to);
	out->to = -1;
	return true;
}

enum pass_end pass(int socket)
{
	static struct flow in, out;
	struct pollfd p[3] = {{.revents = POLLIN}};
	bool told = false;

	set_nonblocking(socket);
	in.from = STDIN_FILENO;
	in.to = out.from = socket;
	out.to = STDOUT_FILENO;
	for (;;) {
		move(&in, can_read(&p[0]));
		move(&out, can_read(&p[1]));
		if (out.lost && is_done(&in))
			return PASS_CLOSED;
		if (is_done(&out) && (told || in.lost || !end_output(&out, socket)))
			return out.to < 0 && told ? PASS_BOTH_ENDED : PASS_CLOSED;
		in.over |= in.lost;
		if (is_done(&in) && !told) {
			told = !shutdown(socket, SHUT_WR) || errno == ENOTCONN;
			continue;
		}
		p[0] = wish(in.from, is_empty(&in) && !in.over, false);
		p[1] = wish(socket, is_empty(&out) && !out.over, !is_empty(&in));
		p[2] = wish(out.to, false, !is_empty(&out));
		poll(p, 3, is_done(&out) ? LOOK_MS : -1);
	}
}
