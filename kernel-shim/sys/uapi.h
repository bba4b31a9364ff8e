/* SPDX-License-Identifier: Apache-2.0
 * Structures that handlers copy to and from programs, x86-64 layout, and how times are read from
 * them.
 */
#ifndef SYS_UAPI_H
#define SYS_UAPI_H

#include "core/types.h"

struct user_timespec {
	s64 sec, nsec;
};
struct user_timeval {
	s64 sec, usec;
};
struct user_itimerspec {
	struct user_timespec interval, value;
};
struct user_itimerval {
	struct user_timeval interval, value;
};
struct user_rusage {
	struct user_timeval utime, stime;
	s64 maxrss, ixrss, idrss, isrss, minflt, majflt, nswap, inblock, oublock, msgsnd, msgrcv,
		nsignals, nvcsw, nivcsw;
};
_Static_assert(sizeof(struct user_rusage) == 144, "struct rusage");

/* Nanoseconds; what does not fit is as good as never. -EINVAL for what is not a time. */
int timespec_to_ns(const struct user_timespec *ts, u64 *ns);
int timeval_to_ns(const struct user_timeval *tv, u64 *ns);
struct user_timespec timespec_from_ns(u64 ns);
struct user_timeval timeval_from_ns(u64 ns); /* rounds down */
/* Copies and converts: 0, -EFAULT, -EINVAL. */
int timespec_get(u64 uaddr, u64 *ns);
int timespec_put(u64 uaddr, u64 ns);
struct itimer_value;
int itimerspec_get(u64 uaddr, struct itimer_value *v);
int itimerspec_put(u64 uaddr, const struct itimer_value *v);

/* A structure of which we know `known` bytes and that the program says has `size`: what it has more
 * must be zero, or -E2BIG; what it has less is zero, but fewer than `least` are -EINVAL. */
int copy_struct_from_user(void *dst, size_t known, size_t least, u64 uaddr, u64 size);

struct wait_result;
void rusage_fill(struct user_rusage *ru, u64 utime_ns, u64 stime_ns, u64 max_rss_pages);

#endif
