/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "images/transfer/origin.h"

void meter_add(struct meter *m, uint64_t n)
{
	m->done += n;
	progress_report(m->p, m->what, m->done, m->total);
}

int taker_begin(
	struct taker *t, struct store *s, struct want *w, struct meter *m, struct image_error *e)
{
	*t = (struct taker){.w = w, .m = m};
	return blob_begin(s, &t->blob, e);
}

static void keep_magic(struct taker *t, const unsigned char *data, size_t n)
{
	for (size_t i = 0; t->n + i < sizeof t->w->magic && i < n; i++)
		t->w->magic[t->n + i] = data[i];
}

int taker_add(struct taker *t, const void *data, size_t n, struct image_error *e)
{
	int r;

	if (n > t->w->size - t->n)
		r = image_fail(e, -EBADMSG, "%s is larger than the %llu bytes it should have",
			t->w->path, (unsigned long long)t->w->size);
	else
		r = blob_add(t->blob, data, n, e);
	if (r) {
		blob_abort(t->blob);
		t->blob = NULL;
		return r;
	}
	keep_magic(t, data, n);
	t->n += n;
	meter_add(t->m, n);
	return 0;
}

int taker_end(struct taker *t, struct image_error *e)
{
	int r = blob_end(t->blob, t->w->digest, t->w->size, &t->w->got, &t->w->got_size, e);

	t->blob = NULL;
	t->w->done = !r;
	return r;
}
