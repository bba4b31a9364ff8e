/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading directories: the host's getdents64 records, packed anew as the channel's.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define RECORD_HEAD offsetof(struct chan_dirent, name)

/* getdents64(2) */
struct host_dirent {
	uint64_t ino;
	int64_t off;
	uint16_t reclen;
	uint8_t type;
	char name[];
};

static size_t record_size(size_t namelen)
{
	return (RECORD_HEAD + namelen + 1 + 7) & ~(size_t)7;
}

/* Our header is a byte longer than the host's: of n host bytes at most n * 4/3 become ours. */
_Static_assert(sizeof(((struct service *)0)->scratch) / 3 * 4 <= CHAN_DATA_SIZE, "READDIR fits");

static uint32_t pack(uint8_t *out, const uint8_t *buf, size_t len, int64_t *pos)
{
	uint32_t used = 0;

	for (size_t i = 0; i < len;) {
		const struct host_dirent *d = (const void *)(buf + i);
		size_t n = strlen(d->name), size = record_size(n);
		struct chan_dirent head = {
			.ino = d->ino,
			.cookie = (uint64_t)d->off,
			.reclen = (uint16_t)size,
			.type = d->type,
			.namelen = (uint8_t)n,
		};

		if (n > 255 || used + size > CHAN_DATA_SIZE)
			break; /* neither happens; the caller seeks by cookie if it did */
		memset(out + used, 0, size);
		memcpy(out + used, &head, RECORD_HEAD);
		memcpy(out + used + RECORD_HEAD, d->name, n);
		used += (uint32_t)size;
		*pos = d->off;
		i += d->reclen;
	}
	return used;
}

int64_t readdir_op(struct request *rq)
{
	struct handle *h = rq->h;
	int64_t cookie = (int64_t)rq->msg->a[1];
	ssize_t n;

	if (h->kind != HANDLE_DIRFILE)
		return -ENOTDIR;
	/* From the start always seek, for only that makes some file systems look again. */
	if (!cookie || cookie != h->dir_pos) {
		if (lseek(h->fd, cookie, SEEK_SET) < 0)
			return -errno;
	}
	h->dir_pos = -1;
	n = getdents64(h->fd, rq->s->scratch, sizeof(rq->s->scratch));
	if (n < 0)
		return -errno;
	rq->msg->out_len = pack(rq->out, rq->s->scratch, (size_t)n, &h->dir_pos);
	return rq->msg->out_len;
}
