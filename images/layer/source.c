/* SPDX-License-Identifier: Apache-2.0
 *
 * An archive's unpacked bytes: read from a descriptor, unpacked by a filter of libarchive, hashed
 * before and after it, and stopped where they cost more than the limits allow.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/layer/layer_internal.h"

#define READ_SIZE (256u << 10)
#define BLOCK	  512u /* of tar */

struct source {
	int fd;
	const char *what;
	struct layer_limits limits;
	const struct progress *progress;
	struct archive *filter; /* NULL: not compressed */
	struct hasher *packed_hash, *tar_hash;
	uint64_t packed, packed_total, unpacked;
	uint64_t zeros;	  /* at the end of what was unpacked so far */
	size_t peeked;	  /* in buf, read to see what it is, not handed out yet */
	bool packed_ends; /* read(2) said so */
	struct image_error error;
	unsigned char buf[READ_SIZE];
};

/* Fills buf. 0: the end. */
static ssize_t read_packed(struct source *s)
{
	ssize_t n;

	do
		n = read(s->fd, s->buf, sizeof s->buf);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return image_fail(
			&s->error, -errno, "%s: cannot be read: %s", s->what, strerror(errno));
	s->packed_ends = !n;
	s->packed += (uint64_t)n;
	hasher_add(s->packed_hash, s->buf, (size_t)n);
	progress_report(s->progress, s->what, s->packed, s->packed_total);
	return n;
}

static ssize_t next_packed(struct source *s, const void **data)
{
	size_t n = s->peeked;

	*data = s->buf;
	s->peeked = 0;
	return n ? (ssize_t)n : read_packed(s);
}

static la_ssize_t feed_filter(struct archive *a, void *arg, const void **data)
{
	struct source *s = arg;
	ssize_t n = next_packed(s, data);

	if (n < 0)
		archive_set_error(a, (int)-n, "read");
	return n;
}

static int compression_of(const unsigned char *b, size_t n)
{
	if (n >= 2 && b[0] == 0x1f && b[1] == 0x8b)
		return COMPRESS_GZIP;
	if (n >= 4 && b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd)
		return COMPRESS_ZSTD;
	if (n >= 4 && (b[0] & 0xf0) == 0x50 && b[1] == 0x2a && b[2] == 0x4d && b[3] == 0x18)
		return COMPRESS_ZSTD; /* begins with a frame to skip */
	return COMPRESS_NONE;
}

static int check_compression(struct source *s, int wanted, int *found)
{
	static const char *const names[] = {
		[COMPRESS_NONE] = "not compressed",
		[COMPRESS_GZIP] = "gzip",
		[COMPRESS_ZSTD] = "zstd",
	};
	ssize_t n = read_packed(s);

	if (n < 0)
		return (int)n;
	s->peeked = (size_t)n;
	*found = compression_of(s->buf, (size_t)n);
	if (wanted < 0 || wanted == *found)
		return 0;
	return image_fail(&s->error, -EBADMSG,
		"%s: its media type says %s, but by its first bytes it is %s", s->what,
		names[wanted], names[*found]);
}

/* One filter, by its name: no archive in an archive in an archive. */
static int open_filter(struct source *s, int compression)
{
	int filter = compression == COMPRESS_GZIP ? ARCHIVE_FILTER_GZIP : ARCHIVE_FILTER_ZSTD;
	struct archive_entry *entry;
	struct archive *a = archive_read_new();
	int r;

	s->filter = a;
	if (!a)
		return image_fail(&s->error, -ENOMEM, "%s: not enough memory", s->what);
	if (!archive_read_append_filter(a, filter) && !archive_read_support_format_raw(a) &&
		!archive_read_open(a, s, NULL, feed_filter, NULL)) {
		r = archive_read_next_header(a, &entry);
		if (r == ARCHIVE_OK)
			return 0;
		if (r == ARCHIVE_EOF)
			return image_fail(&s->error, -EBADMSG, "%s: is empty", s->what);
	}
	if (s->error.text[0])
		return -EIO;
	return image_fail(&s->error, -EBADMSG,
		"%s: damaged or cut short: nothing of it can be unpacked", s->what);
}

