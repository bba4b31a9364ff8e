/* SPDX-License-Identifier: Apache-2.0
 *
 * The service's state for a snapshot: one walk writes it and reads it. Handles keep their numbers;
 * their files are opened anew by their paths, below what was granted again. What is read may be
 * anybody's: no index, right or file is believed that the grants do not bear out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"
#include "runtime/snapshot/coder.h"

#define GENERATION_MAX 0xfffu
#define INDEX_MAX      (1u << 20)
#define GRANTS_MAX     65536u
#define NIL	       UINT32_MAX

struct walk {
	struct service *s;
	struct coder *c;
	char *why;
	size_t why_size;
	int err; /* with a sentence in why */
	/* read: */
	uint32_t *grant; /* by number in the snapshot: the one that is the same here, NIL */
	uint32_t ngrants;
	struct handles made; /* takes the place of s->handles */
};

static bool goes_on(const struct walk *w)
{
	return !w->err && !w->c->err;
}

static void refuse(struct walk *w, int err, const char *path, const char *why)
{
	char clean[512];

	if (w->err)
		return;
	text_clean(clean, sizeof(clean), path ? path : "?", strlen(path ? path : "?"));
	snprintf(w->why, w->why_size, "%s %s", clean, why);
	w->err = err;
}

static const char *why_not_found(int r)
{
	switch (r) {
	case -ENOENT:
	case -ENOTDIR:
		return "is not there any more";
	case -ESTALE:
		return "is another file now";
	case -EACCES:
	case -EPERM:
		return "may not be opened";
	default:
		return "cannot be opened again";
	}
}

/* -- grants -- */

static uint32_t find_grant(const struct service *s, const struct grant *g)
{
	for (uint32_t i = 1; i < s->policy.count; i++) {
		const struct grant *here = &s->policy.grant[i];

		if (here->rights && here->rights == g->rights && here->made == g->made &&
			(g->made || (here->dev == g->dev && here->ino == g->ino)) &&
			!strcmp(here->path, g->path))
			return i;
	}
	return NIL;
}

/* Where sandboxes show their state is hidden from all; that is asked anew. */
static void code_grant(struct walk *w, uint32_t i)
{
	struct grant g = {.path = NULL};

	if (!w->c->reads)
		g = w->s->policy.grant[i];
	coder_u64(w->c, &g.dev);
	coder_u64(w->c, &g.ino);
	coder_u64(w->c, &g.shown_dev);
	coder_u64(w->c, &g.shown_ino);
	coder_u8(w->c, &g.rights);
	coder_bool(w->c, &g.made);
	coder_string(w->c, &g.path);
	if (!w->c->reads)
		return;
	if (goes_on(w) && g.rights && !g.path)
		coder_fail(w->c);
	if (goes_on(w) && g.rights) {
		w->grant[i] = find_grant(w->s, &g);
		if (w->grant[i] == NIL) {
			refuse(w, -ESTALE, g.path, "was granted, and is not what it was");
		} else { /* the guest would take it for another file */
			w->s->policy.grant[w->grant[i]].shown_dev = g.shown_dev;
			w->s->policy.grant[w->grant[i]].shown_ino = g.shown_ino;
		}
	}
	free(g.path);
}

/* [0] stands for what was inherited. */
static void code_grants(struct walk *w)
{
	w->ngrants = w->s->policy.count;
	coder_count(w->c, &w->ngrants, GRANTS_MAX);
	if (w->c->reads) {
		w->grant = malloc((w->ngrants + 1) * sizeof(*w->grant));
		if (!w->grant) {
			w->c->err = -ENOMEM;
			return;
		}
		memset(w->grant, 0xff, (w->ngrants + 1) * sizeof(*w->grant));
		w->grant[GRANT_INHERITED] = GRANT_INHERITED;
	}
	for (uint32_t i = 1; i < w->ngrants && goes_on(w); i++)
		code_grant(w, i);
}

/* The number of a grant as it is here. */
static void map_grant(struct walk *w, uint32_t *grant)
{
	if (!w->c->reads || !goes_on(w))
		return;
	if (*grant >= w->ngrants || w->grant[*grant] == NIL)
		coder_fail(w->c);
	else
		*grant = w->grant[*grant];
}

/* -- handles -- */

static uint8_t rights_here(const struct walk *w, const struct handle *h)
{
	return h->grant == GRANT_INHERITED ? RIGHT_READ : w->s->policy.grant[h->grant].rights;
}

