/* SPDX-License-Identifier: Apache-2.0
 * Reads a snapshot. Anybody may have made it: what is looked at is a private copy, and bounds come
 * before what they bound.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/snapshot/file_internal.h"

#define CHUNK (1u << 20)

struct reader {
	struct snapshot_file *f;
	char *why;
	size_t why_size;
};

static int refuse(const struct reader *r, int err, const char *text)
{
	snprintf(r->why, r->why_size, "%s", text);
	return err;
}

static int read_at(int fd, void *p, uint64_t n, uint64_t off)
{
	uint8_t *to = p;

	while (n) {
		ssize_t done = pread(fd, to, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EBADMSG;
		to += done;
		off += (uint64_t)done;
		n -= (uint64_t)done;
	}
	return 0;
}

static int refuse_read(const struct reader *r, int err)
{
	return refuse(r, err, err == -EBADMSG ? "is cut off" : strerror(-err));
}

/* -- the head -- */

static bool ends(const char *s, size_t n)
{
	return memchr(s, 0, n) != NULL;
}

static int check_head(const struct reader *r, const struct snapshot_head *h)
{
	const struct snapshot_needs *n = &h->needs;

	if (memcmp(h->magic, SNAPSHOT_MAGIC, sizeof(h->magic)) != 0)
		return refuse(r, -EBADMSG, "is not a snapshot, or was not written to its end");
	if (h->version != SNAPSHOT_VERSION || h->page != SNAPSHOT_PAGE)
		return refuse(r, -EBADMSG, "was made by another version of sandbox");
	if (h->sum != snapshot_sum(h, offsetof(struct snapshot_head, sum)))
		return refuse(r, -EBADMSG, "is damaged: its head");
	if (h->file_size > r->f->size)
		return refuse(r, -EBADMSG, "is cut off");
	if (h->file_size < r->f->size)
		return refuse(r, -EBADMSG, "is longer than it was made");
	if (!ends(n->backend, sizeof(n->backend)) || !ends(n->home, sizeof(n->home)) ||
		n->mem_size % SNAPSHOT_PAGE || n->mem_size > 1ull << 46)
		return refuse(r, -EBADMSG, "says nonsense: its head");
	return 0;
}

/* A copy of n * size bytes. */
static int take_range(
	const struct reader *r, const struct head_range *range, uint64_t max, uint8_t **out)
{
	uint64_t end;
	int err;

	if (range->size > max || range->off < SNAPSHOT_PAGE ||
		__builtin_add_overflow(range->off, range->size, &end) || end > r->f->size)
		return refuse(r, -EBADMSG, "says nonsense: its head");
	*out = malloc(range->size + 1);
	if (!*out)
		return refuse(r, -ENOMEM, strerror(ENOMEM));
	err = read_at(r->f->fd, *out, range->size, range->off);
	if (err)
		return refuse_read(r, err);
	if (snapshot_sum(*out, range->size) != range->sum)
		return refuse(r, -EBADMSG, "is damaged: what is before the memory");
	return 0;
}

/* -- extents -- */

static bool extent_ok(const struct snapshot_file *f, const struct snapshot_extent *e, uint64_t from)
{
	uint64_t end, file_end;

	return !((e->gpa | e->size | e->off) % SNAPSHOT_PAGE) && e->size && e->gpa >= from &&
	       e->off >= SNAPSHOT_PAGE && !__builtin_add_overflow(e->gpa, e->size, &end) &&
	       end <= f->needs.mem_size && !__builtin_add_overflow(e->off, e->stored, &file_end) &&
	       file_end <= f->size && e->stored && e->stored <= e->size &&
	       (e->stored == e->size || e->size <= SNAPSHOT_FRAME_MAX);
}

static int take_extents(const struct reader *r, const struct head_range *range)
{
	struct snapshot_file *f = r->f;
	uint8_t *bytes = NULL;
	uint64_t from = 0;
	int err;

	if (range->size % sizeof(*f->extent))
		return refuse(r, -EBADMSG, "says nonsense: its head");
	err = take_range(r, range, SNAPSHOT_EXTENTS_MAX * sizeof(*f->extent), &bytes);
	f->extent = (struct snapshot_extent *)(void *)bytes;
	if (err)
		return err;
	f->nextents = (uint32_t)(range->size / sizeof(*f->extent));
	for (uint32_t i = 0; i < f->nextents; i++) {
		if (!extent_ok(f, &f->extent[i], from))
			return refuse(r, -EBADMSG, "says nonsense: where its memory is");
		from = f->extent[i].gpa + f->extent[i].size;
	}
	return 0;
}

