/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/flat/writer.h"

int out_begin(struct out *o, int fd, struct image_error *e)
{
	o->fd = fd;
	o->next = 1;
	o->stage = malloc(FLAT_STAGE);
	return o->stage ? 0 : image_fail(e, -ENOMEM, "out of memory for a flat image's buffer");
}

void out_end(struct out *o)
{
	free(o->stage);
	o->stage = NULL;
}

static int write_all(int fd, const uint8_t *data, size_t n, uint64_t at, struct image_error *e)
{
	while (n) {
		ssize_t done = pwrite(fd, data, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0) {
			int err = done < 0 ? errno : EIO;

			return image_fail(e, -err, "writing the flat image: %s", strerror(err));
		}
		data += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

int out_flush(struct out *o, struct image_error *e)
{
	int r = o->fd < 0 ? 0 : write_all(o->fd, o->stage, o->used, o->at, e);

	o->at += o->used;
	o->used = 0;
	return r;
}

int out_write(struct out *o, uint64_t at, const void *data, size_t n, struct image_error *e)
{
	const uint8_t *from = data;

	if (o->fd < 0)
		return 0;
	if (at != o->at + o->used) {
		int r = out_flush(o, e);

		if (r)
			return r;
		o->at = at;
	}
	while (n) {
		size_t part = FLAT_STAGE - o->used < n ? FLAT_STAGE - o->used : n;

		memcpy(o->stage + o->used, from, part);
		o->used += part;
		from += part;
		n -= part;
		if (o->used == FLAT_STAGE) {
			int r = out_flush(o, e);

			if (r)
				return r;
		}
	}
	return 0;
}

int out_reserve(struct out *o, uint64_t blocks, uint32_t *first, struct image_error *e)
{
	/* The last number says "hole" in tables. */
	if (blocks > UINT32_MAX - 1 - o->next)
		return image_fail(e, -EFBIG, "the flat image would be larger than 16 TiB");
	*first = (uint32_t)o->next;
	o->next += blocks;
	return 0;
}

static int write_zeros(int fd, uint64_t at, uint64_t end, struct image_error *e)
{
	static const uint8_t zeros[EROFS_BLOCK];
	int r = 0;

	for (; at < end && !r; at += sizeof zeros)
		r = write_all(fd, zeros, sizeof zeros, at, e);
	return r;
}

int out_discard(struct out *o, uint32_t first, uint64_t blocks, struct image_error *e)
{
	uint64_t at = (uint64_t)first * EROFS_BLOCK, n = blocks * EROFS_BLOCK;
	int r = out_flush(o, e);

	if (r || !n || o->fd < 0)
		return r;
	if (!fallocate(o->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n))
		return 0;
	return write_zeros(o->fd, at, at + n, e);
}