static int start(struct source *s, int compression)
{
	int found = COMPRESS_NONE, r;

	if (!s->packed_hash || !s->tar_hash)
		return image_fail(&s->error, -ENOMEM, "%s: not enough memory", s->what);
	r = check_compression(s, compression, &found);
	if (r || found == COMPRESS_NONE)
		return r;
	return open_filter(s, found);
}

int source_open(int fd, const char *what, int compression, uint64_t size,
	const struct layer_limits *limits, const struct progress *p, struct source **out,
	struct image_error *e)
{
	struct source *s = malloc(sizeof *s);
	int r;

	if (!s)
		return image_fail(e, -ENOMEM, "%s: not enough memory", what);
	memset(s, 0, offsetof(struct source, buf));
	s->fd = fd;
	s->what = what;
	s->limits = *limits;
	s->progress = p;
	s->packed_total = size == UINT64_MAX ? 0 : size;
	s->packed_hash = hasher_new();
	s->tar_hash = hasher_new();
	r = start(s, compression);
	if (r) {
		if (e)
			*e = s->error;
		source_close(s);
		return r;
	}
	*out = s;
	return 0;
}

static ssize_t next_unpacked(struct source *s, const void **data)
{
	int64_t offset;
	size_t n = 0;
	int r = ARCHIVE_OK;

	if (!s->filter)
		return next_packed(s, data);
	while (!n && r == ARCHIVE_OK)
		r = archive_read_data_block(s->filter, data, &n, &offset);
	if (r == ARCHIVE_EOF)
		return 0;
	if (r == ARCHIVE_OK)
		return (ssize_t)n;
	if (s->error.text[0])
		return -EIO;
	return image_fail(&s->error, -EBADMSG, "%s: damaged or cut short: %s", s->what,
		archive_error_string(s->filter));
}

static int check_cost(struct source *s)
{
	if (s->unpacked > s->limits.bytes)
		return image_fail(&s->error, -EFBIG,
			"%s: unpacks to more than the limit leaves, %llu bytes", s->what,
			(unsigned long long)s->limits.bytes);
	if (layer_is_bomb(&s->limits, s->unpacked, s->packed))
		return image_fail(&s->error, -EFBIG,
			"%s: unpacks to more than %llu times its size, as only bombs do", s->what,
			(unsigned long long)s->limits.ratio);
	return 0;
}

static void count_zeros(struct source *s, const unsigned char *data, size_t n)
{
	size_t i = n;

	while (i && !data[i - 1])
		i--;
	s->zeros = i ? n - i : s->zeros + n;
}

ssize_t source_next(struct source *s, const void **data)
{
	ssize_t n = next_unpacked(s, data);
	int r;

	if (n <= 0)
		return n;
	s->unpacked += (uint64_t)n;
	hasher_add(s->tar_hash, *data, (size_t)n);
	count_zeros(s, *data, (size_t)n);
	r = check_cost(s);
	return r ? r : n;
}

/* Behind the compressed stream, which its filter left alone. */
static int drain_packed(struct source *s)
{
	ssize_t n = 1;

	while (!s->packed_ends && n > 0)
		n = read_packed(s);
	return n < 0 ? (int)n : 0;
}

int source_drain(struct source *s, uint64_t end)
{
	const void *data;
	ssize_t n;

	do
		n = source_next(s, &data);
	while (n > 0);
	if (n < 0)
		return (int)n;
	if (s->zeros < s->unpacked - end)
		return image_fail(&s->error, -EBADMSG,
			"%s: something follows the end of the archive", s->what);
	return drain_packed(s);
}

uint64_t source_unpacked(const struct source *s)
{
	return s->unpacked;
}

bool source_ended_in_zeros(const struct source *s)
{
	return s->zeros >= BLOCK;
}

void source_digests(struct source *s, struct digest *packed, struct digest *tar)
{
	hasher_end(s->packed_hash, packed);
	hasher_end(s->tar_hash, tar);
	s->packed_hash = s->tar_hash = NULL;
}

const struct image_error *source_error(const struct source *s)
{
	return &s->error;
}

void source_close(struct source *s)
{
	if (s->packed_hash)
		hasher_end(s->packed_hash, NULL);
	if (s->tar_hash)
		hasher_end(s->tar_hash, NULL);
	archive_read_free(s->filter);
	free(s);
}
