/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/stream.h"

#define CHUNK 16384u

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Room for `more` bytes and a NUL. */
static bool make_room(struct sink *s, size_t more)
{
	size_t want = s->size + more + 1, room = s->room ? s->room : 4096;
	char *data;

	if (want <= s->room)
		return true;
	while (room < want)
		room *= 2;
	data = realloc(s->data, room);
	if (!data)
		return false;
	data[s->size] = 0; /* a read may find nothing */
	s->data = data;
	s->room = room;
	return true;
}

static ssize_t read_some(int fd, void *buf, size_t n)
{
	ssize_t r;

	do
		r = read(fd, buf, n);
	while (r < 0 && errno == EINTR);
	return r;
}

/* One read: into the collection if that still has room, else to the callback or nowhere. Room is
 * made first: what was read can not be put back. */
static int take_once(struct sink *s, size_t most, ssize_t *n, struct sb_error **error)
{
	size_t keep = s->write ? 0 : smaller(s->limit - s->size, smaller(most, CHUNK));
	char chunk[CHUNK];

	if (keep && !make_room(s, keep))
		return error_no_memory(error);
	*n = read_some(s->fd, keep ? s->data + s->size : chunk, keep ? keep : smaller(most, CHUNK));
	if (*n < 0)
		return errno == EAGAIN ? 0
				       : error_system(error, "read", errno, "cannot read output");
	if (!*n)
		fd_close(&s->fd);
	if (s->limit || s->write)
		s->total += (size_t)*n;
	if (keep) {
		s->size += (size_t)*n;
		s->data[s->size] = 0;
	} else if (s->write && *n && !s->refused) {
		s->refused = s->write(s->arg, chunk, (size_t)*n);
	}
	return 0;
}

int sink_take(struct sink *s, size_t most, struct sb_error **error)
{
	while (s->fd >= 0 && most) {
		ssize_t n;
		int r = take_once(s, most, &n, error);

		if (r || n <= 0)
			return r;
		most -= (size_t)n;
	}
	return 0;
}

void sink_clear(struct sink *s)
{
	fd_close(&s->fd);
	free(s->data);
	s->data = NULL;
}

/* write(2) without the SIGPIPE that it raises when nobody reads any more. One that was pending
 * before stays so. */
static ssize_t write_quietly(int fd, const void *data, size_t n)
{
	const struct timespec now = {0};
	sigset_t pipe_only, pending, old;
	ssize_t r;
	int err;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
	r = write(fd, data, n);
	err = errno;
	if (r < 0 && err == EPIPE && !sigismember(&pending, SIGPIPE))
		while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = err;
	return r;
}

/* False at the end of all that there is. */
static bool refill(struct source *s)
{
	ptrdiff_t n = s->read ? s->read(s->arg, s->chunk, SOURCE_CHUNK) : 0;

	s->at = 0;
	s->size = n > 0 && (size_t)n <= SOURCE_CHUNK ? (size_t)n : 0;
	return s->size;
}

bool source_load(struct source *s, const void *data, size_t size)
{
	char *chunk = malloc(size + 1);

	if (!chunk)
		return false;
	free(s->chunk);
	s->chunk = chunk;
	if (size)
		memcpy(s->chunk, data, size);
	s->size = size;
	return true;
}

int source_give(struct source *s, size_t most, struct sb_error **error)
{
	for (size_t given = 0; s->fd >= 0 && given < most;) {
		ssize_t n;

		if (s->at == s->size && !refill(s)) {
			fd_close(&s->fd);
			return 0;
		}
		n = write_quietly(s->fd, s->chunk + s->at, s->size - s->at);
		if (n > 0) {
			s->at += (size_t)n;
			given += (size_t)n;
		} else if (errno == EPIPE) {
			fd_close(&s->fd); /* it reads no more, which is its right */
		} else if (errno == EAGAIN) {
			return 0;
		} else if (errno != EINTR) {
			return error_system(error, "write", errno, "cannot write input");
		}
	}
	return 0;
}

void source_clear(struct source *s)
{
	fd_close(&s->fd);
	free(s->chunk);
	s->chunk = NULL;
}
