/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>

enum { THREADS = 4 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static int counter, turn;
static sem_t semaphore;

static void run(int count, void *(*fn)(void *))
{
	pthread_t t[16];

	for (long i = 0; i < count; i++)
		MUST(pthread_create(&t[i], NULL, fn, (void *)i) == 0);
	for (int i = 0; i < count; i++)
		MUST(pthread_join(t[i], NULL) == 0);
}

static void *count_up(void *unused)
{
	for (int i = 0; i < 20000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return unused;
}

static void mutex_protects_a_counter(void)
{
	run(THREADS, count_up);
	V(counter);
}

static void *count_atomically(void *unused)
{
	for (int i = 0; i < 200000; i++)
		__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	return unused;
}

static void atomic_counter_is_exact(void)
{
	run(THREADS, count_atomically);
	V(counter);
}

static void *take_turns(void *me)
{
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&mutex);
		while (turn % THREADS != (long)me)
			pthread_cond_wait(&condition, &mutex);
		turn++;
		pthread_cond_broadcast(&condition);
		pthread_mutex_unlock(&mutex);
	}
	return NULL;
}

static void condition_passes_turns(void)
{
	run(THREADS, take_turns);
	V(turn);
}

static void *meet(void *unused)
{
	for (int i = 0; i < 50; i++) {
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&barrier);
		if (counter != (i + 1) * THREADS)
			say("round %d: counter %d", i, counter);
		if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
			turn++;
	}
	return unused;
}

static void barrier_rounds(void)
{
	E(pthread_barrier_init(&barrier, NULL, THREADS));
	run(THREADS, meet);
	V(counter);
	V(turn);
}

static void condition_timed_wait_times_out(void)
{
	struct timespec limit;
	clock_gettime(CLOCK_REALTIME, &limit);
	pthread_mutex_lock(&mutex);
	E(pthread_cond_timedwait(&condition, &mutex, &limit));
	limit.tv_sec++;
	E(pthread_cond_timedwait(&condition, &mutex, &limit));
	T(now_ns(CLOCK_REALTIME) >= limit.tv_sec * 1000000000ll + limit.tv_nsec);
}

static void mutex_kinds(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	struct timespec limit;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&m, &a);
	E(pthread_mutex_lock(&m));
	E(pthread_mutex_lock(&m));
	E(pthread_mutex_trylock(&m));
	E(pthread_mutex_unlock(&m));
	E(pthread_mutex_unlock(&m));
	pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&m, &a);
	E(pthread_mutex_lock(&m));
	E(pthread_mutex_lock(&m));
	E(pthread_mutex_unlock(&m));
	E(pthread_mutex_unlock(&m));
	E(pthread_mutex_lock(&mutex));
	E(pthread_mutex_trylock(&mutex));
	clock_gettime(CLOCK_REALTIME, &limit);
	E(pthread_mutex_timedlock(&mutex, &limit));
}

static void *hold_inheritance_mutex(void *m)
{
	pthread_mutex_lock(m);
	sleep_ms(100);
	pthread_mutex_unlock(m);
	return NULL;
}

static void priority_inheritance_mutex(void)
{
	pthread_mutexattr_t a;
	pthread_mutex_t m;
	pthread_t t;
	pthread_mutexattr_init(&a);
	E(pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT));
	E(pthread_mutex_init(&m, &a));
	E(pthread_mutex_lock(&m));
	E(pthread_mutex_unlock(&m));
	pthread_create(&t, NULL, hold_inheritance_mutex, &m);
	until_threads_asleep();
	E(pthread_mutex_lock(&m));
	E(pthread_mutex_unlock(&m));
	pthread_join(t, NULL);
}

static void *read_lock(void *lock)
{
	return (void *)(long)pthread_rwlock_tryrdlock(lock);
}

static void *write_lock(void *lock)
{
	return (void *)(long)pthread_rwlock_trywrlock(lock);
}

static void say_in_thread(const char *label, void *(*fn)(void *), void *argument)
{
	pthread_t t;
	void *r;
	MUST(pthread_create(&t, NULL, fn, argument) == 0);
	pthread_join(t, &r);
	say("%s: %s", label, errno_name((int)(long)r));
}

static void reader_writer_lock(void)
{
	static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	E(pthread_rwlock_rdlock(&lock));
	say_in_thread("read while read", read_lock, &lock);
	say_in_thread("write while read", write_lock, &lock);
	static pthread_rwlock_t second = PTHREAD_RWLOCK_INITIALIZER;
	E(pthread_rwlock_wrlock(&second));
	say_in_thread("read while written", read_lock, &second);
	say_in_thread("write while written", write_lock, &second);
}

