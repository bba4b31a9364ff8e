/* SPDX-License-Identifier: Apache-2.0
 *
 * Events for the guest: a bounded queue, and WAIT, which sleeps until there is one.
 *
 * The queue cannot lose what the guest waits for: READY events are limited where they are asked for
 * (ready + armed <= READY_MAX), and of the other kinds there are only so many different ones.
 */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define WAIT_MAX 16u /* events of one reply: the shim takes them on a small stack */

/* Wakes a sleeper; async-signal-safe. The count pairs with the futex's compare in wait_sleep(). */
static void wake(struct events *e)
{
	atomic_fetch_add(&e->seq, 1);
	syscall(SYS_futex, &e->seq, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static struct chan_event *find_same(struct events *e, const struct chan_event *ev)
{
	for (uint32_t i = 0; i < e->count; i++) {
		struct chan_event *q = &e->queue[i];

		if (q->kind != ev->kind)
			continue;
		if (ev->kind == CHAN_EV_READY ? q->tag == ev->tag
					      : ev->kind != CHAN_EV_SIGNAL || q->value == ev->value)
			return q;
	}
	return NULL;
}

bool events_push_locked(struct events *e, const struct chan_event *ev)
{
	struct chan_event *same;

	if (ev->kind < CHAN_EV_READY || ev->kind > CHAN_EV_KILL)
		return false;
	if (ev->kind == CHAN_EV_SIGNAL && (!ev->value || ev->value > 64))
		return false;
	same = find_same(e, ev);
	if (same) {
		if (ev->kind == CHAN_EV_READY)
			same->value |= ev->value;
		if (ev->kind == CHAN_EV_SIGNAL)
			same->tag |= ev->tag; /* for all, if one of them was */
		return false;
	}
	if (ev->kind == CHAN_EV_READY) {
		if (e->ready + e->armed >= READY_MAX)
			return false;
		e->ready++;
	}
	e->queue[e->count++] = *ev;
	atomic_store(&e->pending, e->count);
	return true;
}

/* After the lock is gone: the callback may take its time and locks of its own. */
void events_announce(struct service *s)
{
	wake(&s->events);
	if (s->cb.kick)
		s->cb.kick(s->cb.arg);
}

void service_post_event(struct service *s, const struct chan_event *ev)
{
	bool added;

	pthread_mutex_lock(&s->events.lock);
	added = events_push_locked(&s->events, ev);
	pthread_mutex_unlock(&s->events.lock);
	if (added)
		events_announce(s);
}

bool service_events_pending(struct service *s)
{
	return atomic_load(&s->events.pending) != 0;
}

bool service_interrupted(struct service *s)
{
	struct events *e = &s->events;
	bool any = false;

	pthread_mutex_lock(&e->lock);
	for (uint32_t i = 0; i < e->count; i++)
		any |= e->queue[i].kind == CHAN_EV_SIGNAL;
	pthread_mutex_unlock(&e->lock);
	return any;
}

void service_wake(struct service *s)
{
	atomic_store(&s->events.wake, true);
	wake(&s->events);
}

void service_shutdown(struct service *s)
{
	const uint64_t one = 1;
	int saved = errno; /* we may be in a signal handler */
	ssize_t n;

	atomic_store(&s->events.shutdown, true);
	n = write(s->events.stop_fd, &one, sizeof(one));
	(void)n; /* EAGAIN: it is full, so it is readable */
	wake(&s->events);
	errno = saved;
}

/* The oldest events; what does not fit stays pending. */
static uint32_t events_take(struct events *e, uint8_t *out)
{
	uint32_t n;

	pthread_mutex_lock(&e->lock);
	n = e->count < WAIT_MAX ? e->count : WAIT_MAX;
	for (uint32_t i = 0; i < n; i++)
		e->ready -= e->queue[i].kind == CHAN_EV_READY;
	memcpy(out, e->queue, n * sizeof(e->queue[0]));
	e->count -= n;
	memmove(e->queue, e->queue + n, e->count * sizeof(e->queue[0]));
	atomic_store(&e->pending, e->count);
	pthread_mutex_unlock(&e->lock);
	return n * (uint32_t)sizeof(e->queue[0]);
}

/* Until the deadline (CLOCK_MONOTONIC) or until seq is no longer what it was. */
static bool wait_sleep(struct events *e, uint32_t seq, uint64_t deadline_ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(deadline_ns / 1000000000u),
		.tv_nsec = (long)(deadline_ns % 1000000000u),
	};

	return syscall(SYS_futex, &e->seq, FUTEX_WAIT_BITSET_PRIVATE, seq, &ts, NULL,
		       FUTEX_BITSET_MATCH_ANY) &&
	       errno == ETIMEDOUT;
}

uint64_t service_host_ns(const struct service *s, uint64_t guest_ns)
{
	bool back = s->clock_ahead >> 63; /* the guest's clock is behind the host's */
	uint64_t host_ns = guest_ns - s->clock_ahead;

	if (!s->clock_ahead)
		return guest_ns;
	if (back ? host_ns < guest_ns : host_ns > guest_ns)
		return back ? UINT64_MAX : 0;
	return host_ns;
}

void service_set_clock(struct service *s, uint64_t ahead)
{
	s->clock_ahead = ahead;
}

int64_t wait_op(struct request *rq)
{
	struct events *e = &rq->s->events;
	uint64_t deadline = service_host_ns(rq->s, rq->msg->a[0]);
	bool late = !deadline;

	for (;;) {
		uint32_t seq = atomic_load(&e->seq); /* before looking: a later event changes it */

		rq->msg->out_len = events_take(e, rq->out);
		if (atomic_exchange(&e->wake, false) || atomic_load(&e->shutdown))
			late = true;
		if (rq->msg->out_len || late)
			return rq->msg->out_len;
		late = wait_sleep(e, seq, deadline);
	}
}
