/* SPDX-License-Identifier: Apache-2.0
 * Processors as threads, and the kernel lock.
 *
 * Who holds the lock may look at all of the core's state, this file's included. Three words per
 * processor are touched without it: `wake` is a futex that an idle processor sleeps on, and only
 * changed with the lock; `in_user` is set with the lock and cleared without it, by its own
 * processor; `awaited` says that somebody sleeps on in_user.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/task.h"
#include "home/host/host_internal.h"

#define LOCK_LOOKS  200u
#define LEAVE_LOOKS 2000u /* at in_user before sleeping; some 20 ns each */
#define PAUSE_NS    20000
#define TIMED_EVERY 16u /* turns of user code: reading the clock for each would be felt */

struct host_cpu {
	u32 wake;
	u32 in_user;
	u32 awaited;
	const struct mm *mm; /* while in_user */
	u32 turns;
	u64 entered_ns, left_ns; /* of the turn that is timed; 0: none, or it did not end yet */
	bool waited;		 /* since it ended */
} __attribute__((aligned(64)));

static struct host_cpu cpus[CPUS_MAX];
static u32 lock; /* enum lock_state */
static _Thread_local u32 this_cpu;
static _Thread_local bool locked; /* this thread holds it */

static long futex(u32 *word, int op, u32 value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, limit, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

/* -- the lock: futex(7), "Futexes are tricky", the third mutex -- */

enum lock_state { LOCK_FREE, LOCK_TAKEN, LOCK_WANTED };

static bool lock_try(u32 *word)
{
	u32 expected = LOCK_FREE;

	return __atomic_compare_exchange_n(
		word, &expected, LOCK_TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* It is held for some microseconds at a time: looking a little before sleeping pays. */
static void lock_await(u32 *word)
{
	for (u32 i = 0; i < LOCK_LOOKS; i++) {
		if (!__atomic_load_n(word, __ATOMIC_RELAXED) && lock_try(word))
			return;
		__builtin_ia32_pause();
	}
	while (__atomic_exchange_n(word, LOCK_WANTED, __ATOMIC_ACQUIRE) != LOCK_FREE)
		futex(word, FUTEX_WAIT, LOCK_WANTED, NULL);
}

static void lock_take(u32 *word)
{
	if (locked)
		plat_panic("the kernel lock is taken by who holds it");
	lock_await(word);
	locked = true;
}

static void lock_drop(u32 *word)
{
	if (!locked)
		plat_panic("the kernel lock is dropped by who does not hold it");
	locked = false;
	if (__atomic_exchange_n(word, LOCK_FREE, __ATOMIC_RELEASE) == LOCK_WANTED)
		futex(word, FUTEX_WAKE, 1, NULL);
}

/* noinline, as plat_cpu: it is asked after switches too. Nothing else of the checks is here, so
 * that this file is the same in all builds. */
__attribute__((noinline)) void plat_assert_locked(const char *where)
{
	if (!locked)
		plat_panic(where);
}

/* -- processors -- */

/* noinline: cpu_here.h */
__attribute__((noinline)) struct cpu *plat_cpu(void)
{
	return &kern->cpus[this_cpu];
}

void host_cpu_begin(u32 cpu)
{
	this_cpu = cpu;
	lock_take(&lock);
}

void host_cpu_end(void)
{
	lock_drop(&lock);
}

/* -- user mode -- */

static u64 host_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + (u64)ts.tv_nsec;
}

/* What is told of a turn is known when the next one begins. */
static void turn_begin(struct host_cpu *h)
{
	const struct host_home_config *c = &host_home.c;
	bool timed = h->turns++ % TIMED_EVERY == 0;
	u64 now = c->turned && (timed || h->left_ns) ? host_now_ns() : 0;

	if (h->left_ns)
		c->turned(c->channel_arg, this_cpu, h->left_ns - h->entered_ns,
			h->waited ? 0 : now - h->left_ns);
	h->left_ns = 0;
	h->entered_ns = timed ? now : 0;
}

static void turn_end(struct host_cpu *h)
{
	h->left_ns = h->entered_ns ? host_now_ns() : 0;
	h->waited = false;
}

void host_user_waits(void)
{
	cpus[this_cpu].waited = true;
}

void host_user_begin(struct mm *mm)
{
	struct host_cpu *h = &cpus[this_cpu];

	turn_begin(h);
	h->mm = mm;
	__atomic_store_n(&h->in_user, 1, __ATOMIC_SEQ_CST);
	lock_drop(&lock);
}

void host_user_end(void)
{
	struct host_cpu *h = &cpus[this_cpu];

	turn_end(h);
	__atomic_store_n(&h->in_user, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&h->awaited, __ATOMIC_SEQ_CST))
		futex(&h->in_user, FUTEX_WAKE, 1, NULL);
	lock_take(&lock);
}

bool host_user_runs(u32 cpu, const struct mm *mm)
{
	const struct host_cpu *h = &cpus[cpu];

	return cpu != this_cpu && (!mm || h->mm == mm) &&
	       __atomic_load_n(&h->in_user, __ATOMIC_SEQ_CST);
}

/* With the lock, so nobody else waits and nobody enters user mode. */
void host_user_wait(u32 cpu)
{
	struct host_cpu *h = &cpus[cpu];

	for (u32 i = 0; i < LEAVE_LOOKS; i++) {
		if (!__atomic_load_n(&h->in_user, __ATOMIC_ACQUIRE))
			return;
		__builtin_ia32_pause();
	}
	__atomic_store_n(&h->awaited, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&h->in_user, __ATOMIC_SEQ_CST))
		futex(&h->in_user, FUTEX_WAIT, 1, NULL);
	__atomic_store_n(&h->awaited, 0, __ATOMIC_RELAXED);
}

void plat_kick_cpu(struct cpu *c)
{
	assert_locked();
	if (host_user_runs(c->id, NULL))
		host_home.c.engine->kick(host_home.c.engine_arg, c->id);
}

void plat_cpus_leave(struct mm *mm)
{
	u64 kicked = 0;

	assert_locked();
	for (u32 i = 0; i < kern->ncpus; i++) {
		if (!host_user_runs(i, mm))
			continue;
		host_home.c.engine->kick(host_home.c.engine_arg, i);
		kicked |= 1ull << i;
	}
	for (; kicked; kicked &= kicked - 1)
		host_user_wait((u32)__builtin_ctzll(kicked));
}

/* -- idle -- */

void plat_idle(u64 deadline)
{
	const struct timespec at = {
		(time_t)(deadline / NSEC_PER_SEC), (long)(deadline % NSEC_PER_SEC)};
	struct host_cpu *h = &cpus[this_cpu];
	u32 seen = h->wake; /* with the lock: a wake-up that comes after it is seen by the futex */

	host_user_waits();
	lock_drop(&lock);
	futex(&h->wake, FUTEX_WAIT_BITSET, seen, deadline == TIME_NEVER ? NULL : &at);
	lock_take(&lock);
}

void plat_wake_cpu(struct cpu *c)
{
	u32 *word = &cpus[c->id].wake;

	assert_locked();
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	futex(word, FUTEX_WAKE, 1, NULL);
}

void plat_lock_pause(void)
{
	const struct timespec moment = {0, PAUSE_NS};
	u32 nobodys = 0; /* the time limit is all that ends it */

	lock_drop(&lock);
	futex(&nobodys, FUTEX_WAIT, 0, &moment);
	lock_take(&lock);
}
