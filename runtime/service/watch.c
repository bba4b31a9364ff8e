/* SPDX-License-Identifier: Apache-2.0
 *
 * Watching files and signals: WATCH arms an epoll entry for one report; the watcher thread turns
 * reports into events. A watch is one slot for each handle; epoll's cookie is the slot and a
 * sequence number, so that a report that was under way when its watch was changed is not taken for
 * the new one.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define COOKIE_STOP   UINT64_MAX
#define COOKIE_SIGNAL (UINT64_MAX - 1)
#define COOKIE_UNTIL  (UINT64_MAX - 2)
#define BATCH	      64

#define EVENT_MASK                                                                                 \
	(POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLRDBAND | POLLWRNORM | POLLWRBAND | POLLRDHUP)
_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLRDHUP == POLLRDHUP &&
		       EPOLLWRBAND == POLLWRBAND,
	"poll's events are epoll's");

static int epoll_add(int epoll_fd, int fd, uint64_t cookie)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = cookie};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int make_descriptors(struct events *e)
{
	e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	e->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->epoll_fd < 0 || e->stop_fd < 0)
		return -errno;
	return epoll_add(e->epoll_fd, e->stop_fd, COOKIE_STOP);
}

int events_init(struct service *s)
{
	struct events *e = &s->events;
	int r;

	e->epoll_fd = e->stop_fd = e->signal_fd = -1;
	r = pthread_mutex_init(&e->lock, NULL);
	if (r)
		return -r;
	r = make_descriptors(e);
	if (r)
		events_destroy(s);
	return r;
}

/* Signals were for the first process. */
static void keep_ready(struct events *e)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->count; i++)
		if (e->queue[i].kind == CHAN_EV_READY)
			e->queue[n++] = e->queue[i];
	e->count = n;
	atomic_store(&e->pending, n);
}

/* An epoll instance and an eventfd are shared with whoever inherited them; a signalfd gives each
 * process its own signals, but is watched for the one that put it there. */
int events_anew(struct service *s, int until_fd)
{
	struct events *e = &s->events;
	int r;

	close(e->epoll_fd);
	close(e->stop_fd);
	pthread_mutex_init(&e->lock, NULL);
	keep_ready(e);
	r = make_descriptors(e);
	if (!r)
		r = epoll_add(e->epoll_fd, e->signal_fd, COOKIE_SIGNAL);
	return r ? r : epoll_add(e->epoll_fd, until_fd, COOKIE_UNTIL);
}

void events_destroy(struct service *s)
{
	if (s->events.epoll_fd >= 0)
		close(s->events.epoll_fd);
	if (s->events.stop_fd >= 0)
		close(s->events.stop_fd);
	if (s->events.signal_fd >= 0)
		close(s->events.signal_fd);
	pthread_mutex_destroy(&s->events.lock);
}

/* -- the service's side -- */

static struct watch *slot_take(struct events *e, struct handle *h)
{
	for (uint32_t i = 0; i < READY_MAX; i++) {
		if (e->watch[i].used)
			continue;
		e->watch[i].used = true;
		e->watch[i].armed = false;
		h->watch = i + 1;
		if (i >= e->watch_used)
			e->watch_used = i + 1;
		return &e->watch[i];
	}
	return NULL;
}

static void disarm(struct events *e, struct watch *w)
{
	w->seq++;
	if (w->armed)
		e->armed--;
	w->armed = false;
}

static void slot_drop(struct events *e, struct handle *h)
{
	struct watch *w = &e->watch[h->watch - 1];

	disarm(e, w);
	w->used = false;
	h->watch = 0;
	epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, h->fd, NULL);
}

void watch_forget(struct service *s, struct handle *h)
{
	if (!h->watch)
		return;
	pthread_mutex_lock(&s->events.lock);
	slot_drop(&s->events, h);
	pthread_mutex_unlock(&s->events.lock);
}

static uint64_t cookie(const struct watch *w, const struct handle *h)
{
	return (uint64_t)w->seq << 32 | (h->watch - 1);
}

static int arm(struct events *e, struct handle *h, uint32_t events, uint64_t tag)
{
	bool fresh = !h->watch;
	struct watch *w = fresh ? slot_take(e, h) : &e->watch[h->watch - 1];
	struct epoll_event ev = {.events = events | EPOLLONESHOT};

	if (!w)
		return -ENOSPC;
	disarm(e, w);
	if (e->ready + e->armed >= READY_MAX) {
		slot_drop(e, h);
		return -ENOSPC;
	}
	w->tag = tag;
	w->events = events;
	ev.data.u64 = cookie(w, h);
	if (epoll_ctl(e->epoll_fd, fresh ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, h->fd, &ev)) {
		int err = errno;

		slot_drop(e, h);
		return -err;
	}
	w->armed = true;
	e->armed++;
	return 0;
}

