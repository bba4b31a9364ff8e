/* SPDX-License-Identifier: Apache-2.0
 * The shim's core in this process (home host). The channel is a function call; core, service and
 * engine share one thread, so a trap costs no switch of threads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/jail/jail.h"
#include "runtime/launch/host_core.h"

struct host_core {
	struct launch *l;
	uint8_t in[CHAN_DATA_SIZE];
};

static void core_channel(void *arg, struct chan_msg *m)
{
	struct host_core *h = arg;
	struct launch *l = h->l;
	uint32_t n = m->in_len <= CHAN_DATA_SIZE ? m->in_len : CHAN_DATA_SIZE;

	/* input and output share the data area: the service reads a copy, as it does from a ring */
	memcpy(h->in, l->ring->data, n);
	service_handle(l->service, m, h->in, l->ring->data);
	service_update_events(l->service, l->ring);
	if (m->op == CHAN_OP_WAIT || m->op == CHAN_OP_GETATTR)
		launch_clock_refresh(l);
}

/* A clock that falls behind the host's would let each kick come before its time, and be asked for
 * again at once. */
static void core_kicked(void *arg)
{
	struct host_core *h = arg;

	launch_clock_refresh(h->l);
}

__attribute__((noreturn)) static void core_panic(void *arg, const char *why)
{
	struct host_core *h = arg;

	/* The core's stacks are beyond use: say why, and go without unwinding them. */
	h->l->c->log(h->l->c->arg, CHAN_LOG_FATAL, why);
	service_restore_tty(h->l->service);
	_exit(125);
}

int launch_core_run(struct launch *l, const struct host_engine_ops *engine, void *engine_arg,
	const unsigned long *ioctls, size_t nioctls)
{
	struct host_core *h = calloc(1, sizeof(*h));
	struct host_home_config hc = {
		.ram = l->mem.ram,
		.ram_size = l->mem.ram_size,
		.window = l->mem.window,
		.window_size = l->mem.window_size,
		.boot = l->boot,
		.ring = l->ring,
		.engine = engine,
		.engine_arg = engine_arg,
		.channel = core_channel,
		.kicked = core_kicked,
		.channel_arg = h,
		.panic = core_panic,
	};
	int r = h ? jail_thread(JAIL_CORE, ioctls, nioctls) : -ENOMEM;

	if (r) {
		launch_fail(l, "cannot close the jail: %s", strerror(-r));
	} else {
		h->l = l;
		r = host_home_run(&hc);
	}
	free(h);
	return r;
}
