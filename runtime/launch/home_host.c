/* SPDX-License-Identifier: Apache-2.0
 * The shim in this process (home host), user code in ring 3 of the VM (the trap engine).
 */
#include <errno.h>

#include "kernel-shim/home/host/trap.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/host_core.h"

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
	struct launch_ioctls ioctls = {.n = 0};

	launch_ioctls_of_vcpus(l, &ioctls);
	/* these threads change the guest's page tables, so they must say so */
	launch_ioctls_add(&ioctls, &l->c->backend->forget_ioctl, 1);
	return launch_core_run(l, &host_trap_ops, l->home_state, ioctls.number, ioctls.n);
}

/* -- templates -- */

static int host_park(struct launch *l, const struct chan_msg *m)
{
	(void)m;
	host_trap_park(l->home_state);
	return 0;
}

static int host_become(struct launch *l, const uint8_t *seed, size_t n)
{
	int r = launch_vm_again(l, NULL);

	if (!r)
		r = host_trap_copied(l->home_state);
	host_home_copied(seed, n);
	return r;
}

/* -- the end -- */

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
	.park = host_park,
	.become = host_become,
	.kick = host_kick,
	.destroy = host_destroy,
};
