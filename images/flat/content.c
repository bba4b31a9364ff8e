/* SPDX-License-Identifier: Apache-2.0
 *
 * Content of regular files on its way to the image. A file gets blocks one after the other as its
 * data comes; nothing is known of its holes before they come. So each file begins with a table of
 * chunks, all of them holes, and most lose it at the end: theirs is one run of blocks.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "images/flat/writer.h"

static uint64_t blocks_of(uint64_t size)
{
	return size / EROFS_BLOCK + (size % EROFS_BLOCK ? 1 : 0);
}

static uint32_t chunks_of(uint64_t blocks, unsigned bits)
{
	return (uint32_t)((blocks + (1ull << bits) - 1) >> bits);
}

int content_begin(struct flat_writer *w, struct node *file, struct image_error *e)
{
	struct content *c = &w->content;
	uint64_t blocks = blocks_of(file->size), tail = file->size % EROFS_BLOCK;
	unsigned bits = 0;

	if (blocks >= EROFS_HOLE)
		return image_fail(
			e, -EFBIG, "a file of %" PRIu64 " bytes; at most 16 TiB fit", file->size);
	while ((blocks + (1ull << bits) - 1) >> bits > FLAT_CHUNKS_MAX)
		bits++;
	file->chunk_bits = (uint8_t)bits;
	file->layout = EROFS_PLAIN;
	if (tail && !bits && content_fits(file, tail) && tail <= FLAT_TAILS_MAX - w->tails)
		file->layout = EROFS_INLINE;
	c->file = file;
	c->end = c->block = 0;
	c->dirty = false;
	c->nblocks = blocks - (file->layout == EROFS_INLINE ? 1 : 0);
	c->nmap = chunks_of(blocks, bits);
	memset(c->map, 0xff, c->nmap * sizeof *c->map);
	memset(c->page, 0, sizeof c->page);
	return 0;
}

/* Where the file's block is in the image; gets its place now if it has none. */
static int place(struct flat_writer *w, uint64_t block, uint64_t *at, struct image_error *e)
{
	struct content *c = &w->content;
	unsigned bits = c->file->chunk_bits;
	uint64_t first = block >> bits << bits, most = 1ull << bits;
	uint32_t *chunk = &c->map[block >> bits];
	int r = 0;

	if (*chunk == EROFS_HOLE)
		r = out_reserve(
			&w->out, c->nblocks - first < most ? c->nblocks - first : most, chunk, e);
	*at = (*chunk + (block - first)) * EROFS_BLOCK;
	return r;
}

static int put_block(struct flat_writer *w, uint64_t block, const void *data, struct image_error *e)
{
	uint64_t at;
	int r = place(w, block, &at, e);

	return r ? r : out_write(&w->out, at, data, EROFS_BLOCK, e);
}

/* The page is full, or data goes on elsewhere. An inline tail stays: it is the last. */
static int turn_page(struct flat_writer *w, uint64_t block, struct image_error *e)
{
	struct content *c = &w->content;
	int r = 0;

	if (c->dirty)
		r = put_block(w, c->block, c->page, e);
	memset(c->page, 0, sizeof c->page);
	c->dirty = false;
	c->block = block;
	return r;
}

int content_add(
	struct flat_writer *w, const void *data, size_t n, uint64_t offset, struct image_error *e)
{
	struct content *c = &w->content;
	const uint8_t *from = data;
	int r = 0;

	if (!c->file || offset < c->end || offset > c->file->size || n > c->file->size - offset)
		return image_fail(e, -EINVAL, "content beyond the file's size or out of order");
	while (n && !r) {
		uint64_t block = offset / EROFS_BLOCK;
		size_t in = offset % EROFS_BLOCK,
		       part = EROFS_BLOCK - in < n ? EROFS_BLOCK - in : n;

		if (block != c->block)
			r = turn_page(w, block, e);
		if (!r && part == EROFS_BLOCK) {
			r = put_block(w, block, from, e);
		} else {
			memcpy(c->page + in, from, part);
			c->dirty = true;
		}
		from += part;
		offset += part;
		n -= part;
	}
	c->end = offset;
	return r;
}

