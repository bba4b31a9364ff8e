/* SPDX-License-Identifier: Apache-2.0
 * Grants to the service, and the boot block that names them to the shim (kernel-shim/abi/boot.h).
 * RAM from the home's part on: clock page, ring, boot block; what follows is the shim's.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "runtime/launch/boot_builder.h"
#include "runtime/launch/launch_internal.h"

#define PAGE 4096ull

static const uint32_t mount_kinds[] = {
	[LAUNCH_MOUNT_HOST] = BOOT_MOUNT_HOST,
	[LAUNCH_MOUNT_TMPFS] = BOOT_MOUNT_TMPFS,
	[LAUNCH_MOUNT_PROC] = BOOT_MOUNT_PROC,
	[LAUNCH_MOUNT_DEV] = BOOT_MOUNT_DEV,
	[LAUNCH_MOUNT_SYS] = BOOT_MOUNT_SYS,
	[LAUNCH_MOUNT_IMAGE] = BOOT_MOUNT_IMAGE,
	[LAUNCH_MOUNT_LINK] = BOOT_MOUNT_LINK,
};

static int add_mount(struct launch *l, struct boot_builder *b, const struct launch_mount *m,
	struct boot_mount *out)
{
	int64_t handle = 0;

	if (m->kind == LAUNCH_MOUNT_HOST)
		handle = service_grant(l->service, m->fd, m->writable, m->source);
	else if (m->kind == LAUNCH_MOUNT_IMAGE)
		handle = service_inherit(l->service, m->fd, NULL);
	if (handle < 0) {
		launch_fail(l, "cannot grant %s: %s", m->source,
			handle == -EACCES ? "sandboxes show their state there, which none may reach"
					  : strerror((int)-handle));
		return (int)handle;
	}
	*out = (struct boot_mount){
		.kind = mount_kinds[m->kind],
		.flags = m->writable ? 0 : BOOT_MOUNT_RO,
		.handle = (uint32_t)handle,
		.mode = m->mode,
		.size = m->size,
		.target = boot_add_string(b, m->target),
		.source = boot_add_string(b, m->source ? m->source : "none"),
		.uid = l->c->uid,
		.gid = l->c->gid,
	};
	return 0;
}

static int add_mounts(struct launch *l, struct boot_builder *b)
{
	const struct launch_config *c = l->c;
	uint32_t table = boot_add_bytes(b, NULL, c->nmounts * sizeof(struct boot_mount), 8);

	l->boot->nmounts = c->nmounts;
	l->boot->mounts = table;
	for (unsigned i = 0; i < c->nmounts && !b->full; i++) {
		int r = add_mount(l, b, &c->mounts[i], (struct boot_mount *)(b->base + table) + i);

		if (r)
			return r;
	}
	return 0;
}

/* O_PATH: a placeholder for a closed one, so that no other file gets its number (cli/main.c). */
static bool is_open(int fd)
{
	int oflags = fcntl(fd, F_GETFL);

	return oflags >= 0 && !(oflags & O_PATH);
}

/* stdin, stdout, stderr as far as they are open. */
static int add_stdio(struct launch *l, struct boot_builder *b)
{
	struct boot_fd fds[3];
	uint32_t n = 0;

	l->boot->tty_fd = ~0u;
	for (int fd = 0; fd < 3; fd++) {
		int oflags = 0;
		int64_t h;

		if (!is_open(fd))
			continue;
		h = service_inherit(l->service, fd, &oflags);
		if (h < 0) {
			launch_fail(l, "cannot use descriptor %d: %s", fd, strerror((int)-h));
			return (int)h;
		}
		if (l->boot->tty_fd == ~0u && isatty(fd))
			l->boot->tty_fd = (uint32_t)fd;
		fds[n++] = (struct boot_fd){
			.handle = (uint32_t)h, .fd = fd, .oflags = (uint32_t)oflags};
	}
	l->boot->nfds = n;
	l->boot->fds = boot_add_bytes(b, fds, n * sizeof(fds[0]), 8);
	return 0;
}

static void add_limits(const struct launch_config *c, struct boot_block *k)
{
	for (int i = 0; i < 16; i++) {
		k->rlimits[i][0] = c->rlimits[i].rlim_cur;
		k->rlimits[i][1] = c->rlimits[i].rlim_max;
	}
}

