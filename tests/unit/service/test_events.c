/* SPDX-License-Identifier: Apache-2.0
 *
 * The queue, WAIT, WATCH and the watcher thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

#define SECOND 1000000000ull

static struct chan_event event(struct world *w, unsigned i)
{
	struct chan_event ev;

	assert_true(w->msg.out_len >= (i + 1) * sizeof(ev));
	memcpy(&ev, w->out + i * sizeof(ev), sizeof(ev));
	return ev;
}

static void post(struct world *w, uint32_t kind, uint32_t value, uint64_t tag)
{
	service_post_event(w->s, &(struct chan_event){.kind = kind, .value = value, .tag = tag});
}

static void test_queue(void **state)
{
	struct world *w = *state;

	assert_int_equal(call(w, WAIT, 0), 0);
	post(w, CHAN_EV_SIGNAL, SIGINT, 0);
	post(w, CHAN_EV_WINCH, 0, 0);
	post(w, CHAN_EV_SIGNAL, SIGINT, 0);
	post(w, CHAN_EV_WINCH, 0, 0);
	post(w, CHAN_EV_SIGNAL, SIGTERM, 0);
	post(w, CHAN_EV_READY, POLLIN, 7);
	post(w, CHAN_EV_READY, POLLOUT, 7);
	post(w, CHAN_EV_READY, POLLOUT, 8);
	assert_int_equal(w->kicks, 5);
	assert_true(service_events_pending(w->s));
	assert_int_equal(call(w, WAIT, 0), 5 * sizeof(struct chan_event));
	assert_int_equal(event(w, 0).value, SIGINT);
	assert_int_equal(event(w, 1).kind, CHAN_EV_WINCH);
	assert_int_equal(event(w, 2).value, SIGTERM);
	assert_int_equal(event(w, 3).value, POLLIN | POLLOUT);
	assert_int_equal(event(w, 4).tag, 8);
	assert_false(service_events_pending(w->s));
	assert_int_equal(call(w, WAIT, 0), 0);
	/* nonsense is not queued */
	post(w, 0, 0, 0);
	post(w, 99, 0, 0);
	post(w, CHAN_EV_SIGNAL, 65, 0);
	assert_int_equal(call(w, WAIT, 0), 0);
}

/* Takes all there is, a WAIT at a time; says how many, and what was among them. */
static unsigned drain(struct world *w, bool *signal_seen, bool *kill_seen)
{
	unsigned total = 0, n;

	do {
		n = (unsigned)call(w, WAIT, 0) / sizeof(struct chan_event);
		assert_true(n <= 16);
		for (unsigned i = 0; i < n; i++) {
			struct chan_event ev = event(w, i);

			*signal_seen |= ev.kind == CHAN_EV_SIGNAL && ev.value == SIGTERM;
			*kill_seen |= ev.kind == CHAN_EV_KILL && ev.value == SIGXCPU;
		}
		total += n;
		assert_true(n == 16 || !service_events_pending(w->s));
	} while (n);
	return total;
}

static void test_overflow(void **state)
{
	struct world *w = *state;
	bool signal_seen = false, kill_seen = false;

	for (uint64_t i = 0; i < 5000; i++)
		post(w, CHAN_EV_READY, POLLIN, i);
	for (uint32_t i = 1; i <= 64; i++)
		post(w, CHAN_EV_SIGNAL, i, 0);
	post(w, CHAN_EV_WINCH, 0, 0);
	post(w, CHAN_EV_KILL, SIGXCPU, 0);
	/* bounded, and the rest has room of its own */
	assert_int_equal(drain(w, &signal_seen, &kill_seen), 1024 + 64 + 2);
	assert_true(signal_seen && kill_seen);
	post(w, CHAN_EV_READY, POLLIN, 1);
	assert_int_equal(call(w, WAIT, 0), sizeof(struct chan_event));
}

