/* SPDX-License-Identifier: Apache-2.0
 *
 * Compression on the way into a blob. The bytes depend on content and level alone. zstd always has
 * at least one worker: with none it cuts its input in another way than with any number of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <zlib.h>
#include <zstd.h>

#include "images/layer/layer_internal.h"

#define OUT_SIZE       (256u << 10)
#define ZSTD_JOB_SIZE  (4 << 20) /* what one worker compresses at a time: part of the result */
#define ZSTD_LEVEL     3
#define ZSTD_LEVEL_MAX 19 /* above it, readers need more memory than they are ready to take */
#define GZIP_LEVEL     6
#define GZIP_WINDOW    (15 + 16) /* deflateInit2: the largest one, in gzip's wrapping */
#define WORKERS_MAX    64u

struct encoder {
	enum compression kind;
	struct blob_writer *blob;
	ZSTD_CCtx *zstd;
	z_stream gzip;
	bool gzip_open;
	unsigned char out[OUT_SIZE];
};

static unsigned workers(unsigned wanted)
{
	long n = wanted ? (long)wanted : sysconf(_SC_NPROCESSORS_ONLN);

	return n < 1 ? 1 : n > (long)WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static bool zstd_set(ZSTD_CCtx *z, ZSTD_cParameter p, int value)
{
	return !ZSTD_isError(ZSTD_CCtx_setParameter(z, p, value));
}

static int zstd_begin(struct encoder *c, int level, unsigned threads, struct image_error *e)
{
	if (level < 0 || level > ZSTD_LEVEL_MAX)
		return image_fail(e, -EINVAL, "compression level %d: zstd has 1 to %d", level,
			ZSTD_LEVEL_MAX);
	c->zstd = ZSTD_createCCtx();
	if (!c->zstd || !zstd_set(c->zstd, ZSTD_c_compressionLevel, level ? level : ZSTD_LEVEL) ||
		!zstd_set(c->zstd, ZSTD_c_checksumFlag, 1) ||
		!zstd_set(c->zstd, ZSTD_c_nbWorkers, (int)workers(threads)) ||
		!zstd_set(c->zstd, ZSTD_c_jobSize, ZSTD_JOB_SIZE))
		return image_fail(e, -ENOMEM, "zstd: cannot start a compressor with threads");
	return 0;
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
	struct encoder **out, struct image_error *e)
{
	struct encoder *c = calloc(1, sizeof *c);
	int r = 0;

	if (!c)
		return image_fail(e, -ENOMEM, "not enough memory to compress");
	c->kind = kind;
	c->blob = blob;
	if (kind == COMPRESS_ZSTD)
		r = zstd_begin(c, level, threads, e);
	else if (kind == COMPRESS_GZIP)
		r = gzip_begin(c, level, e);
	if (r)
		encoder_free(c);
	else
		*out = c;
	return r;
}

static int zstd_add(struct encoder *c, const void *data, size_t n, struct image_error *e)
{
	ZSTD_inBuffer in = {data, n, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {c->out, sizeof c->out, 0};
		int r;

		left = ZSTD_compressStream2(c->zstd, &out, &in, n ? ZSTD_e_continue : ZSTD_e_end);
		if (ZSTD_isError(left))
			return image_fail(e, -EIO, "zstd: %s", ZSTD_getErrorName(left));
		r = out.pos ? blob_add(c->blob, c->out, out.pos, e) : 0;
		if (r)
			return r;
	} while (n ? in.pos < in.size : left > 0);
	return 0;
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

int encoder_add(struct encoder *c, const void *data, size_t n, struct image_error *e)
{
	switch (c->kind) {
	case COMPRESS_ZSTD:
		return zstd_add(c, data, n, e);
	case COMPRESS_GZIP:
		return gzip_add(c, data, n, e);
	default:
		return n ? blob_add(c->blob, data, n, e) : 0;
	}
}

void encoder_free(struct encoder *c)
{
	if (!c)
		return;
	ZSTD_freeCCtx(c->zstd);
	if (c->gzip_open)
		deflateEnd(&c->gzip);
	free(c);
}
