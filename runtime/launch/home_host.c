/* SPDX-License-Identifier: Apache-2.0
 * The shim in this process (home host), user code in ring 3 of the VM (the trap engine).
 */
#include <errno.h>
#include <string.h>

#include "kernel-shim/home/host/trap.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/host_core.h"

#define IOCTLS_MAX 32

static uint64_t host_ram_reserved(struct launch *l)
{
	return host_trap_ram(l->mem.ram_size, l->c->cpus);
}

static int host_prepare(struct launch *l)
{
	struct host_trap *trap;
	int r = host_trap_create(&trap, l->c->backend, l->vm, l->vcpu, l->c->cpus, &l->c->caps,
		l->mem.ram, l->mem.ram_size);

	if (!r)
		l->home_state = trap;
	return r;
}

static int host_run(struct launch *l)
{
	const unsigned long *list;
	size_t n = l->c->backend->vcpu_ioctls(&list);
	unsigned long ioctls[IOCTLS_MAX];

	if (n >= IOCTLS_MAX)
		return -E2BIG;
	memcpy(ioctls, list, n * sizeof(*list));
	/* these threads change the guest's page tables, so they must say so */
	ioctls[n] = l->c->backend->forget_ioctl;
	return launch_core_run(l, &host_trap_ops, l->home_state, ioctls, n + 1);
}

static void host_kick(struct launch *l)
{
	host_trap_kick(l->home_state);
}

static void host_destroy(struct launch *l)
{
	if (l->home_state)
		host_trap_destroy(l->home_state);
	l->home_state = NULL;
}

const struct launch_home_ops launch_home_host = {
	.name = "host",
	.roles = JAIL_ROLE(JAIL_CORE) | JAIL_ROLE(JAIL_WATCHER),
	.ram_reserved = host_ram_reserved,
	.prepare = host_prepare,
	.run = host_run,
	.kick = host_kick,
	.destroy = host_destroy,
};
