/* SPDX-License-Identifier: Apache-2.0
 * The launcher's threads besides those that run the sandbox: the watcher waits for files and
 * signals, the limiter for the end of the time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "runtime/jail/jail.h"
#include "runtime/launch/launch_internal.h"

#define KILL_GRACE_NS 2000000000ull /* after the time limit: for the shim to end by itself */

void launch_threads_init(struct launch *l)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&l->ended_cond, &attr);
	pthread_condattr_destroy(&attr);
}

void launch_threads_destroy(struct launch *l)
{
	pthread_cond_destroy(&l->ended_cond);
	pthread_mutex_destroy(&l->lock);
}

void launch_ended(struct launch *l)
{
	pthread_mutex_lock(&l->lock);
	l->ended = true;
	pthread_cond_broadcast(&l->ended_cond);
	pthread_mutex_unlock(&l->lock);
}

void launch_name_thread(const char *role, int number)
{
	char name[16];

	if (number < 0)
		snprintf(name, sizeof(name), "%s", role);
	else
		snprintf(name, sizeof(name), "%s %d", role, number);
	prctl(PR_SET_NAME, name);
}

/* Nobody is there for whom it would end in order: as after SIGKILL. */
static _Noreturn void abandon(struct launch *l)
{
	service_restore_tty(l->service);
	_exit(128 + SIGKILL);
}

static void *watcher_main(void *arg)
{
	struct launch *l = arg;
	int r;

	launch_name_thread("watcher", -1);
	r = jail_thread(JAIL_WATCHER, l->needs, NULL, 0);
	if (!r)
		r = service_watch_loop(l->service);
	if (r == 1)
		abandon(l);
	if (r)
		launch_fail(l, "the watcher thread failed: %s", strerror(-r));
	return NULL;
}

/* True if the sandbox ended before `deadline` (CLOCK_MONOTONIC). */
static bool ended_by(struct launch *l, uint64_t deadline)
{
	struct timespec ts = {(time_t)(deadline / 1000000000u), (long)(deadline % 1000000000u)};
	bool ended;

	pthread_mutex_lock(&l->lock);
	while (!l->ended && pthread_cond_timedwait(&l->ended_cond, &l->lock, &ts) != ETIMEDOUT)
		;
	ended = l->ended;
	pthread_mutex_unlock(&l->lock);
	return ended;
}

static void *limiter_main(void *arg)
{
	struct launch *l = arg;
	const struct chan_event ev = {.kind = CHAN_EV_KILL, .value = SIGKILL};

	launch_name_thread("limiter", -1);
	if (jail_thread(JAIL_WATCHER, l->needs, NULL, 0) || ended_by(l, l->deadline_ns))
		return NULL;
	atomic_store(&l->timed_out, true);
	service_post_event(l->service, &ev);
	if (ended_by(l, launch_now_ns() + KILL_GRACE_NS))
		return NULL;
	/* a shim that does not obey is not worth unwinding */
	l->c->log(l->c->arg, CHAN_LOG_FATAL, "the time limit passed and the shim did not stop");
	service_restore_tty(l->service);
	_exit(124);
}

/* A program that stops itself stops this process (service/tty.c), the limiter's thread with it. The
 * kernel's timer goes on, and its SIGCONT lets the limiter see that the time is over. */
static int continue_at(uint64_t when_ns)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGCONT};
	const struct itimerspec at = {
		.it_value = {(time_t)(when_ns / 1000000000u), (long)(when_ns % 1000000000u)}};
	timer_t timer;

	if (timer_create(CLOCK_MONOTONIC, &ev, &timer) ||
		timer_settime(timer, TIMER_ABSTIME, &at, NULL))
		return -errno;
	return 0;
}

static int start_limiter(struct launch *l)
{
	int r;

	if (__builtin_add_overflow(launch_now_ns(), l->timeout_ns, &l->deadline_ns))
		l->deadline_ns = UINT64_MAX;
	r = continue_at(l->deadline_ns);
	if (!r)
		r = -pthread_create(&l->limiter, NULL, limiter_main, l);
	l->limiter_runs = !r;
	return r;
}

int launch_threads_start(struct launch *l)
{
	int r = -pthread_create(&l->watcher, NULL, watcher_main, l);

	l->watcher_runs = !r;
	return r || !l->timeout_ns ? r : start_limiter(l);
}

void launch_threads_stop(struct launch *l)
{
	launch_ended(l);
	if (l->watcher_runs) {
		service_shutdown(l->service);
		pthread_join(l->watcher, NULL);
	}
	if (l->limiter_runs)
		pthread_join(l->limiter, NULL);
}
