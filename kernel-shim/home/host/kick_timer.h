/* SPDX-License-Identifier: Apache-2.0
 * The timer that makes an engine's run() return: a signal to the core's own thread.
 */
#ifndef HOME_HOST_KICK_TIMER_H
#define HOME_HOST_KICK_TIMER_H

#include <time.h>

#include "core/types.h"

struct kick_timer {
	timer_t timer;
	bool made;
	volatile u64 at; /* monotonic time that it is set to; 0: it has fired, or never was */
	void (*fire)(void *arg);
	void *arg;
};

/* On the core's thread. fire is called in a signal handler. 0 or -errno; `k` must stay where it is.
 */
int kick_timer_make(struct kick_timer *k, void (*fire)(void *arg), void *arg);
void kick_timer_stop(struct kick_timer *k); /* k may go */
/* At monotonic time when_ns or before (0: not wanted). */
void kick_timer_set(struct kick_timer *k, u64 when_ns);
/* Any thread: now. Not for a timer that the core's thread sets too. */
void kick_timer_now(struct kick_timer *k);

#endif
