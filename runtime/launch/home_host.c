/* SPDX-License-Identifier: Apache-2.0
 * The shim in this process (home host), user code in ring 3 of the VM (the trap engine). The
 * channel is a function call; core, service and vCPU share one thread, so a trap costs no switch of
 * threads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-shim/home/host/trap.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/launch_internal.h"

#define IOCTLS_MAX 32

struct home_host {
	struct host_trap *trap;
	uint8_t in[CHAN_DATA_SIZE];
};

static void host_channel(void *arg, struct chan_msg *m)
{
	struct launch *l = arg;
	struct home_host *h = l->home_state;
	uint32_t n = m->in_len <= CHAN_DATA_SIZE ? m->in_len : CHAN_DATA_SIZE;

	/* input and output share the data area: the service reads a copy, as it does from a ring */
	memcpy(h->in, l->ring->data, n);
	service_handle(l->service, m, h->in, l->ring->data);
	service_update_events(l->service, l->ring);
	if (m->op == CHAN_OP_WAIT || m->op == CHAN_OP_GETATTR)
		launch_clock_refresh(l);
}

__attribute__((noreturn)) static void host_panic(void *arg, const char *why)
{
	struct launch *l = arg;

	/* The core's stacks are beyond use: say why, and go without unwinding them. */
	l->c->log(l->c->arg, CHAN_LOG_FATAL, why);
	service_restore_tty(l->service);
	_exit(125);
}

static uint64_t host_ram_reserved(struct launch *l)
{
	return host_trap_ram(l->mem.ram_size);
}

static int host_prepare(struct launch *l)
{
	struct home_host *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	l->home_state = h;
	return host_trap_create(
		&h->trap, l->c->backend, l->vm, l->vcpu, &l->c->caps, l->mem.ram, l->mem.ram_size);
}

static int host_run(struct launch *l)
{
	struct home_host *h = l->home_state;
	const unsigned long *list;
	size_t n = l->c->backend->vcpu_ioctls(&list);
	unsigned long ioctls[IOCTLS_MAX];
	struct host_home_config hc = {
		.ram = l->mem.ram,
		.ram_size = l->mem.ram_size,
		.window = l->mem.window,
		.window_size = l->mem.window_size,
		.boot = l->boot,
		.ring = l->ring,
		.engine = &host_trap_ops,
		.engine_arg = h->trap,
		.channel = host_channel,
		.channel_arg = l,
		.panic = host_panic,
	};
	int r = n < IOCTLS_MAX ? 0 : -E2BIG;

	for (size_t i = 0; !r && i < n; i++)
		ioctls[i] = list[i];
	if (!r) { /* this thread changes the guest's page tables, so it must say so */
		ioctls[n] = l->c->backend->forget_ioctl;
		r = jail_thread(JAIL_CORE, ioctls, n + 1);
	}
	if (r) {
		launch_fail(l, "cannot close the jail: %s", strerror(-r));
		return r;
	}
	return host_home_run(&hc);
}

static void host_kick(struct launch *l)
{
	struct home_host *h = l->home_state;

	host_trap_kick(h->trap);
}

static void host_destroy(struct launch *l)
{
	struct home_host *h = l->home_state;

	if (h && h->trap)
		host_trap_destroy(h->trap);
	free(h);
	l->home_state = NULL;
}

const struct launch_home_ops launch_home_host = {
	.name = "host",
	.ram_reserved = host_ram_reserved,
	.prepare = host_prepare,
	.run = host_run,
	.kick = host_kick,
	.destroy = host_destroy,
};
