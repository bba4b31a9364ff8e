/* SPDX-License-Identifier: Apache-2.0
 * The third mutex of "Futexes are tricky", with parking in place of the futex: who parks for the
 * lock says so in `waiting`, and who drops a wanted lock unparks one of them. The others are not
 * forgotten: whoever has parked takes the lock as wanted.
 */
#include "home/guest/lock.h"

#define LOCK_LOOKS 500u /* before parking; it is held for some microseconds */

enum lock_state { LOCK_FREE, LOCK_TAKEN, LOCK_WANTED };
static struct {
	u32 state;
	u64 waiting; /* a bit for each processor that parks for it */
} lock;

static bool lock_try(void)
{
	u32 expected = LOCK_FREE;

	return __atomic_compare_exchange_n(
		&lock.state, &expected, LOCK_TAKEN, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void guest_lock_take(u32 me)
{
	const u64 bit = 1ull << me;

	for (u32 i = 0; i < LOCK_LOOKS; i++) {
		if (!__atomic_load_n(&lock.state, __ATOMIC_RELAXED) && lock_try())
			return;
		__builtin_ia32_pause();
	}
	for (;;) {
		__atomic_fetch_or(&lock.waiting, bit, __ATOMIC_SEQ_CST);
		/* whoever drops it after this sees both */
		if (__atomic_exchange_n(&lock.state, LOCK_WANTED, __ATOMIC_SEQ_CST) == LOCK_FREE)
			break;
		guest_park(TIME_NEVER);
	}
	__atomic_fetch_and(&lock.waiting, ~bit, __ATOMIC_SEQ_CST);
}

void guest_lock_drop(void)
{
	u64 waiting;

	if (__atomic_exchange_n(&lock.state, LOCK_FREE, __ATOMIC_SEQ_CST) != LOCK_WANTED)
		return;
	waiting = __atomic_load_n(&lock.waiting, __ATOMIC_SEQ_CST);
	if (waiting)
		guest_unpark((u32)__builtin_ctzll(waiting));
}
