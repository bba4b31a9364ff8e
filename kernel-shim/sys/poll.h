/* SPDX-License-Identifier: Apache-2.0
 * What poll(2), select(2) and epoll_wait(2) share: time-outs and the temporary signal mask.
 */
#ifndef SYS_POLL_H
#define SYS_POLL_H

#include "core/types.h"

struct task;

/* A deadline on CLOCK_MONOTONIC from a relative time; 0 stays 0: do not wait. */
u64 poll_deadline(u64 ns);
/* Of milliseconds, negative: never. */
u64 poll_deadline_ms(s32 ms);
/* Of a struct timespec in user memory, NULL: never. 0, -EFAULT, -EINVAL. */
int poll_deadline_timespec(u64 uaddr, u64 *deadline);
/* The mask for the time of the call; uaddr 0: none. 0, -EFAULT, -EINVAL. */
int poll_set_mask(struct task *t, u64 uaddr, u64 size);

enum poll_time { POLL_TIMESPEC, POLL_TIMEVAL };
/* End of ppoll, select, pselect6: takes the mask back unless a handler is to see it, and writes
 * what is left of the time. The result of the call. */
long poll_finish(struct task *t, u64 deadline, u64 utime, enum poll_time kind, long ret);

#endif
