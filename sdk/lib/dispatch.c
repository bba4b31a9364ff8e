/* SPDX-License-Identifier: Apache-2.0
 *
 * What happens while a sandbox runs: output, input, limits of time and output, its end.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "sdk/lib/error.h"
#include "sdk/lib/proc.h"
#include "sdk/lib/sandbox_internal.h"
#include "sdk/lib/spawn.h"

#define NS_PER_S   1000000000ull
#define WALL_GRACE (5 * NS_PER_S) /* for the sandbox to end by itself at its limit, and report */
#define LOOK_MIN   (20 * NS_PER_S / 1000)
#define TURN_BYTES (1u << 20) /* of each stream, before the caller's loop gets its turn again */

uint64_t sandbox_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

bool sandbox_process_ended(const struct sb *s)
{
	struct pollfd p = {.fd = s->pidfd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

int sandbox_end(struct sb *s, enum sb_end reason)
{
	int none = NO_REASON;

	atomic_compare_exchange_strong(&s->reason, &none, (int)reason);
	return spawn_signal(s->pid, s->pidfd, SIGKILL) && errno != ESRCH ? -errno : 0;
}

/* Its CPUs can not have used what is left before a while has passed: most sandboxes are never
 * looked at. In it launcher and program may both be at work, for each CPU. */
static uint64_t next_look(const struct sb *s, uint64_t now)
{
	uint64_t left = s->cpu_seen_ns < s->cpu_limit_ns ? s->cpu_limit_ns - s->cpu_seen_ns : 0;
	uint64_t wait = left / (2 * (uint64_t)s->cpus);

	return now + (wait > LOOK_MIN ? wait : LOOK_MIN);
}

static uint64_t wall_end(const struct sb *s)
{
	uint64_t grace = s->was_spare || s->stops ? 0 : WALL_GRACE, end;

	if (!s->wall_ns || __builtin_add_overflow(s->wall_ns, s->started_ns + grace, &end))
		return UINT64_MAX;
	return end;
}

static int arm(struct sb *s)
{
	uint64_t at = wall_end(s);
	struct itimerspec when = {0};

	if (s->cpu_limit_ns && s->cpu_look_ns < at)
		at = s->cpu_look_ns;
	if (at != UINT64_MAX) {
		when.it_value.tv_sec = (time_t)(at / NS_PER_S);
		when.it_value.tv_nsec = (long)(at % NS_PER_S);
	}
	s->disarmed = timerfd_settime(s->timer, TFD_TIMER_ABSTIME, &when, NULL);
	return s->disarmed ? -errno : 0;
}

int sandbox_set_timer(struct sb *s)
{
	if (s->cpu_limit_ns)
		s->cpu_look_ns = next_look(s, s->started_ns);
	return arm(s);
}

static int look_at_cpu(struct sb *s)
{
	struct proc_group g;
	int r = proc_find(s->pid, &s->clone, &g);

	if (r || sandbox_process_ended(s)) /* the number may have been somebody else's */
		return r;
	if (g.cpu_ns > s->cpu_seen_ns)
		s->cpu_seen_ns = g.cpu_ns;
	return s->cpu_seen_ns >= s->cpu_limit_ns ? sandbox_end(s, SB_END_CPU_TIME) : 0;
}

static int check_time(struct sb *s, struct sb_error **error)
{
	uint64_t expired, now;
	int r = 0, armed;

	if (!s->disarmed && read(s->timer, &expired, sizeof expired) < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : error_system(error, "read", errno, "cannot read a timer");
	now = sandbox_now_ns();
	if (now >= wall_end(s))
		r = sandbox_end(s, SB_END_WALL_TIME);
	if (!r && s->cpu_limit_ns && now >= s->cpu_look_ns) {
		int reason = atomic_load(&s->reason);

		/* killed already, and still there: that may have failed */
		r = reason == NO_REASON ? look_at_cpu(s) : sandbox_end(s, (enum sb_end)reason);
		s->cpu_look_ns = next_look(s, sandbox_now_ns());
	}
	armed = now >= wall_end(s) ? 0 : arm(s);
	r = r ? r : armed;
	return r ? error_system(error, "proc, timerfd_settime or kill", -r,
			   "cannot keep the limits of time")
		 : 0;
}

static int take_output(struct sb *s, size_t most, struct sb_error **error)
{
	int r = 0;

	for (int i = 0; i < SINKS && !r; i++)
		r = sink_take(&s->sinks[i], most, error);
	return r;
}

static uint64_t output_total(const struct sb *s)
{
	return s->sinks[SINK_OUT].total + s->sinks[SINK_ERR].total;
}

static int check_output(struct sb *s, struct sb_error **error)
{
	bool more = s->output_max && output_total(s) > s->output_max;
	int r;

	if (!more && !s->sinks[SINK_OUT].refused && !s->sinks[SINK_ERR].refused)
		return 0;
	r = sandbox_end(s, SB_END_OUTPUT);
	return r ? error_system(error, "pidfd_send_signal", -r, "cannot end the sandbox") : 0;
}

/* The end is looked for first: what is in the pipes then is all that there will ever be. */
static int step(struct sb *s, struct sb_error **error)
{
	bool ended = sandbox_process_ended(s);
	int r = ended ? 0 : check_time(s, error);

	if (!r && !ended)
		r = source_give(&s->source, TURN_BYTES, error);
	if (!r)
		r = take_output(s, ended ? SIZE_MAX : TURN_BYTES, error);
	if (!r)
		r = check_output(s, error);
	if (!r)
		r = ended ? sandbox_finish(s, error) : SB_RUNNING;
	return r;
}

int sb_dispatch(struct sb *s, struct sb_error **error)
{
	int r;

	if (error)
		*error = NULL;
	if (atomic_load(&s->over))
		return 0;
	if (pthread_mutex_lock(&s->lock))
		return error_set(error, SB_BUSY, "called from a callback of the same sandbox");
	r = atomic_load(&s->over) ? 0 : step(s, error);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static int left_ms(uint64_t end)
{
	uint64_t now = sandbox_now_ns(), ms;

	if (end == UINT64_MAX)
		return -1;
	if (now >= end)
		return 0;
	ms = (end - now + 999999) / 1000000;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

int sb_wait(struct sb *s, int timeout_ms, struct sb_error **error)
{
	uint64_t end =
		timeout_ms < 0 ? UINT64_MAX : sandbox_now_ns() + (uint64_t)timeout_ms * 1000000u;
	struct pollfd p = {.fd = s->epoll, .events = POLLIN};

	for (;;) {
		int r = sb_dispatch(s, error), ms = left_ms(end);

		if (r != SB_RUNNING || !ms)
			return r;
		if (poll(&p, 1, ms) < 0 && errno != EINTR)
			return error_system(error, "poll", errno, "cannot wait for the sandbox");
	}
}