static int open_stream(struct walk *w, struct handle *h)
{
	const int fd = h->stream;
	int oflags = fcntl(fd, F_GETFL);
	struct statx stx;
	int r;

	if (fd >= SERVICE_STREAMS || oflags < 0)
		return -EBADF;
	r = host_statx(fd, "", &stx);
	if (r)
		return r;
	h->flags = 0;
	h->grant = GRANT_INHERITED;
	h->access = h->rights = service_access_of(oflags);
	describe_stream(w->s, fd, oflags, h, &stx);
	if (S_ISREG(stx.stx_mode))
		h->flags = HANDLE_NO_NOWAIT;
	if (h->fd < 0)
		h->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return h->fd < 0 ? -errno : 0;
}

static int oflags_of(const struct handle *h)
{
	int flags = O_NONBLOCK | O_NOCTTY | (h->sync ? O_SYNC : 0);

	if (h->access & RIGHT_WRITE)
		return flags | (h->access & RIGHT_READ ? O_RDWR : O_WRONLY);
	return flags | O_RDONLY;
}

/* A description of an O_PATH descriptor's file, which it takes the place of. */
static int open_file(struct walk *w, struct handle *h)
{
	int fd = host_reopen(
		w->s, h->fd, oflags_of(h) | (h->kind == HANDLE_DIRFILE ? O_DIRECTORY : 0));

	if (fd < 0)
		return fd;
	close(h->fd);
	h->fd = fd;
	return 0;
}

/* Is it of the kind that it is said to be, and with no more rights than are granted? */
static bool is_of_kind(const struct walk *w, const struct handle *h, const struct statx *stx)
{
	bool dir = S_ISDIR(stx->stx_mode), file = S_ISREG(stx->stx_mode);

	if ((h->rights & ~rights_here(w, h)) || (h->access & ~h->rights))
		return false;
	switch (h->kind) {
	case HANDLE_DIR:
	case HANDLE_DIRFILE:
		return dir && h->grant != GRANT_INHERITED;
	case HANDLE_NODE:
		return !dir && h->grant != GRANT_INHERITED;
	case HANDLE_FILE:
		return file && h->access;
	default:
		return false;
	}
}

static int open_kept(struct walk *w, struct handle *h, const struct kept *k)
{
	struct statx stx;
	int r = 0;

	h->fd = kept_open(w->s, k, &stx);
	if (h->fd < 0)
		return h->fd;
	if (!is_of_kind(w, h, &stx)) {
		coder_fail(w->c);
		return -EBADMSG;
	}
	h->flags = 0;
	if (h->kind == HANDLE_DIR)
		h->flags = policy_inert(w->s, h->fd, &stx);
	if (h->kind == HANDLE_FILE)
		h->flags = HANDLE_REGULAR;
	if (h->kind == HANDLE_FILE && !kept_same(w->s, k, &stx))
		return -ETXTBSY;
	if (h->grant != GRANT_INHERITED && (h->kind == HANDLE_FILE || h->kind == HANDLE_DIRFILE))
		r = open_file(w, h);
	return r;
}

static void read_handle(struct walk *w, struct handle *h, const struct kept *k)
{
	int r;

	h->fd = -1;
	h->dir_pos = -1;
	h->path = text_copy(k->path);
	r = h->kind == HANDLE_STREAM ? open_stream(w, h) : open_kept(w, h, k);
	if (r == -ETXTBSY)
		refuse(w, r, h->path, "was open and has changed");
	else if (r)
		refuse(w, r, h->path, why_not_found(r));
}

/* What cannot be made again by a path. */
static void check_handle(struct walk *w, struct handle *h, struct kept *k)
{
	int r;

	if (h->locked)
		refuse(w, -ENOTSUP, h->path, "is locked by the program (flock)");
	if (h->kind == HANDLE_STREAM)
		return;
	r = kept_find(w->s, k, h->fd);
	if (r == -ENOENT || r == -ENOTDIR || r == -ESTALE)
		refuse(w, r, h->path,
			"is open in the program, and was removed, renamed or replaced since");
	else if (r)
		refuse(w, r, h->path, "is open in the program, and cannot be asked about");
}

