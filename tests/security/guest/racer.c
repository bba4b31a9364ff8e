/* SPDX-License-Identifier: Apache-2.0
 * Random system calls in whose course their arguments change: not by another thread, for of a
 * sandbox one runs at a time, but by the caller itself, which says that it made a call and goes on.
 */
#include <unistd.h>

#include "tests/security/guest/fuzz.h"
#include "tests/security/guest/stub.h"

#define CALLS 3000u

static struct random racer;
static unsigned made;
static uint8_t stack[65536] __attribute__((aligned(16)));

/* What the launcher looks at while it has the turn: the arguments' memory, now and then the
 * context. */
static void change_something(void)
{
	uint64_t r = random_u64(&racer);
	volatile uint64_t *at = (volatile uint64_t *)(ARENA + (r >> 8) % (ARENA_PAGES * 512) * 8);

	if ((r & 0xff) == 0) {
		at = (volatile uint64_t *)STUB_CTX + (r >> 40) % 1024;
		if ((uint64_t)at == STUB_CTX) /* the turn: it is not back yet */
			return;
	}
	*at = random_u64(&racer) >> (r >> 16 & 63);
}

/* The same words over and over, as arguments are read soon after each other. */
static void flip(uint64_t at)
{
	volatile uint64_t *p = (volatile uint64_t *)(at & ~7ull);
	uint64_t old, other = random_u64(&racer) >> (random_u64(&racer) & 63);

	if (at < ARENA || at >= ARENA_RO - 64)
		return;
	p += random_below(&racer, 8);
	old = *p;
	for (int i = 0; i < 200 && !stub_turn_is_back(); i++)
		*p = i & 1 ? old : other;
}

static void race(const uint64_t a[6])
{
	while (!stub_turn_is_back()) {
		for (int i = 0; i < 6; i++)
			flip(a[i]);
		change_something();
	}
}

/* Also where the program is entered anew when the stub has had its way: after a fault or a kick. */
static _Noreturn void go_on(void)
{
	while (made++ < CALLS) {
		uint64_t nr = fuzz_number(&racer), a[6];

		fuzz_arguments(&racer, nr, a);
		__atomic_fetch_add(fuzz_count, 1, __ATOMIC_RELAXED);
		stub_forge_call(nr, a, (uint64_t)(uintptr_t)go_on,
			(uint64_t)(uintptr_t)(stack + sizeof(stack) - 8));
		race(a);
		if (stub_is_recycled())
			stub_die();
	}
	_exit(0);
}

void child_racer(struct random *r)
{
	if (!stub_is_there()) {
		child_calls(r);
		return;
	}
	racer = *r;
	go_on();
}
