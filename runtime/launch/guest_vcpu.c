/* SPDX-License-Identifier: Apache-2.0
 * Home guest's vCPU threads. Each runs its vCPU, hands doorbells to the service's thread, and does
 * for the shim what needs a thread of the host: a timer, a sleep until another vCPU wakes it
 * (PARK), a kick of another.
 */
#include <errno.h>
#include <linux/futex.h>
#include <limits.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel-shim/home/guest/guest.h"
#include "runtime/jail/jail.h"
#include "runtime/launch/guest_image.h"
#include "runtime/launch/home_guest.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static struct vcpu *vcpu_of(const struct guest_vcpu *v)
{
	return v->l->vcpu[v->id];
}

static const struct vm_ops *ops_of(const struct guest_vcpu *v)
{
	return v->l->c->backend;
}

static void kick_here(struct guest_vcpu *v)
{
	atomic_store(&v->kicked, true);
	ops_of(v)->vcpu_kick(vcpu_of(v));
}

/* The shim is to look. Any thread. In a clone by a timer: tgkill(2) is let through for the process
 * that closed the jail. */
static void kick(struct guest_vcpu *v)
{
	const struct itimerspec now = {.it_value = {.tv_nsec = 1}};

	if (!v->l->res->clone)
		kick_here(v);
	else if (atomic_load(&v->begun))
		timer_settime(v->nudge, 0, &now, NULL);
}

/* -- timer -- */

static void on_timer(int sig, siginfo_t *si, void *uc)
{
	struct guest_vcpu *v = si->si_value.sival_ptr;

	(void)sig;
	(void)uc;
	kick_here(v);
}

static int make_timer(struct guest_vcpu *v)
{
	struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN + 1,
		.sigev_value.sival_ptr = v,
	};

	sigfillset(&sa.sa_mask);
	if (sigaction(ev.sigev_signo, &sa, NULL))
		return -errno;
	ev.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &v->timer))
		return -errno;
	if (v->l->res->clone && timer_create(CLOCK_MONOTONIC, &ev, &v->nudge))
		return -errno;
	return 0;
}

