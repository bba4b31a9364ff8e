/* SPDX-License-Identifier: Apache-2.0
 * A sandbox that goes on from a snapshot. It is made as any other; then, still before the jail,
 * what the service, the memory and the vCPU have is exchanged for what they had. The first thing
 * that happens is that the request is performed in which it stopped.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/launch/snapshot_internal.h"

/* -- opening -- */

static int say(char *why, size_t size, int err, const char *text)
{
	snprintf(why, size, "%s", text);
	return err;
}

static const char damaged[] = "says nonsense: what it was given";

static int read_config(struct launch_restored *r, char *why, size_t why_size)
{
	const struct snapshot_bytes *part = &r->file.part[SNAPSHOT_CONFIG];
	struct coder c = coder_of(part->p, part->n);
	struct launch_config *config = &r->config;
	static char *none[1];
	int err;

	snapshot_config_code(&c, config);
	err = coder_end(&c);
	if (err)
		return say(why, why_size, err, err == -ENOMEM ? strerror(ENOMEM) : damaged);
	if (config->mem_size != r->file.needs.mem_size || config->cpus != r->file.needs.cpus)
		return say(why, why_size, -EBADMSG, damaged);
	for (unsigned i = 0; i < config->nmounts; i++)
		if (config->mounts[i].fd < 0 &&
			(config->mounts[i].kind == LAUNCH_MOUNT_HOST ||
				config->mounts[i].kind == LAUNCH_MOUNT_IMAGE)) {
			snprintf(why, why_size, "was given %s, which cannot be opened: %s",
				config->mounts[i].source, strerror(errno));
			return -ENOENT;
		}
	config->execfn = config->program; /* what follows is for a boot block that is not used */
	config->cwd = "/";
	config->envp = none;
	config->restore = &r->file;
	return 0;
}

int launch_restore_open(struct launch_restored *r, int fd, char *why, size_t why_size)
{
	int err;

	memset(r, 0, sizeof(*r));
	r->file.fd = -1;
	err = snapshot_file_trust(fd, why, why_size);
	if (!err)
		err = snapshot_file_open(&r->file, fd, why, why_size);
	if (!err)
		err = snapshot_file_verify(&r->file, why, why_size);
	if (!err)
		err = read_config(r, why, why_size);
	if (err)
		launch_restore_close(r);
	return err;
}

int launch_restore_fits(const struct launch_restored *r, char *why, size_t why_size)
{
	struct snapshot_needs here;
	const char *missing;

	snapshot_needs_here(&r->config, &here);
	missing = snapshot_needs_missing(&r->file.needs, &here);
	return missing ? say(why, why_size, -ENOTSUP, missing) : 0;
}

void launch_restore_close(struct launch_restored *r)
{
	snapshot_config_free(&r->config);
	snapshot_file_close(&r->file);
}

/* -- going on -- */

int launch_restore_service(struct launch *l)
{
	const struct snapshot_bytes *part;
	struct coder c;
	char why[768];
	int r;

	if (!l->c->restore)
		return 0;
	part = &l->c->restore->part[SNAPSHOT_SERVICE];
	c = coder_of(part->p, part->n);
	r = service_state(l->service, &c, why, sizeof(why));
	if (r)
		launch_fail(l, "the snapshot cannot go on: %s",
			*why	       ? why
			: r == -ENOMEM ? strerror(ENOMEM)
				       : "it says nonsense of what it had open");
	return r;
}

/* Nothing of what this build has put there, but what is constant, which is the same. */
static int empty(struct launch *l, uint64_t from, uint64_t to)
{
	return from < to && madvise(l->mem.ram + from, to - from, MADV_REMOVE) ? -errno : 0;
}

static bool extent_is_guests(const struct launch *l, const struct snapshot_extent *e)
{
	return e->gpa + e->size <= l->mem.ram_size &&
	       (e->gpa >= l->mem.constant_end || e->gpa + e->size <= l->mem.constant_start);
}

static int map_extent(struct launch *l, const struct snapshot_extent *e)
{
	uint8_t *at = l->mem.ram + e->gpa;

	if (mmap(at, e->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
		    l->c->restore->fd, (off_t)e->off) == MAP_FAILED)
		return -errno;
	madvise(at, e->size, MADV_DONTDUMP);
	madvise(at, e->size, MADV_DONTFORK);
	return 0;
}

static int unpack_extent(
	struct launch *l, const struct snapshot_extent *e, const struct snapshot_zstd *z)
{
	return snapshot_file_unpack(l->c->restore, e, z, l->mem.ram + e->gpa);
}

static int put_extents(struct launch *l, const struct snapshot_zstd *z)
{
	const struct snapshot_file *f = l->c->restore;
	int r = 0;

	for (uint32_t i = 0; i < f->nextents && !r; i++) {
		const struct snapshot_extent *e = &f->extent[i];

		if (!extent_is_guests(l, e))
			r = -EBADMSG;
		else
			r = e->stored < e->size ? unpack_extent(l, e, z) : map_extent(l, e);
	}
	if (r == -EBADMSG)
		launch_fail(l, "the snapshot cannot go on: it says nonsense of its memory");
	return r;
}

static int restore_memory(struct launch *l)
{
	struct snapshot_zstd z = {.library = NULL};
	int r = empty(l, 0, l->mem.constant_start);

	if (!r)
		r = empty(l, l->mem.constant_end, l->mem.ram_size);
	if (!r && snapshot_file_packed(l->c->restore)) {
		r = snapshot_zstd_load(&z);
		if (r)
			launch_fail(
				l, "the snapshot is compressed, and libzstd.so.1 is not installed");
	}
	if (!r)
		r = put_extents(l, &z);
	snapshot_zstd_unload(&z);
	return r;
}

/* The guest's clock goes on where it stopped, whatever the host's has done since. */
static void set_clock(struct launch *l, const struct snapshot_clock *then)
{
	l->clock_ahead = then->mono - launch_now_ns();
	service_set_clock(l->service, l->clock_ahead);
	l->clock->base_tsc = l->vclock->base_tsc = 0; /* another time's */
}

int launch_restore_home(struct launch *l)
{
	const struct snapshot_bytes *part;
	struct snapshot_clock clock = {0};
	struct coder c;
	int r;

	if (!l->c->restore)
		return 0;
	part = &l->c->restore->part[SNAPSHOT_HOME];
	c = coder_of(part->p, part->n);
	r = restore_memory(l);
	if (r)
		return r;
	snapshot_clock_code(&c, &clock);
	r = l->home->restore(l, &c);
	if (!r)
		r = coder_end(&c);
	if (r == -EBADMSG)
		launch_fail(l, "the snapshot cannot go on: it says nonsense of its processor");
	if (!r)
		r = launch_new_identity(l);
	if (!r)
		set_clock(l, &clock);
	return r;
}

void snapshot_clock_code(struct coder *c, struct snapshot_clock *clock)
{
	coder_u64(c, &clock->mono);
}