static void *consume(void *unused)
{
	for (int i = 0; i < 1000; i++) {
		sem_wait(&semaphore);
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
	}
	return unused;
}

static void semaphore_hands_out_tokens(void)
{
	pthread_t t[2];
	struct timespec limit;
	int value = -1;
	R(sem_init(&semaphore, 0, 0));
	R(sem_trywait(&semaphore));
	clock_gettime(CLOCK_REALTIME, &limit);
	R(sem_timedwait(&semaphore, &limit));
	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&t[i], NULL, consume, NULL) == 0);
	for (int i = 0; i < 2000; i++)
		sem_post(&semaphore);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	V(counter);
	R(sem_getvalue(&semaphore, &value));
	V(value);
}

static void *return_value(void *argument)
{
	return (void *)((long)argument * 2);
}

static void join_returns_value(void)
{
	pthread_t t;
	void *r = NULL;
	E(pthread_create(&t, NULL, return_value, (void *)21));
	E(pthread_join(t, &r));
	V((long)r);
}

static void *sleep_in_cancellation_point(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static void *spin_until_cancelled(void *unused)
{
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (volatile unsigned long i = 0;; i++)
		;
	return unused;
}

static void cancellation_ends_a_thread(void)
{
	pthread_t t;
	void *r = NULL;
	MUST(pthread_create(&t, NULL, sleep_in_cancellation_point, NULL) == 0);
	until_threads_asleep();
	E(pthread_cancel(t));
	E(pthread_join(t, &r));
	T(r == PTHREAD_CANCELED);
	MUST(pthread_create(&t, NULL, spin_until_cancelled, NULL) == 0);
	sleep_ms(30);
	E(pthread_cancel(t));
	E(pthread_join(t, &r));
	T(r == PTHREAD_CANCELED);
}

static void *nothing(void *unused)
{
	return unused;
}

static void many_threads_one_after_another(void)
{
	int made = 0;
	for (int i = 0; i < 300; i++) {
		pthread_t t;
		if (pthread_create(&t, NULL, nothing, NULL) == 0 && pthread_join(t, NULL) == 0)
			made++;
	}
	V(made);
}

static void *wait_at_barrier(void *unused)
{
	pthread_barrier_wait(&barrier);
	return unused;
}

static void many_threads_at_once(void)
{
	enum { COUNT = 100 };
	pthread_t t[COUNT];
	pthread_attr_t a;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 65536);
	E(pthread_barrier_init(&barrier, NULL, COUNT + 1));
	for (int i = 0; i < COUNT; i++)
		MUST(pthread_create(&t[i], &a, wait_at_barrier, NULL) == 0);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < COUNT; i++)
		pthread_join(t[i], NULL);
	say("all met");
}

static void *own_id(void *unused)
{
	(void)unused;
	return (void *)(long)(syscall(SYS_gettid) != getpid());
}

static void thread_ids_differ_from_process_id(void)
{
	pthread_t t;
	void *r;
	pthread_create(&t, NULL, own_id, NULL);
	pthread_join(t, &r);
	V((long)r);
	T(syscall(SYS_gettid) == getpid());
}

static volatile int go;

/* Without preemption the spinner would never let the main thread set go. */
static void *spin_for_go(void *unused)
{
	while (!go)
		;
	return unused;
}

static void spinning_threads_are_preempted(void)
{
	pthread_t t[6];
	for (int i = 0; i < 6; i++)
		MUST(pthread_create(&t[i], NULL, spin_for_go, NULL) == 0);
	sleep_ms(100);
	go = 1;
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
	say("all stopped");
}

static void once_runs_once_helper(void)
{
	counter++;
}

static void *call_once(void *unused)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, once_runs_once_helper);
	return unused;
}

static void once_runs_once(void)
{
	run(THREADS, call_once);
	V(counter);
}

const struct behaviour behaviours[] = {BEHAVIOUR(mutex_protects_a_counter),
	BEHAVIOUR(atomic_counter_is_exact), BEHAVIOUR(condition_passes_turns),
	BEHAVIOUR(barrier_rounds), BEHAVIOUR(condition_timed_wait_times_out),
	BEHAVIOUR(mutex_kinds), BEHAVIOUR(priority_inheritance_mutex),
	BEHAVIOUR(reader_writer_lock), BEHAVIOUR(semaphore_hands_out_tokens),
	BEHAVIOUR(join_returns_value), BEHAVIOUR(cancellation_ends_a_thread),
	BEHAVIOUR(many_threads_one_after_another), BEHAVIOUR(many_threads_at_once),
	BEHAVIOUR(thread_ids_differ_from_process_id), BEHAVIOUR(spinning_threads_are_preempted),
	BEHAVIOUR(once_runs_once), {0}};