static int fill(struct launch *l, struct boot_builder *b)
{
	const struct launch_config *c = l->c;
	struct boot_block *k = l->boot;
	uint8_t id[sizeof(k->boot_id)];
	struct utsname uts;
	int r;

	k->magic = BOOT_MAGIC;
	k->version = BOOT_VERSION;
	k->mem_size = l->mem.ram_size;
	k->window_gpa = BOOT_WINDOW_GPA;
	k->window_size = l->mem.window_size;
	k->ncpus = c->cpus;
	k->flags = (c->verbose ? BOOT_F_VERBOSE : 0) | (c->trace ? BOOT_F_TRACE : 0) |
		   (c->stats ? BOOT_F_STATS : 0);
	k->path = boot_add_string(b, c->program);
	k->execfn = boot_add_string(b, c->execfn);
	k->argv = boot_add_strings(b, c->argv, &k->argc);
	k->envp = boot_add_strings(b, c->envp, &k->envc);
	k->cwd = boot_add_string(b, c->cwd);
	k->hostname = boot_add_string(b, c->hostname);
	k->uid = c->uid;
	k->gid = c->gid;
	k->ngroups = c->ngroups;
	k->groups = boot_add_bytes(b, c->groups, c->ngroups * sizeof(uint32_t), 8);
	k->umask = c->umask;
	k->pids_max = c->pids_max;
	k->trace = c->trace ? boot_add_string(b, c->trace) : 0;
	k->sig_ignored = l->sig_ignored;
	k->sig_blocked = l->sig_blocked;
	add_limits(c, k);
	k->hwcap = getauxval(AT_HWCAP);
	/* HWCAP2 bit 1 would announce FSGSBASE, which the guest's CR4 does not enable; the same on
	 * every backend */
	k->hwcap2 = 0;
	k->xcr0 = c->caps.xcr0;
	k->xsave_size = c->caps.xsave_size;
	k->cpu_features = (c->caps.sysret ? BOOT_CPU_SYSRET : 0) |
			  (c->caps.xsave ? BOOT_CPU_XSAVE : 0) |
			  (c->caps.announce ? BOOT_CPU_ANNOUNCE : 0);
	if (getrandom(k->random, sizeof(k->random), 0) != (ssize_t)sizeof(k->random) ||
		getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id))
		return -EIO;
	boot_set_id(k, id);
	uname(&uts);
	k->os_release = boot_add_string(b, uts.release);
	k->os_version = boot_add_string(b, uts.version);
	r = add_mounts(l, b);
	if (!r)
		r = add_stdio(l, b);
	if (!r && c->keep_fd) {
		int64_t handle = service_inherit(l->service, c->keep_fd, NULL);

		k->keep = handle > 0 ? (uint32_t)handle : 0;
		r = handle < 0 ? (int)handle : 0;
	}
	return r;
}

int launch_new_identity(struct launch *l)
{
	uint8_t id[sizeof(l->boot->boot_id)];
	uint64_t generation;

	if (getrandom(id, sizeof(id), 0) != (ssize_t)sizeof(id) ||
		getrandom(&generation, sizeof(generation), 0) != (ssize_t)sizeof(generation))
		return -EIO;
	boot_set_id(l->boot, id);
	l->boot->generation = generation ? generation : 1;
	return 0;
}

int launch_bootblock_build(struct launch *l)
{
	uint64_t clock_gpa = l->home->ram_reserved(l), ring_gpa = clock_gpa + PAGE;
	uint64_t boot_gpa = ring_gpa + sizeof(struct chan_ring);
	uint64_t vclock_gpa = l->shared_start ? l->shared_start : clock_gpa;
	uint64_t end = l->shared_start ? l->shared_start : l->mem.ram_size;
	struct boot_builder b = {.used = sizeof(struct boot_block)};
	int r;

	_Static_assert(sizeof(struct chan_ring) % PAGE == 0, "the ring is whole pages");
	/* arguments and environment may take up to half of what is left */
	if (!clock_gpa || end < boot_gpa + 4 * 1024 * 1024) {
		launch_fail(l, "not enough memory for the shim (--mem)");
		return -ENOMEM;
	}
	l->clock = (struct boot_clock *)(l->mem.ram + clock_gpa);
	l->vclock = (struct boot_clock *)(l->mem.ram + vclock_gpa);
	l->clock->ncpus = l->vclock->ncpus = l->c->cpus;
	l->ring = (struct chan_ring *)(l->mem.ram + ring_gpa);
	l->boot = (struct boot_block *)(l->mem.ram + boot_gpa);
	b.base = l->mem.ram + boot_gpa;
	b.limit = (end - boot_gpa) / 2;
	if (b.limit > UINT32_MAX)
		b.limit = UINT32_MAX;
	l->boot->clock_gpa = clock_gpa;
	l->boot->vclock_gpa = vclock_gpa;
	l->boot->user_start = l->shared_start;
	l->boot->user_va_start =
		l->home->user_va_start ? l->home->user_va_start : BOOT_USER_VA_START;
	l->boot->user_va_end = l->home->user_va_end ? l->home->user_va_end : BOOT_USER_VA_END;
	l->boot->ring_gpa = ring_gpa;
	r = fill(l, &b);
	if (r)
		return r;
	if (b.full) {
		launch_fail(l, "arguments and environment do not fit in guest memory (--mem)");
		return -E2BIG;
	}
	l->boot->size = (uint32_t)b.used;
	l->boot->free_start = (boot_gpa + b.used + PAGE - 1) & ~(PAGE - 1);
	return 0;
}
