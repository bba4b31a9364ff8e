/* SPDX-License-Identifier: Apache-2.0
 * The shim in this process (home host), user code in trapped processes (the process engine). RAM
 * has two parts: the shim's own, which is this process's alone, and the programs', which their
 * processes can map.
 */
#include <errno.h>
#include <stdlib.h>

#include "kernel-shim/home/host/process.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/host_core.h"

#define PAGE	  4096ull
#define OWN_MIN	  (32ull << 20)
#define OWN_SHARE 4 /* for each 4 bytes of the programs' one of the shim's: tables, inodes, … */

struct home_process {
	struct process_vm *vm;
	struct host_process *engine;
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

	return jail_zygote(l->c->caps.fsgsbase ? 0 : JAIL_BASES);
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

static void process_take_stats(struct launch *l)
{
	struct home_process *h = l->home_state;

	if (h && h->vm)
		process_stats(h->vm, &l->res->processes);
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
	.stats = process_take_stats,
	.destroy = process_destroy,
};