/* -- all -- */

static int read_all(const struct reader *r)
{
	struct snapshot_file *f = r->f;
	struct snapshot_head head;
	struct stat st;
	int err;

	if (fstat(f->fd, &st))
		return refuse(r, -errno, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(r, -EBADMSG, "is not a file");
	f->size = (uint64_t)st.st_size;
	if (f->size < sizeof(head))
		return refuse(r, -EBADMSG, "is not a snapshot, or was not written to its end");
	err = read_at(f->fd, &head, sizeof(head), 0);
	if (err)
		return refuse_read(r, err);
	err = check_head(r, &head);
	f->needs = head.needs;
	for (unsigned i = 0; i < SNAPSHOT_PARTS && !err; i++) {
		f->part[i].n = head.part[i].size;
		err = take_range(r, &head.part[i], SNAPSHOT_PART_MAX, &f->part[i].p);
	}
	return err ? err : take_extents(r, &head.extents);
}

int snapshot_file_open(struct snapshot_file *f, int fd, char *why, size_t why_size)
{
	const struct reader r = {f, why, why_size};
	int err;

	*f = (struct snapshot_file){.fd = fd};
	err = read_all(&r);
	if (err)
		snapshot_file_close(f);
	return err;
}

static int verify_extent(
	const struct snapshot_file *f, const struct snapshot_extent *e, XXH3_state_t *x, void *room)
{
	int err = 0;

	XXH3_64bits_reset(x);
	for (uint64_t at = 0, n; at < e->stored && !err; at += n) {
		n = e->stored - at < CHUNK ? e->stored - at : CHUNK;
		err = read_at(f->fd, room, n, e->off + at);
		XXH3_64bits_update(x, room, n);
	}
	return err ? err : XXH3_64bits_digest(x) == e->sum ? 0 : -EUCLEAN;
}

int snapshot_file_verify(const struct snapshot_file *f, char *why, size_t why_size)
{
	const struct reader r = {NULL, why, why_size};
	XXH3_state_t *x = XXH3_createState();
	void *room = malloc(CHUNK);
	int err = x && room ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < f->nextents && !err; i++)
		err = verify_extent(f, &f->extent[i], x, room);
	free(room);
	XXH3_freeState(x);
	if (err == -EUCLEAN)
		return refuse(&r, -EBADMSG, "is damaged: its memory");
	return err ? refuse_read(&r, err) : 0;
}

bool snapshot_file_packed(const struct snapshot_file *f)
{
	for (uint32_t i = 0; i < f->nextents; i++)
		if (f->extent[i].stored < f->extent[i].size)
			return true;
	return false;
}

int snapshot_file_unpack(const struct snapshot_file *f, const struct snapshot_extent *e,
	const struct snapshot_zstd *z, uint8_t *to)
{
	uint8_t *frame = malloc(e->stored);
	int err = frame ? read_at(f->fd, frame, e->stored, e->off) : -ENOMEM;

	if (!err && z->decompress(to, e->size, frame, e->stored) != e->size)
		err = -EBADMSG; /* an error is a larger number */
	free(frame);
	return err;
}

int snapshot_file_trust(int fd, char *why, size_t why_size)
{
	const struct reader r = {NULL, why, why_size};
	struct stat st;

	if (fstat(fd, &st))
		return refuse(&r, -errno, strerror(errno));
	if (st.st_uid != geteuid())
		return refuse(&r, -EPERM,
			"belongs to another user, who could have written into it what shall be "
			"granted");
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(&r, -EPERM,
			"can be written by others, who could have said in it what shall be "
			"granted");
	return 0;
}

void snapshot_file_close(struct snapshot_file *f)
{
	for (unsigned i = 0; i < SNAPSHOT_PARTS; i++)
		free(f->part[i].p);
	free(f->extent);
	*f = (struct snapshot_file){.fd = -1};
}
