/* SPDX-License-Identifier: Apache-2.0
 * Writes a snapshot, the head last: what is not complete has none. Inside the jail: no calls but
 * pwritev2(2).
 */
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/snapshot/file_internal.h"

#define CHUNK (4u << 20) /* between two looks at who wants to stop it */

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

static int write_memory(int fd, const struct snapshot_source *from, const struct snapshot_extent *e)
{
	const uint8_t *p = from->ram + e->gpa;
	int r = 0;

	for (uint64_t at = 0, n; at < e->size && !r; at += n) {
		n = e->size - at < CHUNK ? e->size - at : CHUNK;
		r = from->stop ? from->stop(from->arg) : 0;
		if (!r)
			r = write_at(fd, p + at, n, e->off + at);
	}
	return r;
}

static void place_parts(struct snapshot_head *h, const struct snapshot_source *from)
{
	uint64_t off = SNAPSHOT_PAGE;

	for (unsigned i = 0; i < SNAPSHOT_PARTS; i++) {
		h->part[i] = (struct head_range){
			off, from->part[i].n, snapshot_sum(from->part[i].p, from->part[i].n)};
		off += from->part[i].n;
	}
	h->extents.off = off;
	h->extents.size = from->nextents * sizeof(*from->extent);
	off = snapshot_page_up(off + h->extents.size);
	for (uint32_t i = 0; i < from->nextents; i++) {
		struct snapshot_extent *e = &from->extent[i];

		e->off = off;
		e->sum = snapshot_sum(from->ram + e->gpa, e->size);
		off += e->size;
	}
	h->extents.sum = snapshot_sum(from->extent, h->extents.size);
	h->file_size = off;
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
	place_parts(h, from);
	h->sum = snapshot_sum(h, offsetof(struct snapshot_head, sum));
	r = write_parts(fd, from, h);
	for (uint32_t i = 0; i < from->nextents && !r; i++)
		r = write_memory(fd, from, &from->extent[i]);
	return r ? r : write_at(fd, first.page, sizeof(first), 0);
}

uint64_t snapshot_hash(const void *p, size_t n)
{
	return snapshot_sum(p, n);
}
