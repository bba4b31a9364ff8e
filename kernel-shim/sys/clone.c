/* SPDX-License-Identifier: Apache-2.0
 * System calls that make processes and threads: clone(2), fork(2), vfork(2).
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/sched.h>

#include "core/task.h"
#include "mm/mm.h"
#include "sys/sys.h"

struct clone_request {
	u64 flags;     /* CLONE_*, exit signal in CSIGNAL */
	u64 stack_top; /* 0: the caller's */
	u64 parent_tid, child_tid;
	u64 tls;
};

/* The child may have ended and been freed by the time we run again: vfork_done says that it let go.
 */
static void wait_for_vfork(struct task *t, struct task *child)
{
	int r = 0;

	while (!t->vfork_done && !r)
		r = task_wait_killable(TIME_NEVER);
	if (!t->vfork_done) /* killed: so it still lives and must not wake a task that is gone */
		child->vfork_waiter = NULL;
}

static long do_clone(struct task *t, const struct clone_request *rq)
{
	struct task *child;
	s32 err, tid;

	if ((rq->flags & CLONE_SETTLS) && rq->tls >= USER_VA_END)
		return -EPERM; /* as ARCH_SET_FS */
	child = task_clone(rq->flags, &err);
	if (!child)
		return err;
	tid = child->tid;
	if (rq->stack_top)
		child->regs.rsp = rq->stack_top;
	if (rq->flags & CLONE_SETTLS)
		child->fs_base = rq->tls;
	if (rq->flags & CLONE_CHILD_CLEARTID)
		child->clear_child_tid = rq->child_tid;
	/* neither store can fail the call: it is made already (kernel/fork.c, schedule_tail) */
	if (rq->flags & CLONE_CHILD_SETTID)
		copy_to_mm(child->mm, rq->child_tid, &tid, sizeof(tid), false);
	if (rq->flags & CLONE_PARENT_SETTID)
		put_user_u32(rq->parent_tid, (u32)tid);
	if (rq->flags & CLONE_VFORK) {
		t->vfork_done = false;
		child->vfork_waiter = t;
	}
	sched_make_runnable(child);
	if (rq->flags & CLONE_VFORK)
		wait_for_vfork(t, child);
	return tid;
}

long sys_clone(struct task *t, const u64 *a)
{
	struct clone_request rq = {
		.flags = (u32)a[0], /* lower 32 bits only: the rest belongs to clone3 */
		.stack_top = a[1],
		.parent_tid = a[2],
		.child_tid = a[3],
		.tls = a[4],
	};

	return do_clone(t, &rq);
}

long sys_fork(struct task *t, const u64 *a)
{
	struct clone_request rq = {.flags = SIGCHLD};

	return do_clone(t, &rq);
}

long sys_vfork(struct task *t, const u64 *a)
{
	struct clone_request rq = {.flags = CLONE_VFORK | CLONE_VM | SIGCHLD};

	return do_clone(t, &rq);
}

/* copy_struct_from_user: a longer structure of a newer program is fine if its tail is zero. */
static int get_clone_args(struct clone_args *args, u64 uaddr, u64 size)
{
	u64 known = min_u64(size, sizeof(*args));
	u8 byte;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	for (u64 i = known; i < size; i++) {
		if (copy_from_user(&byte, uaddr + i, 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	memset(args, 0, sizeof(*args));
	return copy_from_user(args, uaddr, known);
}

long sys_clone3(struct task *t, const u64 *a)
{
	const u64 known = 0xffffffffull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
	struct clone_args args;
	struct clone_request rq;
	int r = get_clone_args(&args, a[0], a[1]);

	if (r)
		return r;
	if ((args.flags & ~known) || (args.flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))))
		return -EINVAL;
	if (args.set_tid || args.set_tid_size) /* would need CAP_CHECKPOINT_RESTORE */
		return args.set_tid && args.set_tid_size ? -EPERM : -EINVAL;
	if ((args.flags & (CLONE_SIGHAND | CLONE_CLEAR_SIGHAND)) ==
		(CLONE_SIGHAND | CLONE_CLEAR_SIGHAND))
		return -EINVAL;
	if ((args.flags & (CLONE_THREAD | CLONE_PARENT)) && args.exit_signal)
		return -EINVAL;
	if (args.exit_signal > NSIG_MAX)
		return -EINVAL;
	if (!args.stack != !args.stack_size)
		return -EINVAL;
	if (args.stack >= USER_VA_END || args.stack_size >= USER_VA_END - args.stack)
		return -EINVAL;
	if (args.flags & CLONE_NEWTIME) /* shares its bit with CSIGNAL: would not survive below */
		return -EPERM;
	rq = (struct clone_request){
		.flags = args.flags | args.exit_signal,
		.stack_top = args.stack + args.stack_size,
		.parent_tid = args.parent_tid,
		.child_tid = args.child_tid,
		.tls = args.tls,
	};
	return do_clone(t, &rq);
}
