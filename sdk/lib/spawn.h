/* SPDX-License-Identifier: Apache-2.0
 *
 * A child process of a process with threads: nothing of the parent's is shared with it, and between
 * its start and execve nothing but system calls happens.
 */
#ifndef SDK_SPAWN_H
#define SDK_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "sdk/include/sandbox.h"

struct spawn {
	const char *path;
	char *const *argv, *const *env;
	int std[3];	 /* what becomes 0, 1, 2: above 2 */
	const int *keep; /* descriptors above 2 that it gets under their own numbers */
	size_t nkeep;
};

/* 0 with a pidfd, which needs no child to be reaped to tell of its end; or a code. */
int spawn_process(const struct spawn *sp, pid_t *pid, int *pidfd, struct sb_error **error);
/* Signal to the process that spawn_process started. 0, or -1 with errno (ESRCH: it has ended). */
int spawn_signal(pid_t pid, int pidfd, int signo);
/* Its CPU time if it has ended and nobody else reaped it. It is no zombie after this. */
void spawn_reap(int pidfd, unsigned long long *cpu_ns);

#endif
