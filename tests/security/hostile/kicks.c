/* SPDX-License-Identifier: Apache-2.0
 *
 * A timer of each thread that runs guests. It goes on and on: a signal that comes before the run is
 * followed by one that comes in it.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/security/hostile/hostile.h"

#define PERIOD_NS 3000000

#ifndef sigev_notify_thread_id /* glibc before 2.39 */
#define sigev_notify_thread_id _sigev_un._tid
#endif

static _Thread_local const struct vm_ops *volatile target_ops;
static _Thread_local struct vcpu *volatile target;
static _Thread_local timer_t timer;

/* On the thread that runs the target: it is there as long as it is the target. */
static void on_signal(int signal_number)
{
	struct vcpu *v = target;
	int saved = errno;

	if (v)
		target_ops->vcpu_kick(v);
	errno = saved;
}

void kicks_target(const struct vm_ops *ops, struct vcpu *v)
{
	target = NULL;
	target_ops = ops;
	target = v;
}

int kicks_begin(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
	const struct itimerspec often = {{0, PERIOD_NS}, {0, PERIOD_NS}};

	event.sigev_notify_thread_id = gettid();
	if (sigaction(SIGALRM, &action, NULL) < 0 ||
		timer_create(CLOCK_MONOTONIC, &event, &timer) < 0)
		return -errno;
	return timer_settime(timer, 0, &often, NULL) < 0 ? -errno : 0;
}

void kicks_end(void)
{
	target = NULL;
	timer_delete(timer);
}
