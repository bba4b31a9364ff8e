/* SPDX-License-Identifier: Apache-2.0
 * The shim's core in this process (home host). The channel is a function call; core, service and
 * engine share a thread, so a trap costs no switch of threads. Each processor of the sandbox is
 * such a thread, and the core's lock is the service's too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/jail/jail.h"
#include "runtime/launch/host_core.h"

struct host_cpu {
	struct host_core *h;
	uint32_t id;
	pthread_t thread;
};

struct host_core {
	struct launch *l;
	const struct host_engine_ops *engine;
	void *engine_arg;
	const unsigned long *ioctls;
	size_t nioctls;
	uint8_t in[CHAN_DATA_SIZE];

	uint32_t nthreads;    /* that were started; the main thread is processor 0 */
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	uint32_t ready; /* threads that have closed their jail, or failed to */
	int err;
	enum core_state { CORE_WAIT, CORE_GO, CORE_STOP } state;
	struct host_cpu cpu[];
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

static void core_turned(void *arg, u32 cpu, u64 inside_ns, u64 outside_ns)
{
	struct host_core *h = arg;
	struct observe_cpu *shown = &h->l->c->shown->cpu[cpu];

	histogram_add(&shown->inside, inside_ns);
	if (outside_ns)
		histogram_add(&shown->outside, outside_ns);
}

static size_t core_host_path(void *arg, const char *path, char *out, size_t size)
{
	return launch_host_path(((struct host_core *)arg)->l->c, path, out, size);
}

__attribute__((noreturn)) static void core_panic(void *arg, const char *why)
{
	struct host_core *h = arg;

	/* The core's stacks are beyond use: say why, and go without unwinding them. */
	h->l->c->log(h->l->c->arg, CHAN_LOG_FATAL, why);
	service_restore_tty(h->l->service);
	_exit(125);
}

/* -- a processor's thread -- */

/* What needs more than the jail allows, then the jail. */
static int cpu_begin(struct host_core *h, uint32_t id)
{
	int r = h->engine->cpu_begin ? h->engine->cpu_begin(h->engine_arg, id) : 0;

	return r ? r : jail_thread(JAIL_CORE, h->l->needs, h->ioctls, h->nioctls);
}

static void *cpu_main(void *arg)
{
	struct host_cpu *c = arg;
	struct host_core *h = c->h;
	bool go;
	int r;

	launch_name_thread("cpu", (int)c->id);
	r = cpu_begin(h, c->id);

	pthread_mutex_lock(&h->lock);
	h->ready++;
	if (r)
		h->err = r;
	pthread_cond_broadcast(&h->changed);
	while (h->state == CORE_WAIT)
		pthread_cond_wait(&h->changed, &h->lock);
	go = h->state == CORE_GO;
	pthread_mutex_unlock(&h->lock);
	if (go)
		host_home_run(c->id);
	return NULL;
}

/* -- the others, from the first -- */

/* Before this thread closes its jail, which has no clone(2). */
static int others_start(struct host_core *h, uint32_t ncpus)
{
	int r = 0;

	for (uint32_t i = 1; i < ncpus && !r; i++) {
		struct host_cpu *c = &h->cpu[i];

		*c = (struct host_cpu){.h = h, .id = i};
		r = -pthread_create(&c->thread, NULL, cpu_main, c);
		if (!r)
			h->nthreads++;
	}
	return r;
}

static int others_wait_ready(struct host_core *h)
{
	int r;

	pthread_mutex_lock(&h->lock);
	while (h->ready < h->nthreads)
		pthread_cond_wait(&h->changed, &h->lock);
	r = h->err;
	pthread_mutex_unlock(&h->lock);
	return r;
}

static void others_tell(struct host_core *h, enum core_state state)
{
	pthread_mutex_lock(&h->lock);
	h->state = state;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

static void others_join(struct host_core *h)
{
	for (uint32_t i = 1; i <= h->nthreads; i++)
		pthread_join(h->cpu[i].thread, NULL);
}

/* -- from the beginning to the end -- */

static int core_boot_home(struct host_core *h)
{
	struct launch *l = h->l;
	const struct host_home_config hc = {
		.ram = l->mem.ram,
		.ram_size = l->mem.ram_size,
		.window = l->mem.window,
		.window_size = l->mem.window_size,
		.boot = l->boot,
		.ring = l->ring,
		.counters = l->c->shown ? &l->c->shown->shim : NULL,
		.samples = l->c->samples,
		.engine = h->engine,
		.engine_arg = h->engine_arg,
		.channel = core_channel,
		.kicked = core_kicked,
		.turned = l->c->shown ? core_turned : NULL,
		.host_path = core_host_path,
		.channel_arg = h,
		.panic = core_panic,
	};

	return host_home_boot(&hc);
}

static int core_run_all(struct host_core *h)
{
	int r = host_home_prepare();

	if (!r)
		r = others_start(h, h->l->c->cpus);
	if (!r)
		r = cpu_begin(h, 0);
	if (!r)
		r = others_wait_ready(h);
	if (r)
		launch_fail(h->l, "cannot close the jail: %s", strerror(-r));
	else
		r = core_boot_home(h);
	others_tell(h, r ? CORE_STOP : CORE_GO);
	if (!r)
		host_home_run(0);
	others_join(h);
	if (!r)
		host_home_free();
	return r;
}

int launch_core_run(struct launch *l, const struct host_engine_ops *engine, void *engine_arg,
	const unsigned long *ioctls, size_t nioctls)
{
	struct host_core *h = calloc(1, sizeof(*h) + l->c->cpus * sizeof(h->cpu[0]));
	int r;

	if (!h)
		return -ENOMEM;
	h->l = l;
	h->engine = engine;
	h->engine_arg = engine_arg;
	h->ioctls = ioctls;
	h->nioctls = nioctls;
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
	r = core_run_all(h);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
	free(h);
	return r;
}
