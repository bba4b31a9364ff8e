/* SPDX-License-Identifier: Apache-2.0
 * What one task may do to another.
 */
#ifndef CORE_CRED_H
#define CORE_CRED_H

#include "core/task.h"

int cred_may_signal(struct task *t, struct process *p, s32 signo); /* 0 or -EPERM */
bool cred_same_user(const struct cred *c, const struct cred *other);

#endif
