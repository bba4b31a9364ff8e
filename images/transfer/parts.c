/* SPDX-License-Identifier: Apache-2.0
 *
 * A layer put together of what the store has and what only the registry has. The result is the very
 * blob, byte for byte, and its digest is checked like that of any other: a table that lies can cost
 * time, and nothing else. So no trust in tables is needed, and the store stays what it is: blobs
 * that every other program can read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/transfer/download.h"

#define REQUESTS_MAX 64u	/* each is a way to the server and back */
#define GAP_MIN	     (4u << 10) /* of what we have between two requests: less is fetched along */
#define COPY_SIZE    (64u << 10)

/* From where on which bytes come: a number of the stock's, or -1 for the registry. */
struct span {
	uint64_t from, to;
	ssize_t held;
};

struct parts {
	struct download *d;
	struct stock *stock;
	struct toc_place place;
	/* From the table on to the end of the blob. */
	unsigned char *tail;
	size_t tail_size, tail_have;
	uint64_t tail_at;
	struct span *spans;
	size_t n;
	int written; /* 0, or why what came could not be written */
};

static int on_tail(void *arg, const void *data, size_t n)
{
	struct parts *p = arg;

	if (n > p->tail_size - p->tail_have)
		return -EFBIG;
	memcpy(p->tail + p->tail_have, data, n);
	p->tail_have += n;
	p->tail_at += n;
	return 0;
}

/* Other programs may make tables in ways that we do not know, and larger ones: the digest of the
 * whole decides, not they. 1. */
static int unusable(struct parts *p)
{
	char text[sizeof p->d->e->text + 128];

	snprintf(text, sizeof text, "layer sha256:%.12s: %s: all of it is fetched",
		p->d->want->digest->hex, p->d->e->text);
	progress_note(p->d->m->p, text);
	return 1;
}

/* 1: there is no table, or it is not worth it. */
static int fetch_table(struct parts *p)
{
	struct download *d = p->d;
	struct digest checksum, got;
	int r = toc_place_annotated(d->want->layer, &p->place, &checksum, d->e);

	if (r)
		return r == -ENOENT ? 1 : unusable(p);
	p->tail_at = p->place.from - TOC_SKIP_LEN;
	p->tail_size = (size_t)(d->want->size - p->tail_at);
	if (d->want->size - p->tail_at > 2 * TOC_PACKED_MAX || d->have >= p->tail_at)
		return 1;
	p->tail = malloc(p->tail_size);
	if (!p->tail)
		return image_fail(d->e, -ENOMEM, "out of memory");
	r = download_range(d, &p->tail_at, d->want->size, on_tail, p);
	if (r)
		return r == -EOPNOTSUPP ? 1 : r == -ENOMEM ? r : unusable(p);
	digest_of(p->tail + TOC_SKIP_LEN, p->place.packed, &got);
	if (digest_equal(&got, &checksum))
		return 0;
	image_fail(d->e, -EBADMSG, "its table of contents has the digest sha256:%s, not sha256:%s",
		got.hex, checksum.hex);
	return unusable(p);
}

/* -- what comes from where -- */

static void add_span(struct parts *p, const struct toc_piece *piece)
{
	struct span *last = p->n ? &p->spans[p->n - 1] : NULL;
	ssize_t held = stock_find(p->stock, piece);

	if (last && last->held < 0 && held < 0)
		last->to = piece->to;
	else
		p->spans[p->n++] = (struct span){piece->from, piece->to, held};
}

static size_t requests(const struct parts *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->spans[i].held < 0;
	return n;
}

/* How many of the spans from i on are held and together shorter than gap, with a request behind. */
static size_t bridge(const struct parts *p, size_t i, uint64_t gap)
{
	uint64_t from = p->spans[i].from;
	size_t n = 0;

	while (i + n < p->n && p->spans[i + n].held >= 0 && p->spans[i + n].to - from < gap)
		n++;
	return i + n < p->n && p->spans[i + n].held < 0 ? n : 0;
}

static void bridge_gaps(struct parts *p, uint64_t gap)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++) {
		struct span *last = n ? &p->spans[n - 1] : NULL;

		if (last && last->held < 0 && p->spans[i].held < 0) {
			last->to = p->spans[i].to;
		} else if (last && last->held < 0 && bridge(p, i, gap)) {
			i += bridge(p, i, gap);
			last->to = p->spans[i].to;
		} else {
			p->spans[n++] = p->spans[i];
		}
	}
	p->n = n;
}

/* 1: the store has nothing of it, or nobody knows. */
static int plan(struct parts *p)
{
	struct toc_piece *list;
	uint64_t gap = GAP_MIN, missing = 0;
	size_t n, entries = TOC_ENTRIES_MAX;
	int r = toc_read(p->tail + TOC_SKIP_LEN, &p->place, &entries, &list, &n, p->d->e);

	if (r)
		return r == -ENOMEM ? r : unusable(p);
	p->spans = calloc(n + 1, sizeof *p->spans);
	for (size_t i = 0; p->spans && i < n; i++)
		add_span(p, &list[i]);
	free(list);
	if (!p->spans)
		return image_fail(p->d->e, -ENOMEM, "out of memory");
	do
		bridge_gaps(p, gap);
	while (requests(p) > REQUESTS_MAX && (gap *= 2));
	for (size_t i = 0; i < p->n; i++)
		missing += p->spans[i].held < 0 ? p->spans[i].to - p->spans[i].from : 0;
	return p->n && missing < p->place.from - TOC_SKIP_LEN ? 0 : 1;
}

/* -- and there it comes -- */

static int copy_held(struct parts *p, const struct span *s)
{
	char buf[COPY_SIZE];
	struct download *d = p->d;
	int r = 0;

	d->guessed = true;
	while (!r && d->have < s->to) {
		ssize_t n =
			stock_read(p->stock, (size_t)s->held, d->have - s->from, buf, sizeof buf);

		if (n <= 0)
			return 1; /* gone: the rest as it is */
		r = download_add(d, buf, (size_t)n);
	}
	return r;
}

static int on_data(void *arg, const void *data, size_t n)
{
	struct parts *p = arg;

	p->written = download_add(p->d, data, n);
	return p->written;
}

/* 1: a server that does not give what is asked for so may give it otherwise. */
static int fetch(struct parts *p, uint64_t to)
{
	int r = download_range(p->d, &p->d->have, to, on_data, p);

	return !r || p->written || r == -ENOMEM ? r : 1;
}

static int assemble(struct parts *p)
{
	struct download *d = p->d;
	uint64_t end = p->place.from - TOC_SKIP_LEN;
	int r = 0;

	for (size_t i = 0; i < p->n && !r; i++) {
		const struct span *s = &p->spans[i];

		if (s->to <= d->have)
			continue; /* of an interrupted try */
		r = s->held >= 0 ? copy_held(p, s) : fetch(p, s->to);
	}
	return r ? r : download_add(d, p->tail + (d->have - end), d->want->size - d->have);
}

int parts_receive(struct download *d, struct stock *k)
{
	struct parts p = {.d = d, .stock = k};
	int r = 1;

	if (d->want->layer && d->want->size >= LAYER_MIN && !stock_empty(k))
		r = fetch_table(&p);
	if (!r)
		r = plan(&p);
	if (!r)
		r = assemble(&p);
	free(p.spans);
	free(p.tail);
	return r < 0 ? image_within(d->e, r, "layer sha256:%.12s", d->want->digest->hex) : r;
}
