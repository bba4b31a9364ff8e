/* SPDX-License-Identifier: Apache-2.0 */
#ifndef JAIL_INTERNAL_H
#define JAIL_INTERNAL_H

#include "runtime/jail/jail.h"

/* Adds a line to st->missing. */
void jail_missing(struct launch_jail_state *st, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* landlock.c: only what was granted can be opened, as far as the kernel knows. */
void jail_landlock(const struct launch_config *c, struct launch_jail_state *st);
/* seccomp.c: can filters be installed here at all? */
bool jail_seccomp_works(struct launch_jail_state *st);

/* also.c: system calls that this build needs besides those of the roles. */
extern const int jail_also[];
extern const size_t jail_also_count;

#endif
