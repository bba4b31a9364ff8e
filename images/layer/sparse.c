/* SPDX-License-Identifier: Apache-2.0
 *
 * Long runs of zeros in a file. They are looked for in its content: what a file system calls a hole
 * depends on who copied the file there. Where it has one, it is not read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/layer/layer_internal.h"

#define GRAIN	4096u
#define RUN_MIN (64u << 10) /* shorter runs cost less than the entry that tells of them */
#define CHUNK	(256u << 10)

static int add(struct extents *x, uint64_t from, uint64_t to)
{
	struct extent *last = x->n ? &x->list[x->n - 1] : NULL;

	if (last && from - last->to < RUN_MIN) {
		last->to = to;
		return 0;
	}
	if (x->n == x->room) {
		size_t room = x->room ? x->room * 2 : 16;
		struct extent *list = reallocarray(x->list, room, sizeof *list);

		if (!list)
			return -ENOMEM;
		x->list = list;
		x->room = room;
	}
	if (!x->n && from < RUN_MIN)
		from = 0; /* a run at the start must be as long as any other */
	x->list[x->n++] = (struct extent){from, to};
	return 0;
}

static bool all_zero(const unsigned char *p, size_t n)
{
	return !*p && !memcmp(p, p + 1, n - 1);
}

static int add_chunk(struct extents *x, const unsigned char *buf, size_t n, uint64_t at)
{
	int r = 0;

	for (size_t i = 0; i < n && !r; i += GRAIN) {
		size_t part = n - i < GRAIN ? n - i : GRAIN;

		if (!all_zero(buf + i, part))
			r = add(x, at + i, at + i + part);
	}
	return r;
}

/* Where content may be again; size if nowhere. */
static uint64_t skip_hole(int fd, uint64_t base, uint64_t at, uint64_t size)
{
	off_t to = lseek(fd, (off_t)(base + at), SEEK_DATA);
	uint64_t data;

	if (to < 0)
		return errno == ENXIO ? size : at;
	data = (uint64_t)to - base;
	return data >= size ? size : data - data % GRAIN;
}

static ssize_t read_at(int fd, void *buf, size_t n, uint64_t at)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = pread(fd, (char *)buf + done, n - done, (off_t)(at + done));

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r < 0 ? -errno : (ssize_t)done;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

static int scan(int fd, uint64_t base, uint64_t size, unsigned char *buf, struct extents *x)
{
	uint64_t at = 0;

	while ((at = skip_hole(fd, base, at, size)) < size) {
		size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
		ssize_t got = read_at(fd, buf, n, base + at);
		int r = got > 0 ? add_chunk(x, buf, (size_t)got, at) : (int)got;

		if (r)
			return r;
		if ((size_t)got < n)
			return 0; /* shrunk: whoever reads it next will say so */
		at += n;
	}
	return 0;
}

int extents_find(int fd, uint64_t base, uint64_t size, struct extents *out)
{
	unsigned char *buf;
	int r;

	*out = (struct extents){0};
	if (size < RUN_MIN)
		return 0;
	buf = malloc(CHUNK);
	if (!buf)
		return -ENOMEM;
	r = scan(fd, base, size, buf, out);
	free(buf);
	if (!r && out->n && size - out->list[out->n - 1].to < RUN_MIN)
		out->list[out->n - 1].to = size;
	if (!r && !out->n)
		r = add(out, size, size); /* nothing but zeros */
	if (r || (out->n == 1 && !out->list[0].from && out->list[0].to == size))
		extents_free(out);
	return r;
}

void extents_free(struct extents *x)
{
	free(x->list);
	*x = (struct extents){0};
}
