/* SPDX-License-Identifier: Apache-2.0
 * Sending signals by system calls.
 */
#ifndef SYS_SIGNAL_H
#define SYS_SIGNAL_H

#include "core/task.h"

/* What the receiver is told of t, the sender. */
void send_info(struct task *t, struct sig_info *si, s32 signo, s32 code);
/* Sends to thread, or to p if that is NULL. For signal 0 that the target exists and may be
 * signalled is enough. */
long send_checked(
	struct task *t, struct process *p, struct task *thread, const struct sig_info *si);

#endif
