/* SPDX-License-Identifier: Apache-2.0
 * Taking turns with a trapped process: look for a while, then sleep. Looking costs a processor, so
 * how long it goes on is learned from whether it paid, or would have; with one processor it never
 * does. Both sides look equally long: one that sleeps makes the other's wait longer by what waking
 * it takes, and a wait that is short even so says that both gave up too early.
 */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vmm/process/process_internal.h"

#define SPIN_MAX    4096u /* looks, some 20 ns each: more than waking takes */
#define SPIN_MIN    64u
#define SHORT_NS    200000u   /* a wait that looking could have covered, with two wakings in it */
#define LIVENESS_NS 20000000u /* a space that is gone is noticed after this time */

static long futex(uint32_t *word, int op, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, word, op, value, limit, NULL, 0);
}

static bool turn_is_back(const struct stub_ctx *c)
{
	return __atomic_load_n(&c->turn, __ATOMIC_ACQUIRE) != TURN_STUB;
}

static uint32_t spin_turns(struct process_runner *r)
{
	return atomic_load_explicit(&r->spin_turns, memory_order_relaxed);
}

static bool may_spin(const struct process_vm *vm)
{
	return vm->processors >= 2 * vm->nrunners;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void learn(struct process_runner *r, bool paid)
{
	uint32_t n = spin_turns(r);

	if (paid && n < SPIN_MAX)
		n += n / 8 + 1;
	else if (!paid && n > SPIN_MIN)
		n -= n / 4;
	atomic_store_explicit(&r->spin_turns, n, memory_order_relaxed);
}

/* The process that had the turn before waits for something else now, and this one may need the
 * processor on which it looks. */
static void stop_looking(struct process_space *s)
{
	struct stub_ctx *last = atomic_exchange(&s->runner->last, s->ctx);

	if (last && last != s->ctx)
		__atomic_store_n(&last->spin, 0, __ATOMIC_RELAXED);
}

void process_turn_forget(struct process_space *s)
{
	struct stub_ctx *last = s->ctx;

	if (atomic_compare_exchange_strong(&s->runner->last, &last, NULL))
		__atomic_store_n(&s->ctx->spin, 0, __ATOMIC_RELAXED);
}

void process_give_turn(struct process_space *s)
{
	struct stub_ctx *c = s->ctx;

	stop_looking(s);
	__atomic_store_n(&c->spin, may_spin(s->vm) ? spin_turns(s->runner) : 0, __ATOMIC_RELAXED);
	__atomic_exchange_n(&c->turn, TURN_STUB, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&c->stub_sleeps, __ATOMIC_SEQ_CST))
		futex(&c->turn, FUTEX_WAKE, 1, NULL);
}

static bool look(struct process_space *s)
{
	if (!may_spin(s->vm))
		return false;
	for (uint32_t i = spin_turns(s->runner); i; i--) {
		if (turn_is_back(s->ctx)) {
			learn(s->runner, true);
			return true;
		}
		__builtin_ia32_pause();
	}
	return false;
}

/* Looks after the process while its turn does not come back. By the clock, and not by how often the
 * wait ended: signals and the process itself can end it. But a look counts once however long ago
 * the last was: the whole machine may have stood still. */
struct watch {
	uint64_t last_ns;
	uint32_t waited; /* looks since the process had no reason to keep the turn */
};

static bool given_up(struct watch *w, struct process_space *s, uint32_t patience)
{
	uint64_t now = now_ns();

	if (now - w->last_ns < LIVENESS_NS)
		return false;
	w->last_ns = now;
	if (patience || atomic_load(&s->runner->kicked))
		w->waited++;
	return w->waited > (patience ? patience : s->vm->patience) || process_is_gone(s->pidfd, 0);
}

static int sleep_for_turn(struct process_space *s, uint32_t patience)
{
	const struct timespec limit = {0, LIVENESS_NS};
	const uint64_t begin = now_ns();
	struct watch w = {.last_ns = begin};
	struct stub_ctx *c = s->ctx;

	process_count(&s->runner->slept, 1);
	while (!turn_is_back(c)) {
		__atomic_exchange_n(&c->launcher_sleeps, 1, __ATOMIC_SEQ_CST);
		if (!turn_is_back(c))
			futex(&c->turn, FUTEX_WAIT, TURN_STUB, &limit);
		__atomic_store_n(&c->launcher_sleeps, 0, __ATOMIC_RELAXED);
		if (!turn_is_back(c) && given_up(&w, s, patience))
			return -ESRCH;
	}
	learn(s->runner, now_ns() - begin < SHORT_NS);
	return 0;
}

int process_wait_turn(struct process_space *s, uint32_t patience)
{
	return look(s) ? 0 : sleep_for_turn(s, patience);
}
