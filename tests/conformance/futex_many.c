/* SPDX-License-Identifier: Apache-2.0 */
/* futex_waitv(2), and condition variables on PI locks. */
#include "behave.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif
#ifndef FUTEX_32
#define FUTEX_32 2
struct futex_waitv {
	uint64_t val, uaddr;
	uint32_t flags, __reserved;
};
#endif

static uint32_t words[130], cond, lock;
static volatile long result = -100;

static void fill(struct futex_waitv *v, int n)
{
	memset(v, 0, (size_t)n * sizeof(*v));
	for (int i = 0; i < n; i++) {
		v[i].uaddr = (uintptr_t)&words[i];
		v[i].flags = FUTEX_32 | FUTEX_PRIVATE_FLAG;
	}
}

static long waitv(struct futex_waitv *v, unsigned n, const struct timespec *t, int clock)
{
	return syscall(SYS_futex_waitv, v, n, 0, t, clock);
}

static long futex(uint32_t *a, int op, uint32_t val, void *t, uint32_t *b, uint32_t val3)
{
	return syscall(SYS_futex, a, op, val, t, b, val3);
}

static void waitv_refuses(void)
{
	struct futex_waitv v[3];
	struct timespec bad = {0, -1};

	fill(v, 3);
	R(waitv(v, 0, NULL, 0));
	R(waitv(v, 129, NULL, 0));
	R(waitv(NULL, 1, NULL, 0));
	R(waitv((void *)8, 1, NULL, 0));
	R(syscall(SYS_futex_waitv, v, 1, 1, NULL, 0));
	R(waitv(v, 1, &bad, CLOCK_MONOTONIC));
	R(waitv(v, 1, &bad, CLOCK_BOOTTIME));
	R(waitv(v, 1, (void *)8, CLOCK_MONOTONIC));
	v[1].flags = 0;
	R(waitv(v, 3, NULL, 0));
	v[1].flags = FUTEX_32 | 0x40;
	R(waitv(v, 3, NULL, 0));
	v[1].flags = FUTEX_32;
	v[1].__reserved = 1;
	R(waitv(v, 3, NULL, 0));
	v[1].__reserved = 0;
	v[1].uaddr++;
	R(waitv(v, 3, NULL, 0));
	v[1].uaddr = 8;
	R(waitv(v, 3, NULL, 0));
	fill(v, 3);
	v[2].val = 1;
	R(waitv(v, 3, NULL, 0));
}

static void waitv_times_out(void)
{
	struct futex_waitv v[2];
	struct timespec t;
	int64_t start = now_ns(CLOCK_MONOTONIC);

	fill(v, 2);
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 50000000;
	if (t.tv_nsec >= 1000000000)
		t = (struct timespec){t.tv_sec + 1, t.tv_nsec - 1000000000};
	R(waitv(v, 2, &t, CLOCK_MONOTONIC));
	T(now_ns(CLOCK_MONOTONIC) - start >= 49000000);
	R(waitv(v, 2, &t, CLOCK_REALTIME));
}

static void *wait_for_three(void *arg)
{
	struct futex_waitv v[3];

	fill(v, 3);
	result = waitv(v, 3, NULL, 0);
	return arg;
}

static void waitv_tells_which(void)
{
	pthread_t t;

	for (int i = 0; i < 3; i++) {
		pthread_create(&t, NULL, wait_for_three, NULL);
		until_threads_asleep();
		R(futex(&words[i], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
		pthread_join(t, NULL);
		V(result);
		R(futex(&words[0], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	}
}

static void waitv_across_processes(void)
{
	uint32_t *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct futex_waitv v[2];

	fill(v, 2);
	v[1].uaddr = (uintptr_t)shared;
	v[1].flags = FUTEX_32;
	pid_t pid = fork();
	if (pid == 0)
		_exit((int)waitv(v, 2, NULL, 0));
	until_asleep(pid);
	R(futex(shared, FUTEX_WAKE, 1, NULL, NULL, 0));
	reap("waiter", pid);
}

static void handler(int sig)
{
	(void)sig;
}

static void waitv_is_interrupted(void)
{
	struct sigaction sa = {.sa_handler = handler};
	struct futex_waitv v[2];
	pid_t pid;

	sigaction(SIGUSR1, &sa, NULL);
	fill(v, 2);
	pid = signal_when_asleep(SIGUSR1);
	R(waitv(v, 2, NULL, 0));
	reap("child", pid);
}

static void *wait_and_lock(void *arg)
{
	long r = futex(&cond, FUTEX_WAIT_REQUEUE_PI | FUTEX_PRIVATE_FLAG, 0, NULL, &lock, 0);
	bool mine = (lock & FUTEX_TID_MASK) == (uint32_t)syscall(SYS_gettid);

	result = r ? errno : mine ? 1000 : 2000;
	if (!r)
		futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
	return arg;
}

static long requeue(int wake, long n, uint32_t cmp)
{
	return futex(&cond, FUTEX_CMP_REQUEUE_PI | FUTEX_PRIVATE_FLAG, (uint32_t)wake, (void *)n,
		&lock, cmp);
}

static void requeue_refuses(void)
{
	R(requeue(0, 1, 0));
	R(requeue(2, 1, 0));
	R(requeue(1, -1, 0));
	R(requeue(1, 1, 5));
	R(requeue(1, 1, 0));
	R(futex(&cond, FUTEX_CMP_REQUEUE_PI, 1, (void *)1, &cond, 0));
	R(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &cond, 0));
	R(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &lock, 0));
	struct timespec past = {1, 0};
	R(futex(&cond, FUTEX_WAIT_REQUEUE_PI, 0, &past, &lock, 0));
}

static void requeue_gives_a_free_lock(void)
{
	pthread_t t;

	pthread_create(&t, NULL, wait_and_lock, NULL);
	until_threads_asleep();
	R(requeue(1, 0, 0));
	pthread_join(t, NULL);
	V(result);
	V(lock);
}

static void requeue_waits_for_the_lock(void)
{
	pthread_t t[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&t[i], NULL, wait_and_lock, NULL);
	until_threads_asleep();
	R(futex(&lock, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	R(futex(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	R(requeue(1, 10, 0));
	sleep_ms(50);
	V(result);
	T(lock & FUTEX_WAITERS);
	R(futex(&lock, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0));
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	V(result);
	V(lock);
}

static void *plain_waiter(void *arg)
{
	futex(&cond, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	return arg;
}

static void requeue_takes_no_plain_waiter(void)
{
	pthread_t t;

	pthread_create(&t, NULL, plain_waiter, NULL);
	until_threads_asleep();
	R(requeue(1, 1, 0));
	R(futex(&cond, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	pthread_join(t, NULL);
}

const struct behaviour behaviours[] = {BEHAVIOUR(waitv_refuses), BEHAVIOUR(waitv_times_out),
	BEHAVIOUR(waitv_tells_which), BEHAVIOUR(waitv_across_processes),
	BEHAVIOUR(waitv_is_interrupted), BEHAVIOUR(requeue_refuses),
	BEHAVIOUR(requeue_gives_a_free_lock), BEHAVIOUR(requeue_waits_for_the_lock),
	BEHAVIOUR(requeue_takes_no_plain_waiter), {0}};