static void test_deadline(void **state)
{
	struct world *w = *state;
	uint64_t start = now_ns();

	assert_int_equal(call(w, WAIT, start + SECOND / 20), 0);
	assert_true(now_ns() - start >= SECOND / 20);
	assert_true(now_ns() - start < 5 * SECOND);
	assert_int_equal(call(w, WAIT, 1), 0); /* long past */
}

struct later {
	struct world *w;
	void (*what)(struct world *w);
};

static void *do_later(void *arg)
{
	const struct later *l = arg;

	usleep(30000);
	l->what(l->w);
	return NULL;
}

static int64_t wait_while(struct world *w, void (*what)(struct world *))
{
	struct later l = {w, what};
	uint64_t start = now_ns();
	pthread_t t;
	int64_t r;

	pthread_create(&t, NULL, do_later, &l);
	r = call(w, WAIT, start + 20 * SECOND);
	assert_true(now_ns() - start < 10 * SECOND);
	pthread_join(t, NULL);
	return r;
}

static void post_int(struct world *w)
{
	post(w, CHAN_EV_SIGNAL, SIGINT, 0);
}

static void wake(struct world *w)
{
	service_wake(w->s);
}

static void shut(struct world *w)
{
	service_shutdown(w->s);
}

static void test_wait(void **state)
{
	struct world *w = *state;

	assert_int_equal(wait_while(w, post_int), sizeof(struct chan_event));
	assert_int_equal(wait_while(w, wake), 0);
	service_wake(w->s); /* before it sleeps: not lost */
	assert_int_equal(call(w, WAIT, ~0ull), 0);
	assert_int_equal(wait_while(w, shut), 0);
	assert_int_equal(call(w, WAIT, ~0ull), 0);
}

/* -- with the watcher -- */

static struct {
	sigset_t signals;
	pthread_t thread;
	int until_fd, result;
} watcher;

static void *watcher_main(void *arg)
{
	struct world *w = arg;

	watcher.result = service_watch_loop(w->s);
	return NULL;
}

static void watcher_start(struct world *w)
{
	sigemptyset(&watcher.signals);
	sigaddset(&watcher.signals, SIGUSR1);
	sigaddset(&watcher.signals, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &watcher.signals, NULL);
	assert_int_equal(service_watch_begin(w->s, &watcher.signals, watcher.until_fd), 0);
	pthread_create(&watcher.thread, NULL, watcher_main, w);
}

static void watcher_stop(struct world *w)
{
	service_shutdown(w->s);
	pthread_join(watcher.thread, NULL);
	assert_int_equal(watcher.result, 0);
}

static int64_t wait_one(struct world *w, unsigned ms)
{
	return call(w, WAIT, now_ns() + ms * 1000000ull);
}

