/* SPDX-License-Identifier: Apache-2.0
 * The shim in ring 0 of the VM (home guest). The vCPUs have a thread each, which may do little more
 * than run it (guest_vcpu.c), and this one serves the channel.
 *
 * A doorbell is handed over by two counters: a vCPU thread advances `bells` and sleeps until the
 * ring is served; the service advances `served`. Before it sleeps, the service looks for a while by
 * itself (host_polling); then the guest does not ring at all.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "kernel-shim/home/guest/guest.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/guest_image.h"
#include "runtime/launch/home_guest.h"

#define POLL_NS_MAX 50000ull
#define POLL_NS_MIN 2000ull
#define POLL_EVERY  64u /* looks between two readings of the clock */

/* Looks at the ring for as long as that has paid before. true: something came. */
static bool poll_ring(struct launch *l, struct home_guest *h)
{
	uint64_t until;
	bool found = false;

	if (!h->may_poll)
		return false;
	until = launch_now_ns() + h->poll_ns;
	atomic_store(&h->polling, 1);
	__atomic_store_n(&l->ring->host_polling, 1, __ATOMIC_SEQ_CST);
	for (unsigned i = 1; !found; i++) {
		found = service_serve_ring(l->service, l->ring) > 0;
		if (!found && i % POLL_EVERY == 0 &&
			(launch_now_ns() >= until || atomic_load(&h->stop)))
			break;
		__builtin_ia32_pause();
	}
	/* sequentially consistent: pairs with plat_channel, which stores the tail and then reads
	 * this */
	__atomic_store_n(&l->ring->host_polling, 0, __ATOMIC_SEQ_CST);
	atomic_store(&h->polling, 0);
	if (!found)
		found = service_serve_ring(l->service, l->ring) > 0;
	h->poll_ns = found ? POLL_NS_MAX : h->poll_ns / 2;
	if (h->poll_ns < POLL_NS_MIN)
		h->poll_ns = POLL_NS_MIN;
	return found;
}

static void serve(struct launch *l, struct home_guest *h)
{
	uint32_t bell = 0;

	while (!atomic_load(&h->stop)) {
		uint32_t now = atomic_load(&h->bells);

		if (now != bell) {
			bell = now;
			service_serve_ring(l->service, l->ring);
			launch_clock_refresh(l);
			atomic_store(&h->served, bell);
			guest_futex(&h->served, FUTEX_WAKE, INT_MAX, NULL);
		}
		if (l->ended)
			break;
		if (poll_ring(l, h))
			continue;
		guest_futex(&h->bells, FUTEX_WAIT, bell, NULL);
	}
	guest_vcpus_stop(l);
}

/* -- the home -- */

static uint64_t guest_ram_reserved(struct launch *l)
{
	return guest_image_ram(l->mem.ram_size);
}

/* Doorbells of a guest that did not see the service looking, in time: answered below us where the
 * backend can. It is an optimization, and goes with the VM. */
static void guest_doorbell(struct launch *l)
{
	struct home_guest *h = l->home_state;
	const struct vm_doorbell d = {
		.port = CHAN_PORT_DOORBELL,
		.wait_ns = POLL_NS_MAX,
		.bells = &h->bells,
		.served = &h->served,
		.polling = &h->polling,
	};

	if (h->may_poll && l->c->backend->set_doorbell)
		(void)l->c->backend->set_doorbell(l->vm, &d);
}

static int guest_prepare(struct launch *l)
{
	struct home_guest *h = calloc(1, sizeof(*h) + l->c->cpus * sizeof(h->vcpu[0]));
	int r;

	if (!h)
		return -ENOMEM;
	l->home_state = h;
	for (uint32_t i = 0; i < l->c->cpus; i++)
		h->vcpu[i] = (struct guest_vcpu){.l = l, .id = i};
	/* a template stops where the vCPU waits for its doorbell's answer */
	h->may_poll = sysconf(_SC_NPROCESSORS_ONLN) > 1 && !launch_stops(l);
	h->poll_ns = POLL_NS_MAX;
	guest_doorbell(l);
	l->boot->cr3 = GUEST_PA_PML4;
	r = guest_image_load(l->mem.ram, l->mem.ram_size, l->c->cpus);
	if (r)
		return r;
	guest_image_fixups(h->soft);
	for (uint32_t i = 0; i < l->c->cpus && !r; i++)
		r = guest_vcpu_set_registers(l, i);
	if (!r)
		r = guest_sampling_prepare(l);
	return r || !launch_stops(l) ? r : guest_clone_prepare(l);
}

static int guest_run(struct launch *l)
{
	struct launch_ioctls ioctls = {.n = 0};
	int r = guest_vcpus_start(l);

	launch_ioctls_of_vcpus(
		l, &ioctls); /* of use only to a template: a clone's thread is this one's */
	if (r)
		launch_fail(l, "cannot start a vCPU's thread: %s", strerror(-r));
	if (!r) {
		r = jail_thread(JAIL_SERVICE, l->needs, ioctls.number, ioctls.n);
		if (r)
			launch_fail(l, "cannot close the jail: %s", strerror(-r));
	}
	if (r)
		guest_vcpus_stop(l);
	else
		serve(l, l->home_state);
	guest_vcpus_join(l);
	return r ? r : atomic_load(&l->failed) ? -EIO : 0;
}

static void guest_destroy(struct launch *l)
{
	/* the vCPUs' timers are for threads that are gone, and go with the process */
	struct home_guest *h = l->home_state;

	if (h) {
		sampler_destroy(h->sampler);
		free(h->saved);
	}
	free(h);
	l->home_state = NULL;
}

const struct launch_home_ops launch_home_guest = {
	.name = "guest",
	.roles = JAIL_ROLE(JAIL_SERVICE) | JAIL_ROLE(JAIL_VCPU) | JAIL_ROLE(JAIL_WATCHER),
	.ram_reserved = guest_ram_reserved,
	.ram_constant = guest_image_constant,
	.prepare = guest_prepare,
	.run = guest_run,
	.park = guest_park,
	.become = guest_become,
	.snapshot = guest_snapshot,
	.restore = guest_restore,
	.kick = guest_vcpus_kick,
	.destroy = guest_destroy,
};
