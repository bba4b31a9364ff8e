/* SPDX-License-Identifier: Apache-2.0
 * When home guest's vCPUs come out for samples of user code (runtime/sample): each has a timer for
 * it. While nobody asks that goes off when user code has run for long, once, to see whether
 * somebody does by now; exits that happen anyway look at one word for that. The shim is not told.
 */
#include <errno.h>
#include <string.h>

#include "runtime/launch/guest_image.h"
#include "runtime/launch/home_guest.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static size_t host_path(void *arg, const char *path, char *out, size_t size)
{
	return launch_host_path(((struct launch *)arg)->c, path, out, size);
}

int guest_sampling_prepare(struct launch *l)
{
	struct home_guest *h = l->home_state;
	const struct sampler_config config = {
		.mem = &l->mem,
		.layout = guest_image_data("guest_layout", sizeof(struct guest_layout)),
		.to = l->c->samples,
		.host_path = host_path,
		.arg = l,
	};

	if (!config.to)
		return 0;
	return config.layout ? sampler_create(&h->sampler, &config) : -ENOEXEC;
}

static void come_out(struct guest_vcpu *v)
{
	v->l->c->backend->vcpu_kick(v->l->vcpu[v->id]);
}

/* On the vCPU's own thread, which it interrupts. One that sleeps is not to come out for it. */
static void on_time(int sig, siginfo_t *si, void *uc)
{
	struct guest_vcpu *v = si->si_value.sival_ptr;

	(void)sig;
	(void)uc;
	atomic_store(&v->sampling.time, true);
	if (atomic_load(&v->sampling.runs))
		come_out(v);
}

void guest_sampling_run_begin(struct guest_vcpu *v)
{
	atomic_store_explicit(&v->sampling.runs, true, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst); /* the handler is of this thread */
	if (atomic_load_explicit(&v->sampling.time, memory_order_relaxed))
		come_out(v);
}

void guest_sampling_run_end(struct guest_vcpu *v)
{
	atomic_store_explicit(&v->sampling.runs, false, memory_order_relaxed);
}

int guest_sampling_begin(struct guest_vcpu *v)
{
	const struct home_guest *h = v->l->home_state;
	struct sigaction sa = {.sa_sigaction = on_time, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN + 2,
		.sigev_value.sival_ptr = v,
	};

	if (!h->sampler)
		return 0;
	v->sampling.cpu.id = v->id;
	v->sampling.time = true; /* the first look sets the timer */
	sigfillset(&sa.sa_mask);
	if (sigaction(ev.sigev_signo, &sa, NULL))
		return -errno;
	ev.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	return timer_create(CLOCK_MONOTONIC, &ev, &v->sampling.timer) ? -errno : 0;
}

void guest_sampling_look(struct guest_vcpu *v, bool slept)
{
	const struct home_guest *h = v->l->home_state;
	const struct vm_gprs *g;
	struct itimerspec its = {0};
	struct sampler_at at;
	uint64_t next;

	if (!h->sampler || (!atomic_load(&v->sampling.time) &&
				   !sampler_is_asked(h->sampler, &v->sampling.cpu)))
		return;
	atomic_store(&v->sampling.time, false);
	g = v->l->c->backend->vcpu_gprs(v->l->vcpu[v->id]);
	at = (struct sampler_at){g->rip, g->rsp, g->rbp};
	next = sampler_look(h->sampler, &v->sampling.cpu, slept ? NULL : &at, launch_now_ns());
	its.it_value.tv_sec = (time_t)(next / 1000000000u);
	its.it_value.tv_nsec = (long)(next % 1000000000u);
	timer_settime(v->sampling.timer, TIMER_ABSTIME, &its, NULL);
}
