/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/transfer/stock.h"

#define FOOTER (TOC_SKIP_LEN + TOC_FOOTER)
/* Of all tables together, however many an image brings; what more there is counts as not there. */
#define TABLES_MAX (256u << 20) /* bytes, packed and unpacked */
#define PIECES_MAX (2u << 20)
/* A table's bytes for one of its layer. The header of an empty file packs to some 40 bytes, and its
 * entry has 200. */
#define RATIO_MAX 32u

struct held {
	unsigned char key[TOC_KEY];
	uint64_t from, size;
	size_t blob;
};

struct stock {
	struct store *store;
	struct digest *blobs;
	size_t nblobs;
	struct held *list; /* sorted */
	size_t n, room;
	uint64_t bytes; /* that tables may still have */
	size_t entries;
	int fd; /* of the blob that was read last; -1: none */
	size_t fd_blob;
};

static int room_for(struct stock *k, size_t n)
{
	size_t room = k->room ? k->room : 1024;
	struct held *list;

	while (room < k->n + n)
		room *= 2;
	if (room == k->room)
		return 0;
	list = reallocarray(k->list, room, sizeof *list);
	if (!list)
		return -ENOMEM;
	k->list = list;
	k->room = room;
	return 0;
}

static int add_pieces(struct stock *k, const struct toc_piece *p, size_t n)
{
	if (n > PIECES_MAX - k->n)
		n = PIECES_MAX - k->n;
	if (room_for(k, n))
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct held *h = &k->list[k->n++];

		*h = (struct held){
			.from = p[i].from, .size = p[i].to - p[i].from, .blob = k->nblobs - 1};
		memcpy(h->key, p[i].key, TOC_KEY);
	}
	return 0;
}

static int add_blob(struct stock *k, const struct digest *d)
{
	struct digest *blobs = reallocarray(k->blobs, k->nblobs + 1, sizeof *blobs);

	if (!blobs)
		return -ENOMEM;
	k->blobs = blobs;
	blobs[k->nblobs++] = *d;
	return 0;
}

/* A table that cannot be read is as good as none; -ENOMEM. */
static int read_table(
	struct stock *k, const struct digest *d, int fd, const struct toc_place *place)
{
	unsigned char *packed = malloc(place->packed);
	struct toc_piece *list = NULL;
	size_t n = 0;
	int r = packed ? 0 : -ENOMEM;

	if (packed &&
		pread(fd, packed, place->packed, (off_t)place->from) == (ssize_t)place->packed)
		r = toc_read(packed, place, &k->entries, &list, &n, NULL);
	if (!r && n)
		r = add_blob(k, d);
	if (!r && n)
		r = add_pieces(k, list, n);
	free(list);
	free(packed);
	return r == -ENOMEM ? r : 0;
}

/* False: no other table will be looked at. */
static bool afford(struct stock *k, const struct toc_place *place)
{
	uint64_t n = place->packed + place->unpacked;

	if (n > k->bytes)
		return false;
	k->bytes -= n;
	return true;
}

/* 1: enough. */
static int look_at(void *arg, const struct digest *d, uint64_t listed)
{
	unsigned char footer[FOOTER];
	struct stock *k = arg;
	struct toc_place place;
	uint64_t size;
	int fd, r = 0;

	if (listed < LAYER_MIN || blob_open(k->store, d, &fd, &size, NULL))
		return 0;
	if (size >= LAYER_MIN && pread(fd, footer, FOOTER, (off_t)(size - FOOTER)) == FOOTER &&
		!toc_place_footer(footer, size, &place) && place.unpacked / RATIO_MAX <= place.from)
		r = afford(k, &place) ? read_table(k, d, fd, &place) : 1;
	close(fd);
	return r || (k->entries && k->n < PIECES_MAX) ? r : 1;
}

static int by_key(const void *a, const void *b)
{
	return memcmp(a, b, TOC_KEY); /* it is the first member */
}

int stock_open(struct store *s, struct stock **out, struct image_error *e)
{
	struct stock *k = calloc(1, sizeof *k);

	if (k) {
		k->store = s;
		k->fd = -1;
		k->bytes = TABLES_MAX;
		k->entries = TOC_ENTRIES_MAX;
	}
	if (!k || blob_each(s, look_at, k) == -ENOMEM) {
		stock_close(k);
		return image_fail(e, -ENOMEM, "not enough memory for tables of contents");
	}
	if (k->n)
		qsort(k->list, k->n, sizeof *k->list, by_key);
	*out = k;
	return 0;
}

bool stock_empty(const struct stock *k)
{
	return !k->n;
}

ssize_t stock_find(const struct stock *k, const struct toc_piece *p)
{
	const struct held *h =
		k->n ? bsearch(p->key, k->list, k->n, sizeof *k->list, by_key) : NULL;

	return h && h->size == p->to - p->from ? h - k->list : -1;
}

static int use_blob(struct stock *k, size_t blob)
{
	if (k->fd >= 0 && k->fd_blob == blob)
		return 0;
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
	k->fd_blob = blob;
	return blob_open(k->store, &k->blobs[blob], &k->fd, NULL, NULL);
}

ssize_t stock_read(struct stock *k, size_t piece, uint64_t skip, void *buf, size_t n)
{
	const struct held *h = &k->list[piece];
	ssize_t got;

	if (use_blob(k, h->blob))
		return 0;
	if (n > h->size - skip)
		n = (size_t)(h->size - skip);
	do
		got = pread(k->fd, buf, n, (off_t)(h->from + skip));
	while (got < 0 && errno == EINTR);
	return got < 0 ? 0 : got;
}

void stock_close(struct stock *k)
{
	if (!k)
		return;
	if (k->fd >= 0)
		close(k->fd);
	free(k->blobs);
	free(k->list);
	free(k);
}
