/* SPDX-License-Identifier: Apache-2.0
 * System calls: every handler has this shape and one row in table.h. Arguments are the raw
 * registers (rdi rsi rdx r10 r8 r9); a handler narrows them as Linux's prototypes do ((s32)a[0] for
 * an int). Result or -errno; -ERESTART… as in Linux.
 */
#ifndef SYS_SYS_H
#define SYS_SYS_H

#include "core/types.h"

struct task;
typedef long (*sys_fn)(struct task *t, const u64 *a);

#define SYS(nr, name, status, args, note) long sys_##name(struct task *t, const u64 *a);
#include "sys/table.h"
#undef SYS

enum sys_status { SYS_FULL, SYS_PARTIAL };
struct sys_row {
	sys_fn fn;
	const char *name;
	const char *args; /* one letter each, see table.h */
	const char *note;
	enum sys_status status;
};
#define SYS_MAX 512
extern const struct sys_row sys_rows[SYS_MAX];

/* Runs the call in t->regs; sets regs.rax. */
void sys_dispatch(struct task *t);

/* sys/trace.c: strace-like lines through klog(CHAN_LOG_TRACE) */
void trace_enter(struct task *t, u32 nr, const u64 *a);
void trace_exit(struct task *t, u32 nr, const u64 *a, long result, u64 channel_calls);
bool trace_wants(struct kernel *k, const char *name);

#endif