static void code_used(struct walk *w, struct handle *h)
{
	struct coder *c = w->c;
	struct kept k = {.grant = h->grant, .path = h->path};

	if (!c->reads) {
		check_handle(w, h, &k);
		if (k.path == h->path)
			k.path = text_copy(k.path);
	}
	coder_u8(c, &h->rights);
	coder_u8(c, &h->access);
	coder_u8(c, &h->stream);
	coder_bool(c, &h->sync);
	coder_u32(c, &h->watch);
	kept_code(c, &k);
	if (c->reads) {
		h->grant = k.grant;
		map_grant(w, &h->grant);
		k.grant = h->grant;
		if (goes_on(w))
			read_handle(w, h, &k);
	}
	kept_clear(&k);
}

/* A free one has its place in the order in which they are used again. */
static void code_handle(struct walk *w, struct handle *h, uint32_t index)
{
	struct coder *c = w->c;
	uint8_t kind = h->kind;

	coder_u8(c, &kind);
	coder_u16(c, &h->generation);
	if (c->reads && (kind > HANDLE_STREAM || h->generation > GENERATION_MAX))
		coder_fail(c);
	h->index = index;
	if (kind == HANDLE_FREE) {
		coder_u32(c, &h->next_free);
		return;
	}
	if (c->reads && goes_on(w)) { /* a descriptor of its own from here on, to be closed */
		h->kind = kind;
		w->made.live++;
	}
	if (goes_on(w))
		code_used(w, h);
}

static struct handle *made_at(const struct handles *t, uint32_t i)
{
	struct service s = {.handles = *t};

	return handle_at(&s, i);
}

/* Every free one once, and no other. */
static void check_free_list(struct walk *w)
{
	const struct handles *t = &w->made;
	uint32_t n = 0, last = NIL;

	for (uint32_t i = t->free_head; i != NIL && goes_on(w); i = made_at(t, i)->next_free) {
		if (i >= t->used || made_at(t, i)->kind != HANDLE_FREE || n++ >= t->used) {
			coder_fail(w->c);
			return;
		}
		last = i;
	}
	if (goes_on(w) && (last != t->free_tail || n != t->used - t->live))
		coder_fail(w->c);
}

static void code_handles(struct walk *w)
{
	struct handles *t = w->c->reads ? &w->made : &w->s->handles;
	uint32_t used = t->used;

	coder_count(w->c, &used, INDEX_MAX);
	if (w->c->reads && goes_on(w) && used > w->c->n - w->c->at)
		coder_fail(w->c); /* each takes more than a byte */
	if (w->c->reads && goes_on(w))
		w->c->err = handles_make(t, used);
	coder_u32(w->c, &t->free_head);
	coder_u32(w->c, &t->free_tail);
	for (uint32_t i = 0; i < used && goes_on(w); i++) {
		if (w->c->reads && t->live >= w->s->handles.cap)
			refuse(w, -ENFILE, "the snapshot",
				"has more files open than may be (ulimit -n)");
		else
			code_handle(w, made_at(t, i), i);
	}
	if (w->c->reads && goes_on(w))
		check_free_list(w);
}

/* -- the window -- */

static int lay_again(struct walk *w, const struct window_part *p, const struct kept *k)
{
	struct handle h = {.kind = HANDLE_FILE, .grant = p->grant, .access = p->access};
	int r;

	h.rights = rights_here(w, &h);
	r = open_kept(w, &h, k);
	if (!r)
		r = window_lay(w->s, p->off, p->len, h.fd, p->access, p->file_off);
	if (h.fd >= 0)
		close(h.fd);
	return r;
}

static void read_part(
	struct walk *w, const struct window_part *p, const struct kept *k, uint64_t from)
{
	int r;

	if (goes_on(w) && (p->off < from || !p->len || p->len > w->s->mem.window_size ||
				  (p->off | p->len | p->file_off) % PAGE_BYTES ||
				  p->file_off > INT64_MAX - p->len))
		coder_fail(w->c);
	if (!goes_on(w))
		return;
	r = lay_again(w, p, k);
	if (r == -ETXTBSY)
		refuse(w, r, k->path, "was mapped and has changed");
	else if (r)
		refuse(w, r, k->path, why_not_found(r));
}

static void code_part(struct walk *w, struct window_part *p, uint64_t from)
{
	struct coder *c = w->c;
	struct kept k = {.grant = p->grant, .path = p->path, .dev = p->dev, .ino = p->ino};

	if (!c->reads) {
		int r = kept_find(w->s, &k, -1);

		if (r)
			refuse(w, r, p->path,
				"is mapped in the program, and was removed, renamed or replaced "
				"since");
	}
	coder_u64(c, &p->off);
	coder_u64(c, &p->len);
	coder_u64(c, &p->file_off);
	coder_u8(c, &p->access);
	kept_code(c, &k);
	map_grant(w, &k.grant);
	p->grant = k.grant;
	if (c->reads)
		read_part(w, p, &k, from);
	kept_clear(&k);
}

