/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/task.h"
#include "home/host/kick_timer.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static void on_timer(int sig, siginfo_t *si, void *uc)
{
	struct kick_timer *k = si->si_value.sival_ptr;

	(void)sig;
	(void)uc;
	/* The shim's clock may be a little behind the host's: it will want the same time again. */
	k->at = 0;
	k->fire(k->arg);
}

int kick_timer_make(struct kick_timer *k, void (*fire)(void *arg), void *arg)
{
	struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD_ID,
		.sigev_signo = SIGRTMIN + 1,
		.sigev_value.sival_ptr = k,
	};

	k->fire = fire;
	k->arg = arg;
	k->at = 0;
	sigfillset(&sa.sa_mask);
	if (sigaction(ev.sigev_signo, &sa, NULL))
		return -errno;
	ev.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &ev, &k->timer))
		return -errno;
	k->made = true;
	return 0;
}

/* The timer goes with the process: to delete it would be one more call for the jail to allow. */
void kick_timer_stop(struct kick_timer *k)
{
	const struct itimerspec never = {0};

	if (k->made)
		timer_settime(k->timer, 0, &never, NULL);
	k->made = false;
}

void kick_timer_set(struct kick_timer *k, u64 when_ns)
{
	struct itimerspec its = {
		.it_value = {(time_t)(when_ns / NSEC_PER_SEC), (long)(when_ns % NSEC_PER_SEC)},
	};

	u64 at = k->at;

	/* an earlier kick that is set already does no harm, and costs no call to leave */
	if (!when_ns || (at && at <= when_ns && at > clock_mono_ns()))
		return;
	k->at = when_ns; /* before the timer can fire */
	if (timer_settime(k->timer, TIMER_ABSTIME, &its, NULL))
		plat_panic("the kick timer cannot be set");
}

void kick_timer_now(struct kick_timer *k)
{
	const struct itimerspec now = {.it_value = {.tv_nsec = 1}};

	if (k->made)
		timer_settime(k->timer, 0, &now, NULL);
}
