/* SPDX-License-Identifier: Apache-2.0
 * The file window as trapped processes see it: which file, from where, lies at an offset.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "home/host/process_internal.h"

#define ROOM_FIRST 64u

/* The first range that ends after off. */
static u32 index_after(const struct host_process *e, u64 off)
{
	u32 lo = 0, hi = e->nwindow;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (e->window[mid].off + e->window[mid].len <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct window_range *window_find(const struct host_process *e, u64 off)
{
	u32 i = index_after(e, off);

	return i < e->nwindow && e->window[i].off <= off ? &e->window[i] : NULL;
}

/* Room for one more. Not realloc, which makes large blocks larger with a call of its own
 * (mremap(2)), and this is all that would. */
static int make_room(struct host_process *e)
{
	u32 room = e->window_room ? e->window_room * 2 : ROOM_FIRST;
	struct window_range *more;

	if (e->nwindow < e->window_room)
		return 0;
	more = malloc(room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (e->nwindow)
		memcpy(more, e->window, e->nwindow * sizeof(*more));
	free(e->window);
	e->window = more;
	e->window_room = room;
	return 0;
}

/* The core maps and unmaps the same ranges, so none is ever cut. */
void host_process_window_unmap(struct host_process *e, u64 window_off, u64 len)
{
	u32 i = index_after(e, window_off), n = 0;

	while (i + n < e->nwindow && e->window[i + n].off < window_off + len)
		process_file_remove(e->vm, e->window[i + n++].file);
	if (!n)
		return;
	memmove(&e->window[i], &e->window[i + n], (e->nwindow - i - n) * sizeof(*e->window));
	e->nwindow -= n;
}

int host_process_window_map(struct host_process *e, u64 window_off, u64 len, int fd, u64 file_off)
{
	struct window_range *at;
	u32 i;
	int file;

	host_process_window_unmap(
		e, window_off, len); /* the same again, by a handle that may write */
	if (make_room(e))
		return -ENOMEM;
	file = process_file_add(e->vm, fd);
	if (file < 0)
		return file;
	i = index_after(e, window_off);
	at = &e->window[i];
	memmove(at + 1, at, (e->nwindow - i) * sizeof(*at));
	*at = (struct window_range){window_off, len, file_off, file};
	e->nwindow++;
	return 0;
}
