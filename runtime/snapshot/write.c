/* SPDX-License-Identifier: Apache-2.0
 * Writes a snapshot, the head last: what is not complete has none. Inside the jail: no calls but
 * pwritev2(2).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/snapshot/file_internal.h"

#define CHUNK (4u << 20) /* between two looks at who wants to stop it */
#define LEVEL 3		 /* of zstd: its own default */

static int write_at(int fd, const void *p, uint64_t n, uint64_t off)
{
	const uint8_t *from = p;

	while (n) {
		const struct iovec iov = {(void *)(uintptr_t)from, n};
		ssize_t done = syscall(SYS_pwritev2, fd, &iov, 1L, off, 0L, 0L);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done <= 0)
			continue;
		from += done;
		off += (uint64_t)done;
		n -= (uint64_t)done;
	}
	return 0;
}

/* -- memory -- */

struct memory_writer {
	int fd;
	const struct snapshot_source *from;
	uint8_t *room; /* for a frame; or NULL: nothing is compressed */
	uint64_t off;
};

static int write_plain(struct memory_writer *w, struct snapshot_extent *e)
{
	const uint8_t *p = w->from->ram + e->gpa;
	int r = 0;

	e->stored = e->size;
	e->sum = snapshot_sum(p, e->size);
	for (uint64_t at = 0, n; at < e->size && !r; at += n) {
		n = e->size - at < CHUNK ? e->size - at : CHUNK;
		r = w->from->stop ? w->from->stop(w->from->arg) : 0;
		if (!r)
			r = write_at(w->fd, p + at, n, e->off + at);
	}
	return r;
}

/* Where it does not get smaller it stays as it is. */
static int write_frame(struct memory_writer *w, struct snapshot_extent *e)
{
	const struct snapshot_zstd *z = w->from->zstd;
	size_t n = z->compress(w->room, e->size - 1, w->from->ram + e->gpa, e->size, LEVEL);

	if (z->is_error(n))
		return write_plain(w, e);
	e->stored = n;
	e->sum = snapshot_sum(w->room, n);
	return w->from->stop && w->from->stop(w->from->arg) ? -EINTR
							    : write_at(w->fd, w->room, n, e->off);
}

static int write_extents(struct memory_writer *w)
{
	int r = 0;

	for (uint32_t i = 0; i < w->from->nextents && !r; i++) {
		struct snapshot_extent *e = &w->from->extent[i];

		e->off = w->off;
		r = w->room && e->size <= SNAPSHOT_FRAME_MAX ? write_frame(w, e)
							     : write_plain(w, e);
		w->off = snapshot_page_up(w->off + e->stored);
	}
	return r;
}

static bool page_is_full(const struct snapshot_extent *e)
{
	return e->stored % SNAPSHOT_PAGE == 0;
}

/* From *off on; that is then where it ends, at the end of a page. */
static int write_memory(int fd, const struct snapshot_source *from, uint64_t *off)
{
	struct memory_writer w = {.fd = fd, .from = from, .off = *off};
	static const uint8_t last;
	int r;

	if (from->zstd) {
		w.room = malloc(SNAPSHOT_FRAME_MAX);
		if (!w.room)
			return -ENOMEM;
	}
	r = write_extents(&w);
	if (!r && from->nextents && !page_is_full(&from->extent[from->nextents - 1]))
		r = write_at(fd, &last, 1, w.off - 1); /* the file has all of its last page */
	free(w.room);
	*off = w.off;
	return r;
}

static uint64_t place_parts(struct snapshot_head *h, const struct snapshot_source *from)
{
	uint64_t off = SNAPSHOT_PAGE;

	for (unsigned i = 0; i < SNAPSHOT_PARTS; i++) {
		h->part[i] = (struct head_range){
			off, from->part[i].n, snapshot_sum(from->part[i].p, from->part[i].n)};
		off += from->part[i].n;
	}
	h->extents.off = off;
	h->extents.size = from->nextents * sizeof(*from->extent);
	return snapshot_page_up(off + h->extents.size);
}

/* What lies before memory, whose last page is filled up. */
static int write_parts(int fd, const struct snapshot_source *from, const struct snapshot_head *h)
{
	static const uint8_t zeros[SNAPSHOT_PAGE];
	uint64_t end = h->extents.off + h->extents.size;
	int r = 0;

	for (unsigned i = 0; i < SNAPSHOT_PARTS && !r; i++)
		r = write_at(fd, from->part[i].p, from->part[i].n, h->part[i].off);
	if (!r)
		r = write_at(fd, from->extent, h->extents.size, h->extents.off);
	return r ? r : write_at(fd, zeros, snapshot_page_up(end) - end, end);
}

int snapshot_write(int fd, const struct snapshot_source *from)
{
	union {
		struct snapshot_head head;
		uint8_t page[SNAPSHOT_PAGE];
	} first = {.page = {0}};
	struct snapshot_head *h = &first.head;
	int r;

	memcpy(h->magic, SNAPSHOT_MAGIC, sizeof(h->magic));
	h->version = SNAPSHOT_VERSION;
	h->page = SNAPSHOT_PAGE;
	h->needs = *from->needs;
	h->file_size = place_parts(h, from);
	r = write_memory(fd, from, &h->file_size);
	h->extents.sum = snapshot_sum(from->extent, h->extents.size);
	if (!r)
		r = write_parts(fd, from, h);
	h->sum = snapshot_sum(h, offsetof(struct snapshot_head, sum));
	return r ? r : write_at(fd, first.page, sizeof(first), 0);
}

uint64_t snapshot_hash(const void *p, size_t n)
{
	return snapshot_sum(p, n);
}