/* The guest wrote it: any nonsense is only its own loss. false: no time at all. */
static bool time_from_guest(const struct guest_vcpu *v, uint64_t guest_ns, struct timespec *out)
{
	uint64_t ns = service_host_ns(v->l->service, guest_ns);

	*out = (struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
	return out->tv_sec >= 0;
}

static void arm_timer(struct guest_vcpu *v)
{
	struct itimerspec its = {0};

	if (time_from_guest(
		    v, __atomic_load_n(&v->l->clock->kick_ns, __ATOMIC_RELAXED), &its.it_value))
		timer_settime(v->timer, TIMER_ABSTIME, &its, NULL);
}

/* -- vCPUs among themselves -- */

static void unpark(struct guest_vcpu *v)
{
	atomic_store(&v->unparked, 1);
	guest_futex(&v->unparked, FUTEX_WAKE, 1, NULL);
}

/* until NULL: for ever. True: nothing but a sample's timer ended it. */
static bool sleep_parked(struct guest_vcpu *v, const struct timespec *until)
{
	const struct home_guest *h = v->l->home_state;

	return !atomic_load(&h->stop) && !atomic_load(&v->unparked) &&
	       guest_futex(&v->unparked, FUTEX_WAIT_BITSET, 0, until) && errno == EINTR &&
	       atomic_load(&v->sampling.time) && !atomic_load(&v->kicked);
}

/* Once at the most: it may return early. `stop` is set before the UNPARK that goes with it. */
static void park(struct guest_vcpu *v)
{
	uint64_t until = ops_of(v)->vcpu_gprs(vcpu_of(v))->rcx;
	bool for_ever = until == UINT64_MAX;
	struct timespec at;

	if (for_ever || time_from_guest(v, until, &at)) {
		while (sleep_parked(v, for_ever ? NULL : &at))
			;
	}
	atomic_store(&v->unparked, 0);
}

/* -- exits -- */

/* Returns when the ring was served. */
static void await_served(struct guest_vcpu *v, uint32_t bell)
{
	struct home_guest *h = v->l->home_state;
	uint32_t served;

	while ((int32_t)((served = atomic_load(&h->served)) - bell) < 0 && !atomic_load(&h->stop)) {
		guest_save_if_wanted(v);
		guest_futex(&h->served, FUTEX_WAIT, served, NULL);
	}
}

/* One doorbell. */
static void ring_bell(struct guest_vcpu *v)
{
	struct home_guest *h = v->l->home_state;
	uint32_t bell = atomic_fetch_add(&h->bells, 1) + 1;

	guest_futex(&h->bells, FUTEX_WAKE, 1, NULL);
	await_served(v, bell);
}

static void guest_panic(struct launch *l, uint32_t n)
{
	char why[256];

	n = n < sizeof(why) - 1 ? n : sizeof(why) - 1;
	memcpy(why, l->ring->data, n);
	why[n] = 0;
	for (uint32_t i = 0; i < n; i++) {
		if ((unsigned char)why[i] < ' ' || (unsigned char)why[i] > '~')
			why[i] = '?';
	}
	launch_fail(l, "the shim failed: %s", why);
}

/* One that is pending already is as good: the fault comes again, and a kick says "look". */
static bool interrupt(struct guest_vcpu *v, uint8_t vector)
{
	int r = ops_of(v)->vcpu_interrupt(vcpu_of(v), vector);

	if (r && r != -EBUSY)
		launch_fail(v->l, "the vCPU takes no interrupt: %s", strerror(-r));
	return !r || r == -EBUSY;
}

/* The host had no memory behind a page. In the shim's soft accesses that is an error to return; in
 * ring 3 it is the program's SIGBUS. true: go on. */
static bool memory_exit(struct guest_vcpu *v)
{
	const struct home_guest *h = v->l->home_state;
	struct vm_gprs *g = ops_of(v)->vcpu_gprs(vcpu_of(v));

	for (size_t i = 0; i < sizeof(h->soft) / sizeof(h->soft[0]); i++) {
		if (g->rip != h->soft[i].fault)
			continue;
		g->rip = h->soft[i].fixup;
		ops_of(v)->vcpu_gprs_dirty(vcpu_of(v));
		return true;
	}
	if (g->rip >= BOOT_PHYSMAP_VA) {
		launch_fail(v->l, "guest memory could not be had from the host (out of memory?)");
		return false;
	}
	return interrupt(v, GUEST_VEC_BUS);
}

/* What the shim asked for by its `out`. true: go on. */
static bool port_exit(struct guest_vcpu *v, uint16_t port, uint32_t value)
{
	struct home_guest *h = v->l->home_state;

	switch (port) {
	case CHAN_PORT_DOORBELL:
		ring_bell(v);
		break;
	case CHAN_PORT_TIMER:
		arm_timer(v);
		break;
	case CHAN_PORT_PARK:
		park(v);
		break;
	case CHAN_PORT_UNPARK:
		if (value < v->l->c->cpus)
			unpark(&h->vcpu[value]);
		break;
	case CHAN_PORT_KICK:
		if (value < v->l->c->cpus)
			kick(&h->vcpu[value]);
		break;
	case CHAN_PORT_PANIC:
		guest_panic(v->l, value);
		return false;
	default:
		break;
	}
	return true;
}

/* What the shim counted, as far as its last exit. Nonsense of the guest's is shown as it is. */
static void show_counters(struct launch *l)
{
	volatile const struct chan_counters *from = &l->ring->counters;

	if (!l->c->shown)
		return;
	l->c->shown->shim.syscalls = from->syscalls;
	l->c->shown->shim.pages_used = from->pages_used;
	l->c->shown->shim.user_ns = from->user_ns;
}

/* A sample of turns is timed: reading the clock for each would be felt. */
#define TIMED_EVERY 16u

struct turns {
	struct observe_cpu *shown; /* or NULL */
	uint32_t n;
	uint64_t entered_ns, left_ns; /* of the one that is timed; else 0 */
};

static void turn_begin(struct turns *t)
{
	bool timed = t->shown && t->n++ % TIMED_EVERY == 0;
	uint64_t now = timed || t->left_ns ? launch_now_ns() : 0;

	if (t->left_ns)
		histogram_add(&t->shown->outside, now - t->left_ns);
	t->left_ns = 0;
	t->entered_ns = timed ? now : 0;
}

static bool parks(const struct vm_exit *x)
{
	return x->reason == VM_EXIT_IO_OUT && x->io.port == CHAN_PORT_PARK;
}

static void turn_end(struct turns *t, const struct vm_exit *x)
{
	uint64_t now;

	if (!t->entered_ns)
		return;
	now = launch_now_ns();
	histogram_add(&t->shown->inside, now - t->entered_ns);
	t->left_ns = parks(x) ? 0 : now; /* what follows is waiting */
}

/* true: go on. */
static bool handle_exit(struct guest_vcpu *v, const struct vm_exit *x)
{
	switch (x->reason) {
	case VM_EXIT_IO_OUT:
		return port_exit(v, x->io.port, x->io.value);
	case VM_EXIT_INTR:
		return guest_sampling_only(v) || interrupt(v, GUEST_VEC_KICK);
	case VM_EXIT_IRQ_WINDOW:
		return true;
	case VM_EXIT_MEMORY:
		return memory_exit(v);
	default:
		launch_fail(v->l, "the virtual machine stopped: %s (rip %llx)",
			vm_exit_name(x->reason),
			(unsigned long long)ops_of(v)->vcpu_gprs(vcpu_of(v))->rip);
		return false;
	}
}

/* -- threads -- */

/* 0 or -errno. x: the last exit, then the next. */
static int run_turn(struct guest_vcpu *v, struct turns *turns, struct vm_exit *x)
{
	int r;

	guest_sampling_look(v, parks(x));
	turn_begin(turns);
	guest_sampling_run_begin(v);
	r = ops_of(v)->vcpu_run(vcpu_of(v), x);
	guest_sampling_run_end(v);
	if (r)
		launch_fail(v->l, "the vCPU cannot run: %s", strerror(-r));
	else
		turn_end(turns, x);
	return r;
}

static void *vcpu_main(void *arg)
{
	struct guest_vcpu *v = arg;
	struct launch *l = v->l;
	struct home_guest *h = l->home_state;
	struct launch_ioctls ioctls = {.n = 0};
	struct turns turns = {.shown = l->c->shown ? &l->c->shown->cpu[v->id] : NULL};
	struct vm_exit x = {.reason = VM_EXIT_INTR};
	int r = make_timer(v);

	if (!r)
		r = guest_sampling_begin(v);

	launch_name_thread("vcpu", (int)v->id);
	atomic_store(&v->begun, true);
	launch_ioctls_of_vcpus(l, &ioctls);
	if (!r)
		r = jail_thread(JAIL_VCPU, l->needs, ioctls.number, ioctls.n);
	if (r)
		launch_fail(l, "cannot close the vCPU thread's jail: %s", strerror(-r));
	if (!r && v->resumes) {
		arm_timer(v); /* the shim counts on what it asked for last */
		await_served(v, atomic_load(&h->bells));
		if (l->c->restore)
			kick_here(v); /* one that was on its way then is lost: it looks */
	}
	while (!r && !atomic_load(&h->stop)) {
		r = run_turn(v, &turns, &x);
		if (!r && !handle_exit(v, &x))
			break;
		show_counters(l);
	}
	guest_vcpus_stop(l);
	service_wake(l->service); /* if it sleeps in a WAIT */
	atomic_fetch_add(&h->bells, 1);
	guest_futex(&h->bells, FUTEX_WAKE, 1, NULL);
	return NULL;
}

int guest_vcpus_start(struct launch *l)
{
	struct home_guest *h = l->home_state;
	int r = 0;

	for (uint32_t i = 0; i < l->c->cpus && !r; i++) {
		r = -pthread_create(&h->vcpu[i].thread, NULL, vcpu_main, &h->vcpu[i]);
		h->vcpu[i].runs = !r;
	}
	return r;
}

void guest_vcpus_stop(struct launch *l)
{
	struct home_guest *h = l->home_state;

	atomic_store(&h->stop, 1);
	atomic_fetch_add(&h->served, 1u << 16); /* whoever waits for a bell sees stop */
	guest_futex(&h->served, FUTEX_WAKE, INT_MAX, NULL);
	for (uint32_t i = 0; i < l->c->cpus; i++)
		unpark(&h->vcpu[i]);
	guest_vcpus_kick(l);
}

void guest_vcpus_join(struct launch *l)
{
	struct home_guest *h = l->home_state;

	for (uint32_t i = 0; i < l->c->cpus; i++)
		if (h->vcpu[i].runs)
			pthread_join(h->vcpu[i].thread, NULL);
}

void guest_vcpus_kick(struct launch *l)
{
	struct home_guest *h = l->home_state;

	for (uint32_t i = 0; i < l->c->cpus; i++)
		kick(&h->vcpu[i]);
}

int guest_vcpu_set_registers(struct launch *l, uint32_t id)
{
	const struct vm_ops *ops = l->c->backend;
	struct vcpu *v = l->vcpu[id];
	struct guest_start start;
	int r;

	guest_image_start(&start, id, l->c->cpus, l->c->caps.xsave,
		(uint64_t)((uint8_t *)l->boot - l->mem.ram));
	r = ops->vcpu_set_sregs(v, &start.sregs);
	for (size_t i = 0; i < sizeof(start.msr) / sizeof(start.msr[0]) && !r; i++)
		r = ops->vcpu_set_msr(v, start.msr[i].index, start.msr[i].value);
	*ops->vcpu_gprs(v) = start.gprs;
	ops->vcpu_gprs_dirty(v);
	return r;
}
