/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression on the way into a blob. The bytes depend on content and level alone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "images/layer/layer_internal.h"
#include "images/layer/toc_write.h"

#define OUT_SIZE    (256u << 10)
#define GZIP_LEVEL  6
#define GZIP_WINDOW (15 + 16) /* deflateInit2: the largest one, in gzip's wrapping */

struct encoder {
	enum compression kind;
	int level;
	struct blob_writer *blob;
	struct hasher *tar;    /* of what is added */
	struct frames *frames; /* zstd */
	struct toc *toc;
	z_stream gzip;
	bool gzip_open;
	size_t used; /* of out; not compressed */
	unsigned char out[OUT_SIZE];
};

static int zstd_begin(struct encoder *c, unsigned threads, struct image_error *e)
{
	c->toc = toc_new();
	if (!c->toc)
		return image_fail(e, -ENOMEM, "not enough memory to compress");
	return frames_new(c->level, threads, c->blob, c->tar, &c->frames, e);
}

static int gzip_begin(struct encoder *c, int level, struct image_error *e)
{
	if (level < 0 || level > Z_BEST_COMPRESSION)
		return image_fail(e, -EINVAL, "compression level %d: gzip has 1 to 9", level);
	if (deflateInit2(&c->gzip, level ? level : GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
		    Z_DEFAULT_STRATEGY) != Z_OK)
		return image_fail(e, -ENOMEM, "gzip: not enough memory");
	c->gzip_open = true;
	return 0;
}

int encoder_new(enum compression kind, int level, unsigned threads, struct blob_writer *blob,
	struct hasher *tar, struct encoder **out, struct image_error *e)
{
	struct encoder *c = calloc(1, sizeof *c);
	int r = 0;

	if (!c)
		return image_fail(e, -ENOMEM, "not enough memory to compress");
	c->kind = kind;
	c->level = level;
	c->blob = blob;
	c->tar = tar;
	if (kind == COMPRESS_ZSTD)
		r = zstd_begin(c, threads, e);
	else if (kind == COMPRESS_GZIP)
		r = gzip_begin(c, level, e);
	if (r)
		encoder_free(c);
	else
		*out = c;
	return r;
}

static int gzip_add(struct encoder *c, const void *data, size_t n, struct image_error *e)
{
	z_stream *z = &c->gzip;
	int r;

	z->next_in = (z_const Bytef *)data;
	z->avail_in = (uInt)n; /* the archive's blocks are small */
	do {
		z->next_out = c->out;
		z->avail_out = sizeof c->out;
		if (deflate(z, n ? Z_NO_FLUSH : Z_FINISH) == Z_STREAM_ERROR)
			return image_fail(e, -EIO, "gzip: the compressor failed");
		r = blob_add(c->blob, c->out, sizeof c->out - z->avail_out, e);
		if (r)
			return r;
	} while (!z->avail_out);
	return 0;
}

static int flush_plain(struct encoder *c, struct image_error *e)
{
	size_t n = c->used;

	c->used = 0;
	return n ? blob_add(c->blob, c->out, n, e) : 0;
}

/* Headers come one by one. */
static int plain_add(struct encoder *c, const void *data, size_t n, struct image_error *e)
{
	int r = n > sizeof c->out - c->used ? flush_plain(c, e) : 0;

	if (r)
		return r;
	if (n > sizeof c->out)
		return blob_add(c->blob, data, n, e);
	memcpy(c->out + c->used, data, n);
	c->used += n;
	return 0;
}

int encoder_add(struct encoder *c, const void *data, size_t n, struct image_error *e)
{
	if (!n)
		return 0;
	if (c->kind == COMPRESS_ZSTD)
		return frames_add(c->frames, data, n, e);
	hasher_add(c->tar, data, n);
	return c->kind == COMPRESS_GZIP ? gzip_add(c, data, n, e) : plain_add(c, data, n, e);
}

int encoder_member(struct encoder *c, const struct layer_entry *m, const char *name, uint64_t data,
	struct image_error *e)
{
	int r = c->toc ? toc_add(c->toc, m, name, data, e) : 0;

	if (c->toc && toc_is_none(c->toc))
		frames_untold(c->frames);
	return r;
}

void encoder_begin_file(struct encoder *c, uint64_t size)
{
	if (c->frames)
		frames_begin_file(c->frames, size);
}

void encoder_seek(struct encoder *c, uint64_t at)
{
	if (c->frames)
		frames_seek(c->frames, at);
}

void encoder_end_file(struct encoder *c)
{
	if (c->frames)
		frames_end_file(c->frames);
}

static int zstd_end(struct encoder *c, json_t **annotations, struct image_error *e)
{
	const struct frame *list;
	uint64_t end;
	size_t n;
	int r = frames_finish(c->frames, &list, &n, &end, e);

	return r ? r : toc_end(c->toc, list, n, end, c->level, c->blob, annotations, e);
}

int encoder_end(struct encoder *c, json_t **annotations, struct image_error *e)
{
	*annotations = NULL;
	switch (c->kind) {
	case COMPRESS_ZSTD:
		return zstd_end(c, annotations, e);
	case COMPRESS_GZIP:
		return gzip_add(c, NULL, 0, e);
	default:
		return flush_plain(c, e);
	}
}

void encoder_free(struct encoder *c)
{
	if (!c)
		return;
	frames_free(c->frames);
	toc_free(c->toc);
	if (c->gzip_open)
		deflateEnd(&c->gzip);
	free(c);
}
