/* SPDX-License-Identifier: Apache-2.0
 * The shim in this process (home host), user code in ring 3 of the VM (the trap engine).
 */
#include <errno.h>

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

struct ioctls {
	unsigned long number[IOCTLS_MAX];
	size_t n;
};

static void add_ioctls(struct ioctls *to, const unsigned long *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (to->n < IOCTLS_MAX)
			to->number[to->n++] = list[i];
}

static int host_run(struct launch *l)
{
	const struct vm_ops *ops = l->c->backend;
	const unsigned long *list;
	struct ioctls ioctls = {.n = 0};
	size_t n = ops->vcpu_ioctls(&list);

	add_ioctls(&ioctls, list, n);
	/* these threads change the guest's page tables, so they must say so */
	add_ioctls(&ioctls, &ops->forget_ioctl, 1);
	if (l->template) {
		n = ops->again_ioctls(&list);
		add_ioctls(&ioctls, list, n);
	}
	if (ioctls.n == IOCTLS_MAX)
		return -E2BIG;
	return launch_core_run(l, &host_trap_ops, l->home_state, ioctls.number, ioctls.n);
}

/* -- templates -- */

static int host_park(struct launch *l)
{
	host_trap_park(l->home_state);
	return 0;
}

static int host_become(struct launch *l, const uint8_t *seed, size_t n)
{
	int r = launch_vm_again(l);

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