static void code_window(struct walk *w)
{
	struct window *win = &w->s->window;
	uint32_t n = win->n;
	uint64_t from = 0;

	if (!w->c->reads && win->lost)
		refuse(w, -ENOMEM, "what the program has mapped", "is not known: memory was out");
	coder_count(w->c, &n, INDEX_MAX);
	for (uint32_t i = 0; i < n && goes_on(w); i++) {
		struct window_part p = {.off = 0};

		if (!w->c->reads)
			p = win->part[i];
		code_part(w, &p, from);
		from = p.off + p.len;
	}
}

/* -- watches, and events that are there already -- */

static void code_watch(struct coder *c, struct watch *w)
{
	coder_u64(c, &w->tag);
	coder_u32(c, &w->seq);
	coder_u32(c, &w->events);
	coder_bool(c, &w->used);
	coder_bool(c, &w->armed);
	if (c->reads && w->armed && !w->used)
		coder_fail(c);
}

static void code_watches(struct walk *w)
{
	struct events *e = &w->s->events;

	coder_count(w->c, &e->watch_used, READY_MAX);
	for (uint32_t i = 0; i < e->watch_used && goes_on(w); i++) {
		code_watch(w->c, &e->watch[i]);
		if (w->c->reads)
			e->armed += e->watch[i].armed;
	}
}

/* Signals were for the process that was there: only what is ready goes on. */
static void code_ready(struct walk *w)
{
	struct events *e = &w->s->events;
	uint32_t n = e->ready, at = 0;

	coder_count(w->c, &n, READY_MAX);
	for (uint32_t i = 0; i < n && goes_on(w); i++) {
		struct chan_event ev = {.kind = CHAN_EV_READY};

		while (!w->c->reads && e->queue[at].kind != CHAN_EV_READY)
			at++;
		if (!w->c->reads)
			ev = e->queue[at++];
		coder_u64(w->c, &ev.tag);
		coder_u32(w->c, &ev.value);
		if (w->c->reads && goes_on(w) && !events_push_locked(e, &ev))
			coder_fail(w->c);
	}
}

/* Each used watch is one handle's. */
static void rearm(struct walk *w)
{
	struct events *e = &w->s->events;
	bool taken[READY_MAX] = {false};

	for (uint32_t i = 0; i < w->s->handles.used && goes_on(w); i++) {
		struct handle *h = handle_at(w->s, i);

		if (h->kind == HANDLE_FREE || !h->watch)
			continue;
		if (h->watch > e->watch_used || !e->watch[h->watch - 1].used ||
			taken[h->watch - 1]) {
			h->watch = 0;
			coder_fail(w->c);
			return;
		}
		taken[h->watch - 1] = true;
		if (watch_anew(w->s, h))
			refuse(w, -EIO, h->path, "cannot be watched any more");
	}
	for (uint32_t i = 0; i < e->watch_used; i++)
		if (e->watch[i].used && !taken[i])
			coder_fail(w->c);
}

/* -- all -- */

static void take_over(struct walk *w)
{
	struct handles old = w->s->handles;

	w->made.cap = old.cap;
	w->s->handles = w->made;
	handles_free(&old);
	w->made = (struct handles){.free_head = NIL, .free_tail = NIL};
}

int service_state(struct service *s, struct coder *c, char *why, size_t why_size)
{
	struct walk w = {.s = s, .c = c, .why = why, .why_size = why_size};

	w.made.free_head = w.made.free_tail = NIL;
	*why = 0;
	pthread_mutex_lock(&s->events.lock);
	code_grants(&w);
	if (goes_on(&w))
		code_handles(&w);
	if (goes_on(&w))
		code_window(&w);
	if (goes_on(&w))
		code_watches(&w);
	if (goes_on(&w))
		code_ready(&w);
	if (c->reads && goes_on(&w) && !coder_end(c)) {
		take_over(&w);
		rearm(&w);
	}
	pthread_mutex_unlock(&s->events.lock);
	handles_free(&w.made);
	free(w.grant);
	return w.err ? w.err : c->err;
}