static void test_watch(void **state)
{
	struct world *w = *state;
	int p[2], oflags;
	uint64_t h;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	h = (uint64_t)service_inherit(w->s, p[0], &oflags);
	watcher_start(w);
	assert_int_equal(call(w, WATCH, h, POLLIN, 42), 0);
	assert_int_equal(wait_one(w, 30), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(wait_one(w, 5000), sizeof(struct chan_event));
	assert_int_equal(event(w, 0).kind, CHAN_EV_READY);
	assert_int_equal(event(w, 0).tag, 42);
	assert_int_equal(event(w, 0).value, POLLIN);
	assert_int_equal(wait_one(w, 30), 0); /* once */
	assert_true(w->kicks > 0);
	/* armed anew while it is ready */
	assert_int_equal(call(w, WATCH, h, POLLIN, 43), 0);
	assert_int_equal(wait_one(w, 5000), sizeof(struct chan_event));
	assert_int_equal(event(w, 0).tag, 43);
	/* armed and cancelled; forgotten while armed; the other end closed */
	assert_int_equal(read(p[0], w->out, 1), 1);
	assert_int_equal(call(w, WATCH, h, POLLIN, 44), 0);
	assert_int_equal(call(w, WATCH, h, 0, 44), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(wait_one(w, 30), 0);
	assert_int_equal(read(p[0], w->out, 1), 1);
	assert_int_equal(call(w, WATCH, h, POLLIN, 45), 0);
	assert_int_equal(call(w, FORGET, h), 0);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(wait_one(w, 30), 0);
	assert_int_equal(read(p[0], w->out, 1), 1);
	h = (uint64_t)service_inherit(w->s, p[0], &oflags);
	assert_int_equal(call(w, WATCH, h, POLLIN, 46), 0);
	close(p[1]);
	assert_int_equal(wait_one(w, 5000), sizeof(struct chan_event));
	assert_int_equal(event(w, 0).value, POLLHUP);
	close(p[0]);
	watcher_stop(w);
}

static void test_watch_file(void **state)
{
	struct world *w = *state;
	uint64_t f = (uint64_t)call_name(w, OPEN, "hello", w->rw, CHAN_O_READ);
	bool seen = false;

	assert_int_equal(call(w, WATCH, f, POLLIN | POLLPRI, 9), 0);
	assert_int_equal(call(w, WAIT, 0), sizeof(struct chan_event));
	assert_int_equal(event(w, 0).tag, 9);
	assert_int_equal(event(w, 0).value, POLLIN);
	/* as many as the queue has room for, and no more */
	for (uint64_t i = 0; i < 1024; i++)
		assert_int_equal(call(w, WATCH, f, POLLIN, i), 0);
	assert_int_equal(call(w, WATCH, f, POLLIN, 5000), -ENOSPC);
	assert_int_equal(drain(w, &seen, &seen), 1024);
	assert_int_equal(call(w, WATCH, f, POLLIN, 5000), 0);
}

/* Everything that was watched is reported, although the queue is as small as the watches are many.
 */
static void test_watch_many(void **state)
{
	struct world *w = *state;
	static uint64_t h[200];
	int p[2], oflags;
	unsigned seen = 0;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	watcher_start(w);
	for (unsigned i = 0; i < 200; i++) {
		h[i] = (uint64_t)service_inherit(w->s, p[1], &oflags);
		assert_int_equal(call(w, WATCH, h[i], POLLOUT, i), 0);
	}
	while (seen < 200) {
		int64_t n = wait_one(w, 5000);

		assert_true(n > 0);
		seen += (unsigned)n / sizeof(struct chan_event);
	}
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(call(w, FORGET, h[i]), 0);
	close(p[0]);
	close(p[1]);
	watcher_stop(w);
}

static void test_signals(void **state)
{
	struct world *w = *state;

	watcher_start(w);
	kill(getpid(), SIGUSR1);
	assert_int_equal(wait_one(w, 5000), sizeof(struct chan_event));
	assert_int_equal(event(w, 0).kind, CHAN_EV_SIGNAL);
	assert_int_equal(event(w, 0).value, SIGUSR1);
	assert_int_equal(event(w, 0).tag, CHAN_SIGNAL_PROCESS);
	kill(getpid(), SIGWINCH); /* only a terminal's is about its size */
	assert_int_equal(wait_one(w, 5000), sizeof(struct chan_event));
	assert_int_equal(event(w, 0).kind, CHAN_EV_SIGNAL);
	assert_int_equal(event(w, 0).value, SIGWINCH);
	watcher_stop(w);
}

static void test_until(void **state)
{
	struct world *w = *state;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	watcher.until_fd = p[0];
	watcher_start(w);
	assert_int_equal(wait_one(w, 30), 0);
	close(p[1]);
	pthread_join(watcher.thread, NULL);
	assert_int_equal(watcher.result, 1);
	watcher.until_fd = 0;
	close(p[0]);
}

TESTS(event, WORLD_TEST(test_queue), WORLD_TEST(test_overflow), WORLD_TEST(test_deadline),
	WORLD_TEST(test_wait), WORLD_TEST(test_watch), WORLD_TEST(test_watch_file),
	WORLD_TEST(test_watch_many), WORLD_TEST(test_signals), WORLD_TEST(test_until));
