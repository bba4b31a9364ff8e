/* SPDX-License-Identifier: Apache-2.0
 * From a trapped `syscall` instruction to its row in the table.
 */
#include <asm/errno.h>
#include <asm/unistd.h>

#include "core/ptrace.h"
#include "sys/sys.h"

const struct sys_row sys_rows[SYS_MAX] = {
#define SYS(nr, name, status, args, note) [nr] = {sys_##name, #name, args, note, SYS_##status},
#include "sys/table.h"
#undef SYS
};

static long absent(struct kernel *k, u32 nr)
{
	k->stats.syscalls_absent++;
	if (k->verbose && nr < SYS_MAX && !(k->absent_seen[nr / 64] & (1ull << (nr % 64)))) {
		k->absent_seen[nr / 64] |= 1ull << (nr % 64);
		klog(CHAN_LOG_VERBOSE, "system call %u is not supported: it got ENOSYS", nr);
	}
	return -ENOSYS;
}

static void call(struct task *t)
{
	struct kernel *k = kern;
	struct user_regs *r = &t->regs;
	u32 nr = (u32)r->orig_rax;
	const u64 a[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
	const struct sys_row *row = nr < SYS_MAX && sys_rows[nr].fn ? &sys_rows[nr] : NULL;
	bool traced = k->trace && (!row || trace_wants(k, row->name));
	u64 calls = k->stats.channel_calls;
	long result;

	if (traced)
		trace_enter(t, nr, a);
	result = row ? row->fn(t, a) : absent(k, nr);
	/* rt_sigreturn has put whole new registers in place */
	if (t->regs_replaced)
		t->regs_replaced = false;
	else
		r->rax = (u64)result;
	if (traced)
		trace_exit(t, nr, a, result, k->stats.channel_calls - calls);
}

void sys_dispatch(struct task *t)
{
	struct user_regs *r = &t->regs;

	assert_locked();
	kern->stats.syscalls++;
	if (kern->shown)
		kern->shown->syscalls = kern->stats.syscalls;
	/* the ABI takes the low half: rax is an int to Linux */
	r->orig_rax = (u32)r->rax;
	r->rax = (u64)-ENOSYS;
	/* a tracer may put -1 for the number, and a result in rax, for no call */
	if (!t->traced.work || (ptrace_call_enter(t) && (s32)r->orig_rax != -1))
		call(t);
	if (t->traced.work)
		ptrace_call_exit(t);
}