int64_t watch_op(struct request *rq)
{
	struct events *e = &rq->s->events;
	uint32_t events = (uint32_t)rq->msg->a[1] & EVENT_MASK;
	struct chan_event now = {
		.kind = CHAN_EV_READY,
		.value = events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM),
		.tag = rq->msg->a[2],
	};
	bool added = false;
	int r;

	if (!rq->msg->a[1]) {
		watch_forget(rq->s, rq->h);
		return 0;
	}
	pthread_mutex_lock(&e->lock);
	r = stream_has_first(rq->s, rq->h) ? -EPERM : arm(e, rq->h, events, rq->msg->a[2]);
	if (r == -EPERM) { /* a file that epoll does not take is always ready */
		r = e->ready + e->armed >= READY_MAX ? -ENOSPC : 0;
		added = !r && events_push_locked(e, &now);
	}
	pthread_mutex_unlock(&e->lock);
	if (added)
		events_announce(rq->s);
	return r;
}

int watch_anew(struct service *s, struct handle *h)
{
	struct events *e = &s->events;
	struct watch *w = &e->watch[h->watch - 1];
	struct epoll_event ev = {
		.events = EPOLLONESHOT | (w->armed ? w->events : 0), .data.u64 = cookie(w, h)};
	struct chan_event now = {.kind = CHAN_EV_READY, .value = w->events, .tag = w->tag};
	bool armed = w->armed;

	if (!epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, h->fd, &ev))
		return 0;
	if (errno != EPERM)
		return -errno;
	slot_drop(e, h); /* a file that epoll does not take is always ready */
	if (armed)
		events_push_locked(e, &now);
	return 0;
}

/* -- the watcher's side -- */

static void report(struct service *s, const struct epoll_event *ev)
{
	struct events *e = &s->events;
	uint32_t slot = (uint32_t)ev->data.u64;
	struct watch *w = &e->watch[slot];
	bool added = false;

	pthread_mutex_lock(&e->lock);
	if (w->used && w->armed && w->seq == ev->data.u64 >> 32) {
		struct chan_event out = {.kind = CHAN_EV_READY, .value = ev->events, .tag = w->tag};

		disarm(e, w); /* first: its place in the queue is the one that arming kept free */
		added = events_push_locked(e, &out);
	}
	pthread_mutex_unlock(&e->lock);
	if (added)
		events_announce(s);
}

static void signals_read(struct service *s, int fd)
{
	struct signalfd_siginfo si[8];
	const struct iovec iov = {si, sizeof(si)};
	/* what the service reads with: one host call fewer for a launcher */
	ssize_t n = syscall(SYS_preadv2, fd, &iov, 1L, -1L, 0L, 0L);

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(si[0]); i++) {
		bool kernel = si[i].ssi_code == SI_KERNEL;
		struct chan_event ev = {
			.kind = CHAN_EV_SIGNAL,
			.value = si[i].ssi_signo,
			.tag = kernel ? CHAN_SIGNAL_KERNEL : CHAN_SIGNAL_PROCESS,
		};

		if (ev.value == SIGWINCH && kernel)
			ev = (struct chan_event){.kind = CHAN_EV_WINCH};
		if (ev.value == SIGCONT)
			tty_resume(s);
		service_post_event(s, &ev);
	}
}

int service_watch_begin(struct service *s, const sigset_t *signals, int until_fd)
{
	struct events *e = &s->events;
	int r = 0;

	e->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (e->signal_fd < 0)
		r = -errno;
	if (!r)
		r = epoll_add(e->epoll_fd, e->signal_fd, COOKIE_SIGNAL);
	if (!r && until_fd)
		r = epoll_add(e->epoll_fd, until_fd, COOKIE_UNTIL);
	return r;
}

int service_watch_loop(struct service *s)
{
	struct epoll_event ev[BATCH];
	int r = 0;

	while (!r && !atomic_load(&s->events.shutdown)) {
		/* not epoll_wait: which call that is differs by libc */
		int n = epoll_pwait(s->events.epoll_fd, ev, BATCH, -1, NULL);

		if (n < 0 && errno != EINTR)
			r = -errno;
		for (int i = 0; i < n; i++) {
			if (ev[i].data.u64 == COOKIE_SIGNAL)
				signals_read(s, s->events.signal_fd);
			else if (ev[i].data.u64 == COOKIE_UNTIL)
				r = 1;
			else if (ev[i].data.u64 != COOKIE_STOP)
				report(s, &ev[i]);
		}
	}
	return r;
}