static bool has_holes(const struct content *c)
{
	uint32_t need = chunks_of(c->nblocks, c->file->chunk_bits);

	for (uint32_t i = 0; i < need; i++)
		if (c->map[i] == EROFS_HOLE)
			return true;
	return false;
}

static int keep_map(struct flat_writer *w, struct image_error *e)
{
	struct content *c = &w->content;
	struct node *f = c->file;
	uint64_t size = c->nmap * sizeof *c->map;
	int r = tree_charge(&w->tree, size, e);

	if (r)
		return r;
	f->map = malloc(size);
	if (!f->map) {
		w->tree.bytes -= size;
		return image_fail(e, -ENOMEM, "out of memory for the table of a file with holes");
	}
	memcpy(f->map, c->map, size);
	f->nmap = c->nmap;
	f->layout = EROFS_CHUNKS;
	return 0;
}

static int keep_tail(struct flat_writer *w, struct image_error *e)
{
	struct node *f = w->content.file;
	uint32_t size = (uint32_t)(f->size % EROFS_BLOCK);

	f->tail = malloc(size);
	if (!f->tail)
		return image_fail(e, -ENOMEM, "out of memory for the end of a file");
	memcpy(f->tail, w->content.page, size);
	f->tail_size = size;
	w->tails += size;
	return 0;
}

/* What waits for an inline place: it has one, or its file has holes and so a table, which knows
 * whole blocks only. */
static int end_inline(struct flat_writer *w, struct image_error *e)
{
	struct content *c = &w->content;
	uint64_t last = c->file->size / EROFS_BLOCK;
	int r = c->block == last ? 0 : turn_page(w, last, e);

	if (r || !has_holes(c))
		return r ? r : keep_tail(w, e);
	c->nblocks++;
	r = turn_page(w, last, e);
	return r ? r : keep_map(w, e);
}

static int end_blocks(struct flat_writer *w, struct image_error *e)
{
	int r = turn_page(w, 0, e);

	return r || !has_holes(&w->content) ? r : keep_map(w, e);
}

int content_end(struct flat_writer *w, struct image_error *e)
{
	struct content *c = &w->content;
	struct node *f = c->file;
	int r;

	if (!f)
		return 0;
	r = f->layout == EROFS_INLINE ? end_inline(w, e) : end_blocks(w, e);
	if (!r && f->layout != EROFS_CHUNKS && c->nblocks)
		f->block = c->map[0];
	c->file = NULL;
	return r;
}

int content_link(struct flat_writer *w, struct node *link, struct image_error *e)
{
	uint8_t block[EROFS_BLOCK] = {0};
	int r = out_reserve(&w->out, 1, &link->block, e);

	if (r)
		return r;
	memcpy(block, link->tail, link->tail_size);
	return out_write(&w->out, (uint64_t)link->block * EROFS_BLOCK, block, sizeof block, e);
}

static int discard_chunks(struct flat_writer *w, const struct node *n)
{
	uint64_t blocks = blocks_of(n->size), most = 1ull << n->chunk_bits;
	int r = 0;

	for (uint64_t i = 0; i < n->nmap && !r; i++) {
		uint64_t first = i << n->chunk_bits;

		if (n->map[i] != EROFS_HOLE)
			r = out_discard(&w->out, n->map[i],
				blocks - first < most ? blocks - first : most, NULL);
	}
	return r;
}

void content_gone(void *arg, const struct node *n)
{
	struct flat_writer *w = arg;
	int r = 0;

	if (S_ISREG(n->mode))
		w->tails -= n->tail_size;
	if (w->done)
		return;
	if (n->layout == EROFS_CHUNKS)
		r = discard_chunks(w, n);
	else if (n->block)
		r = out_discard(&w->out, n->block,
			n->layout == EROFS_INLINE ? n->size / EROFS_BLOCK : blocks_of(n->size),
			NULL);
	if (r && !w->failed)
		w->failed = r;
}
