/* SPDX-License-Identifier: Apache-2.0
 * timerfd_create(2). An interval timer that fired is set again by whoever reads it or asks for it,
 * not by itself: nobody counts periods that nobody waits for.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "core/task.h"
#include "core/timers.h"
#include "fs/anon.h"
#include "fs/eventfd.h"
#include "mm/mm.h"

struct timerfd {
	struct ktimer timer;
	s32 clock;
	u64 at;	      /* next expiry on the clock; 0: off, or one-shot and over */
	u64 interval; /* 0: one-shot */
	u64 ticks;    /* expiries not read yet */
	bool expired; /* interval timer that fired and is not running */
	struct waitq wait;
};

static const struct file_ops timerfd_ops;

static u64 now_on(const struct timerfd *t)
{
	u64 ns = 0;

	clock_read_ns(t->clock, &ns);
	return ns;
}

static void start(struct timerfd *t)
{
	t->expired = false;
	ktimer_set(&t->timer, clock_to_mono(t->clock, t->at));
}

/* The time has come, by the timer or because somebody looked first. */
static void fire(struct timerfd *t)
{
	ktimer_cancel(&t->timer);
	t->ticks++;
	if (t->interval)
		t->expired = true;
	else
		t->at = 0;
	waitq_wake(&t->wait, POLL_IN | POLL_RDNORM);
}

static bool running(const struct timerfd *t)
{
	return t->at && !t->expired;
}

/* Timers run when the scheduler looks at them; a caller that does not sleep wants the truth now. */
static void update(struct timerfd *t)
{
	if (running(t) && now_on(t) >= t->at)
		fire(t);
}

static void timer_fn(struct ktimer *kt)
{
	struct timerfd *t = container_of(kt, struct timerfd, timer);

	if (now_on(t) < t->at) /* the wall clock was set back */
		start(t);
	else
		fire(t);
}

/* An interval timer that fired: counts the periods since and runs again. */
static void go_on(struct timerfd *t)
{
	u64 periods, step;

	if (!t->expired)
		return;
	periods = (now_on(t) - t->at) / t->interval + 1; /* the first is in ticks already */
	t->ticks += periods - 1;
	step = periods * t->interval;
	t->at = step < TIME_NEVER - t->at ? t->at + step : TIME_NEVER;
	start(t);
}

static s64 timerfd_read(struct file *f, struct uio *u, s64 *pos)
{
	struct timerfd *t = f->priv;
	u64 ticks;

	if (u->left < sizeof(ticks))
		return -EINVAL;
	update(t);
	while (!t->ticks) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (waitq_wait(&t->wait, t->ticks, TIME_NEVER))
			return -ERESTARTSYS;
	}
	go_on(t);
	ticks = t->ticks;
	t->ticks = 0;
	return uio_put(u, &ticks, sizeof(ticks)) == sizeof(ticks) ? (s64)sizeof(ticks) : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct waitq **q)
{
	struct timerfd *t = f->priv;

	if (q)
		*q = &t->wait;
	update(t);
	return t->ticks ? POLL_IN | POLL_RDNORM : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->priv;

	ktimer_cancel(&t->timer);
	kfree(t);
}

static const struct file_ops timerfd_ops = {
	.read = timerfd_read,
	.poll = timerfd_poll,
	.getattr = anon_getattr,
	.release = timerfd_release,
};

bool file_is_timerfd(struct file *f)
{
	return f->ops == &timerfd_ops;
}

void timerfd_get(struct file *f, struct itimer_value *v)
{
	struct timerfd *t = f->priv;
	u64 now;

	update(t);
	go_on(t);
	now = now_on(t);
	v->interval_ns = t->interval;
	v->left_ns = 0;
	if (t->at)
		v->left_ns = t->at > now ? t->at - now : 1; /* 0 would say that it is off */
}

void timerfd_set(
	struct file *f, bool absolute, const struct itimer_value *v, struct itimer_value *old)
{
	struct timerfd *t = f->priv;
	u64 now;

	timerfd_get(f, old);
	ktimer_cancel(&t->timer);
	t->ticks = 0;
	t->expired = false;
	t->interval = v->interval_ns;
	t->at = v->left_ns;
	if (!t->at)
		return;
	if (!absolute) {
		now = now_on(t);
		t->at = t->at < TIME_NEVER - now ? now + t->at : TIME_NEVER;
	}
	start(t);
	update(t);
}

struct file *timerfd_make(s32 clock, u32 flags)
{
	struct timerfd *t = kzalloc(sizeof(*t));
	struct file *f;

	if (!t)
		return err_ptr(-ENOMEM);
	t->clock = clock;
	ktimer_init(&t->timer, timer_fn);
	waitq_init(&t->wait);
	f = anon_file(&timerfd_ops, "anon_inode:[timerfd]", flags, t);
	if (is_err(f))
		kfree(t);
	return f;
}
