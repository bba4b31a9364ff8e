/* SPDX-License-Identifier: Apache-2.0
 *
 * What lies in the window, remembered: the host's mappings could not be asked in the jail, and a
 * handle may be forgotten while its file is still mapped.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "runtime/service/service_internal.h"

void service_note_window(struct service *s)
{
	s->window.noted = true;
}

void window_destroy(struct window *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		free(w->part[i].path);
	free(w->part);
	*w = (struct window){.n = 0};
}

/* Where a part begins that ends behind off. */
static uint32_t find(const struct window *w, uint64_t off)
{
	uint32_t lo = 0, hi = w->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (w->part[mid].off + w->part[mid].len > off)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static bool make_room(struct window *w)
{
	uint32_t room = w->room ? w->room * 2 : 64;
	struct window_part *more;

	if (w->n < w->room)
		return true;
	more = reallocarray(w->part, room, sizeof(*more));
	if (!more)
		return false;
	w->part = more;
	w->room = room;
	return true;
}

/* Takes the path over. */
static bool put(struct window *w, uint32_t i, const struct window_part *p)
{
	if (!make_room(w)) {
		free(p->path);
		return false;
	}
	memmove(&w->part[i + 1], &w->part[i], (w->n - i) * sizeof(*p));
	w->part[i] = *p;
	w->n++;
	return true;
}

static void take_out(struct window *w, uint32_t i)
{
	free(w->part[i].path);
	w->n--;
	memmove(&w->part[i], &w->part[i + 1], (w->n - i) * sizeof(w->part[i]));
}

static void cut_front(struct window_part *p, uint64_t by)
{
	p->off += by;
	p->file_off += by;
	p->len -= by;
}

/* Nothing lies at [off, end) any more. */
static bool cut(struct window *w, uint64_t off, uint64_t end)
{
	uint32_t i = find(w, off);

	while (i < w->n && w->part[i].off < end) {
		struct window_part *p = &w->part[i], rest = *p;
		bool before = p->off<off, behind = p->off + p->len> end;

		if (before && behind) {
			rest.path = text_copy(p->path);
			cut_front(&rest, end - rest.off);
			p->len = off - p->off;
			return put(w, i + 1, &rest);
		}
		if (before)
			w->part[i++].len = off - p->off;
		else if (behind)
			cut_front(p, end - p->off);
		else
			take_out(w, i);
	}
	return true;
}

void window_note(
	struct service *s, uint64_t off, uint64_t len, const struct handle *h, uint64_t file_off)
{
	struct window *w = &s->window;
	struct window_part p = {.off = off, .len = len, .file_off = file_off};
	struct statx stx;

	if (!w->noted || !len)
		return;
	w->lost |= !cut(w, off, off + len);
	if (!h)
		return;
	if (host_statx(h->fd, "", &stx)) {
		w->lost = true;
		return;
	}
	p.grant = h->grant;
	p.access = h->access;
	p.dev = makedev(stx.stx_dev_major, stx.stx_dev_minor);
	p.ino = stx.stx_ino;
	p.path = text_copy(h->path);
	w->lost |= !put(w, find(w, off), &p);
}
