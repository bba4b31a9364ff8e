/* SPDX-License-Identifier: Apache-2.0
 * A sandbox written down: where its program first asks for its stdin, as a template stops
 * (template.c). Then it ends. What could not be made again is refused, not left out.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/launch/snapshot_internal.h"

#define PAGE	      4096ull
#define GAP_MIN	      16u /* pages of zeros that are written rather than make another extent */
#define EXTENTS_START 256u

struct snapshot_taking {
	struct launch *l;
	struct coder config; /* written before the jail: it asks for paths */
	struct snapshot_extent *extent;
	uint32_t n, room;
	uint64_t gap;		   /* bytes */
	struct snapshot_zstd zstd; /* or nothing */
};

/* -- before the jail -- */

int launch_snapshot_create(struct launch *l)
{
	struct launch_config given = *l->c;
	struct snapshot_taking *t;
	char why[256];
	int r;

	if (!l->c->snapshot_fd)
		return 0;
	if (!l->home->snapshot || !l->c->backend->saved_read) {
		launch_fail(l,
			"backend %s, home %s has no snapshots (--backend kvm or vmx, on a CPU with "
			"VMX or SVM)",
			l->c->backend->name, l->home->name);
		return -ENOTSUP;
	}
	r = launch_stop_check(l, "snapshot");
	if (r)
		return r;
	if (snapshot_config_check(l->c, why, sizeof(why))) {
		launch_fail(l, "no snapshot: %s", why);
		return -ENOTSUP;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->l = l;
	l->snapshot = t;
	if (l->c->snapshot_packed && snapshot_zstd_load(&t->zstd)) {
		launch_fail(l, "--compress: libzstd.so.1 is not installed");
		return -ENOENT;
	}
	snapshot_config_code(&t->config, &given);
	service_note_window(l->service);
	return coder_end(&t->config);
}

void launch_snapshot_destroy(struct launch *l)
{
	if (l->snapshot) {
		coder_free(&l->snapshot->config);
		snapshot_zstd_unload(&l->snapshot->zstd);
		free(l->snapshot->extent);
	}
	free(l->snapshot);
	l->snapshot = NULL;
}

/* -- memory: what is not zero, in as few extents as there may be -- */

static bool is_zero(const uint8_t *page)
{
	const uint64_t *p = (const uint64_t *)(const void *)page;
	uint64_t any = 0;

	for (unsigned i = 0; i < PAGE / sizeof(*p); i += 8) {
		any = p[i] | p[i + 1] | p[i + 2] | p[i + 3] | p[i + 4] | p[i + 5] | p[i + 6] |
		      p[i + 7];
		if (any)
			return false;
	}
	return true;
}

static int add_page(struct snapshot_taking *t, uint64_t gpa)
{
	struct snapshot_extent *last = t->n ? &t->extent[t->n - 1] : NULL;

	/* what is constant is in between: another extent */
	if (last && gpa - (last->gpa + last->size) <= t->gap &&
		(!t->zstd.library || gpa + PAGE - last->gpa <= SNAPSHOT_FRAME_MAX) &&
		!(last->gpa < t->l->mem.constant_start && gpa >= t->l->mem.constant_end)) {
		last->size = gpa + PAGE - last->gpa;
		return 0;
	}
	if (t->n == t->room) {
		uint32_t room = t->room ? t->room * 2 : EXTENTS_START;
		struct snapshot_extent *more = reallocarray(t->extent, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->extent = more;
		t->room = room;
	}
	t->extent[t->n++] = (struct snapshot_extent){.gpa = gpa, .size = PAGE};
	return 0;
}

static int add_run(struct snapshot_taking *t, uint64_t gpa, uint64_t end)
{
	const struct service_memory *mem = &t->l->mem;
	int r = 0;

	for (; gpa < end && !r; gpa += PAGE)
		if ((gpa < mem->constant_start || gpa >= mem->constant_end) &&
			!is_zero(mem->ram + gpa))
			r = add_page(t, gpa);
	return r;
}

static int find_extents(struct snapshot_taking *t)
{
	const int fd = t->l->ram_fd;
	off_t at = lseek(fd, 0, SEEK_DATA), end;
	int r = 0;

	t->n = 0;
	while (at >= 0 && !r) {
		end = lseek(fd, at, SEEK_HOLE);
		if (end < 0)
			break;
		r = add_run(t, (uint64_t)at, (uint64_t)end);
		at = lseek(fd, end, SEEK_DATA);
	}
	return r ? r : errno == ENXIO ? 0 : -errno;
}

static int find_few_extents(struct snapshot_taking *t)
{
	int r;

	t->gap = GAP_MIN * PAGE;
	do {
		r = find_extents(t);
		t->gap *= 4;
	} while (!r && t->n > SNAPSHOT_EXTENTS_MAX);
	return r;
}

/* -- all -- */

static int stop(void *arg)
{
	struct launch *l = arg;

	return service_interrupted(l->service) ? -EINTR : 0;
}

static int write_file(
	struct snapshot_taking *t, const struct coder *service, const struct coder *home)
{
	struct launch *l = t->l;
	struct snapshot_needs needs;
	const struct snapshot_source from = {
		.needs = &needs,
		.part =
			{
				[SNAPSHOT_CONFIG] = {t->config.p, t->config.n},
				[SNAPSHOT_SERVICE] = {service->p, service->n},
				[SNAPSHOT_HOME] = {home->p, home->n},
			},
		.ram = l->mem.ram,
		.extent = t->extent,
		.nextents = t->n,
		.zstd = t->zstd.library ? &t->zstd : NULL,
		.stop = stop,
		.arg = l,
	};

	snapshot_needs_here(l->c, &needs);
	return snapshot_write(l->c->snapshot_fd, &from);
}

/* Why there is none, if it has not been said. */
static void explain(struct launch *l, int r, const char *why)
{
	if (*why)
		launch_fail(l, "no snapshot: %s", why);
	else
		launch_fail(l, "the snapshot could not be written: %s", strerror(-r));
}

static int take(struct snapshot_taking *t, char *why, size_t why_size)
{
	struct launch *l = t->l;
	struct snapshot_clock clock = {.mono = launch_now_ns()};
	struct coder service = {.reads = false}, home = {.reads = false};
	int r = service_state(l->service, &service, why, why_size);

	if (!r) {
		snapshot_clock_code(&home, &clock);
		r = l->home->snapshot(l, &home);
	}
	if (!r)
		r = find_few_extents(t);
	if (!r)
		r = write_file(t, &service, &home);
	coder_free(&service);
	coder_free(&home);
	return r;
}

bool launch_snapshot_take(struct launch *l, const struct chan_msg *m)
{
	const struct chan_event end = {.kind = CHAN_EV_KILL, .value = SIGKILL};
	char why[768] = "";
	int r = l->home->park(l, m);

	l->parked = true;
	if (!r)
		r = take(l->snapshot, why, sizeof(why));
	if (r)
		explain(l, r, why);
	l->res->template = !r;
	service_post_event(l->service, &end);
	return false;
}
