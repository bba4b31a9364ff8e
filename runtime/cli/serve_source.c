/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/serve_internal.h"

#define GATHER_PIECE 16384u

uint64_t serve_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int source_add(struct server *s, struct source *source)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = source};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, source->fd, &e) ? -errno : 0;
}

void source_close(struct server *s, struct source *source)
{
	if (source->fd < 0)
		return;
	/* not left to close: others may have the same file */
	epoll_ctl(s->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	close(source->fd);
	source->fd = -1;
}

int gather_add(struct server *s, struct gather *g, int fd, void (*ready)(struct server *, void *),
	void *of)
{
	g->source = (struct source){fd, ready, of};
	if (fcntl(fd, F_SETFL, O_NONBLOCK))
		return -errno;
	return source_add(s, &g->source);
}

static void gather_keep(struct gather *g, const char *piece, size_t n)
{
	char *text =
		g->cut || g->size + n > SERVE_REPORT_MAX ? NULL : realloc(g->text, g->size + n);

	if (!text) {
		g->cut = true;
		return;
	}
	memcpy(text + g->size, piece, n);
	g->text = text;
	g->size += n;
}

bool gather_more(struct server *s, struct gather *g)
{
	char piece[GATHER_PIECE];
	ssize_t n = read(g->source.fd, piece, sizeof piece);

	if (n > 0)
		gather_keep(g, piece, (size_t)n);
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return false;
	source_close(s, &g->source);
	return true;
}

void gather_clear(struct server *s, struct gather *g)
{
	source_close(s, &g->source);
	free(g->text);
	g->text = NULL;
	g->size = 0;
}
