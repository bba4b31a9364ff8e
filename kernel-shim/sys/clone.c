/* SPDX-License-Identifier: Apache-2.0
 * System calls that make processes and threads: clone(2), fork(2), vfork(2).
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/ptrace.h>
#include <linux/sched.h>

#include "core/ptrace.h"
#include "fs/fs_internal.h"
#include "fs/pidfd.h"
#include "mm/mm.h"
#include "sys/sys.h"
#include "sys/uapi.h"

struct clone_request {
	u64 flags;     /* CLONE_*, exit signal in CSIGNAL */
	u64 stack_top; /* 0: the caller's */
	u64 parent_tid, child_tid;
	u64 pidfd; /* where CLONE_PIDFD puts it */
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

/* For CLONE_PIDFD. What can fail has to before there is a child; and the child does not get the
 * descriptor, so that comes after. NULL if it is not wanted. */
static struct file *pidfd_prepare(const struct clone_request *rq)
{
	int r;

	if (!(rq->flags & CLONE_PIDFD))
		return NULL;
	if (put_user_u32(rq->pidfd, 0))
		return err_ptr(-EFAULT);
	r = fd_room();
	return r ? err_ptr(r) : pidfd_make(0);
}

static void pidfd_give(struct file *f, struct process *p, u64 uaddr)
{
	pidfd_bind(f, p);
	put_user_u32(uaddr, (u32)fd_install(f, true, 0));
}

static long do_clone(struct task *t, const struct clone_request *rq)
{
	struct file *pidfd;
	struct task *child;
	s32 err, tid;

	if ((rq->flags & CLONE_SETTLS) && rq->tls >= USER_VA_END)
		return -EPERM; /* as ARCH_SET_FS */
	pidfd = pidfd_prepare(rq);
	if (is_err(pidfd))
		return ptr_err(pidfd);
	child = task_clone(rq->flags, &err);
	if (!child) {
		if (pidfd)
			file_put(pidfd);
		return err;
	}
	tid = child->tid;
	if (pidfd)
		pidfd_give(pidfd, child->proc, rq->pidfd);
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
	if (t->traced.tracer)
		ptrace_clone_event(t, rq->flags, tid);
	if (rq->flags & CLONE_VFORK)
		wait_for_vfork(t, child);
	if ((rq->flags & CLONE_VFORK) && t->vfork_done)
		ptrace_event(t, PTRACE_EVENT_VFORK_DONE, (u32)tid);
	return tid;
}

long sys_clone(struct task *t, const u64 *a)
{
	struct clone_request rq = {
		.flags = (u32)a[0], /* lower 32 bits only: the rest belongs to clone3 */
		.stack_top = a[1],
		.parent_tid = a[2],
		.child_tid = a[3],
		.pidfd = a[2],
		.tls = a[4],
	};

	if ((rq.flags & CLONE_PIDFD) && (rq.flags & CLONE_PARENT_SETTID))
		return -EINVAL; /* they would share the place */
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

long sys_clone3(struct task *t, const u64 *a)
{
	const u64 known = 0xffffffffull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP;
	struct clone_args args;
	struct clone_request rq;
	int r = copy_struct_from_user(&args, sizeof(args), CLONE_ARGS_SIZE_VER0, a[0], a[1]);

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
	if ((args.flags & CLONE_PIDFD) && (args.flags & CLONE_PARENT_SETTID) &&
		args.pidfd == args.parent_tid)
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
		.pidfd = args.pidfd,
		.tls = args.tls,
	};
	return do_clone(t, &rq);
}
