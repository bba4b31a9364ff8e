/* SPDX-License-Identifier: Apache-2.0
 * What one task may do to another.
 */
#ifndef CORE_CRED_H
#define CORE_CRED_H

#include "core/task.h"

int cred_may_signal(struct task *t, struct process *p, s32 signo); /* 0 or -EPERM */
/* The same real user and group in every one of the other's ids, or `cap` overrides. */
bool cred_same_user(const struct cred *c, const struct cred *other, u32 cap);

/* -- capabilities(7), core/caps.c -- */
#define CAP_ALL	     ((1ull << (CAP_LAST_CAP + 1)) - 1)
#define CAP_BIT(cap) (1ull << (cap))

void cred_first(struct cred *c); /* of the first program, by its user */
/* What a change of user ids means for the sets; old: before it. */
void cred_uid_changed(struct cred *c, const struct cred *old);
void cred_fsuid_changed(struct cred *c, const struct cred *old);
/* execve(2). Files have no capabilities here, and set-user-ID means nothing (as nosuid). */
void cred_exec(struct cred *c);

#endif
