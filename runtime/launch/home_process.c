/* SPDX-License-Identifier: Apache-2.0
 * The shim in this process (home host), user code in trapped processes (the process engine). RAM
 * has two parts: the shim's own, which is this process's alone, and the programs', which their
 * processes can map.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel-shim/home/host/process.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/host_core.h"

#define PAGE	  4096ull
#define OWN_MIN	  (32ull << 20)
#define OWN_SHARE 4 /* for each 4 bytes of the programs' one of the shim's: tables, inodes, … */

struct home_process {
	struct process_vm *vm;
	struct host_process *engine;
	/* of the next clone; -1 */
	struct process_heir heir;
	int heir_ram;
};

static uint64_t process_own_ram(struct launch *l)
{
	uint64_t share = l->c->mem_size / OWN_SHARE;

	return (share > OWN_MIN ? share : OWN_MIN) & ~(PAGE - 1);
}

static uint64_t process_ram_reserved(struct launch *l)
{
	(void)l;
	return PAGE; /* frame 0 is nobody's */
}

static int process_prepare(struct launch *l)
{
	struct home_process *h = calloc(1, sizeof(*h));
	struct process_caps caps = {
		.xcr0 = l->c->caps.xcr0,
		.fpu_size = l->c->caps.xsave_size,
		.fsgsbase = l->c->caps.fsgsbase,
	};
	int r;

	if (!h)
		return -ENOMEM;
	l->home_state = h;
	h->heir_ram = h->heir.control_fd = h->heir.socket = -1;
	r = process_vm_create(&h->vm, &caps, l->ram_fd);
	if (!r)
		r = host_process_create(&h->engine, h->vm, l->shared_start, l->c->cpus);
	for (uint32_t i = 0; i < l->c->cpus && !r && l->c->shown; i++)
		process_show(h->vm, i, l->c->shown->cpu[i].exits);
	return r;
}

static int limit_zygote(void *arg)
{
	const struct launch *l = arg;

	return jail_zygote((l->c->caps.fsgsbase ? 0 : JAIL_BASES) | (l->needs & JAIL_TEMPLATE));
}

static int process_fork(struct launch *l, bool pid_namespace)
{
	struct home_process *h = l->home_state;

	return process_vm_start(h->vm, pid_namespace, limit_zygote, l);
}

static int process_run_core(struct launch *l)
{
	struct home_process *h = l->home_state;

	return launch_core_run(l, &host_process_ops, h->engine, NULL, 0);
}

static void process_kick_engine(struct launch *l)
{
	struct home_process *h = l->home_state;

	host_process_kick(h->engine);
}

static int process_window_map(
	struct launch *l, uint64_t off, uint64_t len, int fd, uint64_t file_off)
{
	struct home_process *h = l->home_state;

	return host_process_window_map(h->engine, off, len, fd, file_off);
}

static void process_window_unmap(struct launch *l, uint64_t off, uint64_t len)
{
	struct home_process *h = l->home_state;

	host_process_window_unmap(h->engine, off, len);
}

/* -- templates -- */

/* Where no page can be frozen clones have copies of all. */
static int process_park(struct launch *l, const struct chan_msg *m)
{
	struct home_process *h = l->home_state;

	host_process_park(h->engine);
	if (l->ram_read_fd >= 0 && !launch_memory_seal(l))
		host_process_freeze(h->engine, l->ram_read_fd, m);
	return 0;
}

static enum launch_page process_page(const struct launch *l, uint64_t off)
{
	static const enum launch_page kinds[] = {
		[HOST_PAGE_UNUSED] = LAUNCH_PAGE_NONE,
		[HOST_PAGE_OWN] = LAUNCH_PAGE_COPY,
		[HOST_PAGE_FROZEN] = LAUNCH_PAGE_SHARE,
	};
	const struct home_process *h = l->home_state;

	return kinds[host_process_page(h->engine, off)];
}

static void process_drop(struct launch *l)
{
	struct home_process *h = l->home_state;

	process_heir_drop(&h->heir);
	if (h->heir_ram >= 0)
		close(h->heir_ram);
	h->heir_ram = -1;
}

static int process_make_heir(struct launch *l)
{
	struct home_process *h = l->home_state;
	int r;

	h->heir_ram = launch_memory_copy(l);
	if (h->heir_ram < 0)
		return h->heir_ram;
	r = process_heir_make(h->vm, h->heir_ram, &h->heir);
	l->heir_pid = h->heir.pid;
	if (r)
		process_drop(l);
	return r;
}

static int process_become(struct launch *l, const uint8_t *seed, size_t n)
{
	struct home_process *h = l->home_state;
	int r = launch_memory_adopt(l, h->heir_ram);

	if (!r)
		r = process_heir_become(h->vm, h->heir_ram, &h->heir);
	h->heir_ram = h->heir.control_fd = h->heir.socket = -1;
	if (!r)
		r = host_process_ops.cpu_begin(h->engine, 0); /* timers are not inherited */
	host_home_copied(seed, n);
	return r;
}

/* -- the end -- */

/* A clone's trapped processes are not its children: the shim has counted. */
static void take_clone_times(struct launch *l)
{
	if (l->res->clone && l->c->shown)
		l->res->user_ns += l->c->shown->shim.user_ns - l->user_ns0;
}

static void process_take_stats(struct launch *l)
{
	struct home_process *h = l->home_state;

	if (h && h->vm)
		process_stats(h->vm, &l->res->processes);
	take_clone_times(l);
}

static void process_destroy(struct launch *l)
{
	struct home_process *h = l->home_state;

	if (!h)
		return;
	if (h->engine)
		host_process_destroy(h->engine);
	if (h->vm)
		process_vm_destroy(h->vm);
	free(h);
	l->home_state = NULL;
}

const struct launch_home_ops launch_home_process = {
	.name = "host",
	.roles = JAIL_ROLE(JAIL_CORE) | JAIL_ROLE(JAIL_WATCHER),
	.user_va_start = STUB_LOW_END,
	.user_va_end = STUB_BASE,
	.own_ram = process_own_ram,
	.ram_reserved = process_ram_reserved,
	.prepare = process_prepare,
	.fork = process_fork,
	.run = process_run_core,
	.kick = process_kick_engine,
	.window_map = process_window_map,
	.window_unmap = process_window_unmap,
	.park = process_park,
	.heir = process_make_heir,
	.become = process_become,
	.drop = process_drop,
	.page = process_page,
	.stats = process_take_stats,
	.destroy = process_destroy,
};
