/* SPDX-License-Identifier: Apache-2.0
 * Task objects: the first one, clones, and their end.
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <asm/signal.h>
#include <linux/sched.h>

#include "core/cred.h"
#include "core/ptrace.h"
#include "core/signal.h"
#include "core/task_internal.h"
#include "core/timers.h"
#include "fs/vfs.h"
#include "ipc/ipc.h"
#include "mm/mm.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET)
#define FPU_ALIGN      64 /* XSAVE, Intel SDM vol. 1, 13.4 */
#define TIMER_SLACK_NS 50000
#define SS_DISABLE     2

struct task *task_find(s32 tid)
{
	assert_locked();
	list_for_each(pos, &kern->tasks)
	{
		struct task *t = list_entry(pos, struct task, all_link);

		if (t->tid == tid)
			return t;
	}
	return NULL;
}

static struct task *task_alloc(void)
{
	struct task *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->fpu_block = kalloc(kern->xsave_size + FPU_ALIGN);
	if (!t->fpu_block) {
		kfree(t);
		return NULL;
	}
	t->fpu = (u8 *)round_up((u64)t->fpu_block, FPU_ALIGN);
	t->kernel = kern;
	t->state = TASK_RUNNABLE; /* on no queue until sched_make_runnable: a signal must not queue
				     it */
	list_init(&t->run_link);
	list_init(&t->all_link);
	list_init(&t->thread_link);
	list_init(&t->traced.link);
	sigpending_init(&t->pending);
	ktimer_init(&t->sleep_timer, NULL);
	t->start_ns = clock_boot_ns();
	t->timer_slack = TIMER_SLACK_NS;
	t->altstack_flags = SS_DISABLE;
	return t;
}

void task_free(struct task *t)
{
	assert_locked();
	list_del(&t->all_link);
	list_del(&t->thread_link);
	sigpending_flush(&t->pending);
	plat_kctx_free(&t->kctx);
	kfree(t->fpu_block);
	process_put(t->proc);
	kfree(t);
}

static void task_link(struct task *t, struct process *p, s32 tid)
{
	t->tid = tid;
	t->proc = p;
	process_get(p);
	list_add_tail(&kern->tasks, &t->all_link);
	list_add_tail(&p->threads, &t->thread_link);
	p->nthreads++;
	kern->ntasks++;
}

/* -- the first -- */

static void init_identity(struct task *t, const struct boot_block *b)
{
	const u32 *groups = (const u32 *)((const u8 *)b + b->groups);
	struct cred *c = &t->cred;

	c->uid = c->euid = c->suid = c->fsuid = b->uid;
	c->gid = c->egid = c->sgid = c->fsgid = b->gid;
	c->ngroups = (u32)min_u64(b->ngroups, ARRAY_SIZE(c->groups));
	memcpy(c->groups, groups, c->ngroups * sizeof(c->groups[0]));
	cred_first(c);
}

/* What a process finds after an exec: what its parent ignored and blocked. */
static void init_signals(struct task *t, struct sighand *s, const struct boot_block *b)
{
	sigmask ignored = b->sig_ignored & ~SIG_KILL_STOP;

	t->blocked = b->sig_blocked & ~SIG_KILL_STOP;
	for (u32 i = 0; i < NSIG_MAX; i++)
		s->action[i].handler = ignored >> i & 1;
}

struct task *task_new_init(const struct boot_block *b)
{
	struct task *t = task_alloc();
	struct process *p = process_new(NULL);
	struct sighand *s = kzalloc(sizeof(*s));

	if (!t || !p || !s)
		return NULL; /* the caller ends the sandbox */
	s->refs = 1;
	p->sighand = s;
	p->pgrp = p->session = PID_PROGRAM;
	memcpy(p->rlimits, b->rlimits, sizeof(p->rlimits));
	kern->last_pid = PID_PROGRAM;
	kern->init = p;
	process_link(p, PID_PROGRAM, NULL);
	task_link(t, p, PID_PROGRAM);
	p->leader = t;
	init_identity(t, b);
	init_signals(t, s, b);
	t->sched_affinity = sched_cpus_present();
	plat_fpu_init(t);
	return t;
}

/* -- clones -- */

/* Order of checks as in copy_process (kernel/fork.c). */
static s32 clone_check(struct task *t, u64 flags)
{
	u64 max = t->proc->rlimits[RLIMIT_NPROC][0];

	if ((flags & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS))
		return -EINVAL;
	if ((flags & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && !(flags & CLONE_SIGHAND))
		return -EINVAL;
	if ((flags & CLONE_SIGHAND) && !(flags & CLONE_VM))
		return -EINVAL;
	if ((flags & CLONE_THREAD) && (flags & (CLONE_NEWUSER | CLONE_NEWPID)))
		return -EINVAL;
	if ((flags & CLONE_PIDFD) && (flags & (CLONE_DETACHED | CLONE_THREAD)))
		return -EINVAL;
	if (flags & CLONE_INTO_CGROUP)
		return -EINVAL;
	if (flags & NAMESPACES)
		return -EPERM; /* as for a user whom the host does not let: programs fall back */
	if (signal_pending(t))
		return -ERESTARTNOINTR; /* so that a fork bomb can be killed */
	if (process_count_uid(t->cred.uid) >= max && !cred_has(&t->cred, CAP_SYS_RESOURCE) &&
		!cred_has(&t->cred, CAP_SYS_ADMIN))
		return -EAGAIN;
	if (kern->boot->pids_max && kern->ntasks >= kern->boot->pids_max)
		return -EAGAIN;
	return 0;
}

static void clone_state(struct task *t, struct task *from, u64 flags)
{
	t->regs = from->regs;
	t->regs.rax = 0;
	t->fs_base = from->fs_base;
	t->gs_base = from->gs_base;
	plat_fpu_save(from);
	memcpy(t->fpu, from->fpu, kern->xsave_size);
	memcpy(t->comm, from->comm, sizeof(t->comm));
	t->cred = from->cred;
	t->blocked = from->blocked;
	t->no_new_privs = from->no_new_privs;
	t->timer_slack = from->timer_slack;
	t->sched_affinity = from->sched_affinity;
	t->ioprio = from->ioprio;
	t->last_cpu = from->last_cpu;
	if (!from->sched_reset_on_fork) {
		t->nice = from->nice;
		t->sched_policy = from->sched_policy;
		t->sched_priority = from->sched_priority;
	} else if (from->nice > 0 && from->sched_policy == SCHED_NORMAL) {
		t->nice = from->nice;
	}
	/* a stack or an rseq area in shared memory cannot serve two threads; a vfork child borrows
	 * them */
	if ((flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM) {
		t->altstack_sp = from->altstack_sp;
		t->altstack_size = from->altstack_size;
		t->altstack_flags = from->altstack_flags;
	}
	if (!(flags & CLONE_VM)) {
		t->rseq_addr = from->rseq_addr;
		t->rseq_sig = from->rseq_sig;
		t->rseq_cpu = from->rseq_cpu;
	}
}

static s32 clone_resources(struct task *t, struct task *from, u64 flags)
{
	if (flags & CLONE_FILES) {
		files_get(from->files);
		t->files = from->files;
	} else {
		t->files = files_copy(from->files);
	}
	if (!t->files)
		return -ENOMEM;
	if (flags & CLONE_FS) {
		from->fs->refs++;
		t->fs = from->fs;
	} else {
		t->fs = fs_ctx_copy(from->fs);
	}
	if (!t->fs)
		return -ENOMEM;
	if (flags & CLONE_VM) {
		mm_get(from->mm);
		t->mm = from->mm;
	} else {
		t->mm = mm_fork(from->mm);
	}
	if (!t->mm || ipc_task_clone(from, t, flags & CLONE_SYSVSEM))
		return -ENOMEM;
	return plat_kctx_init(&t->kctx, task_main, t) ? -ENOMEM : 0;
}

/* CLONE_CLEAR_SIGHAND: handlers go, what is ignored stays so (clone3(2)). */
static void sighand_clear(struct sighand *s)
{
	for (u32 i = 0; i < NSIG_MAX; i++) {
		if (s->action[i].handler > 1)
			memset(&s->action[i], 0, sizeof(s->action[i]));
	}
}

static struct process *clone_process(struct task *from, u64 flags)
{
	struct process *p = process_new(from->proc);

	if (!p)
		return NULL;
	if (flags & CLONE_SIGHAND) {
		p->sighand = from->proc->sighand;
		p->sighand->refs++;
	} else {
		p->sighand = sighand_copy(from->proc->sighand);
		if (p->sighand && (flags & CLONE_CLEAR_SIGHAND))
			sighand_clear(p->sighand);
	}
	if (!p->sighand) {
		process_put(p);
		return NULL;
	}
	p->exit_signal = flags & CLONE_PARENT ? from->proc->exit_signal : (s32)(flags & CSIGNAL);
	return p;
}

static void clone_undo(struct task *t)
{
	ipc_task_exit(t);
	if (t->mm)
		mm_put(t->mm);
	if (t->fs)
		fs_ctx_put(t->fs);
	if (t->files)
		files_put(t->files);
	task_free(t);
}

struct task *task_clone(u64 flags, s32 *err)
{
	struct task *from = current, *t;
	struct process *p = NULL;
	s32 tid;

	*err = clone_check(from, flags);
	if (*err)
		return NULL;
	*err = -ENOMEM;
	t = task_alloc();
	if (!t)
		return NULL;
	clone_state(t, from, flags);
	*err = clone_resources(t, from, flags);
	if (*err)
		goto undo_task;
	if (!(flags & CLONE_THREAD)) {
		p = clone_process(from, flags);
		*err = -ENOMEM;
		if (!p)
			goto undo_task;
	}
	*err = -ERESTARTNOINTR; /* told to die while memory or files were copied: no new thread may
				   escape */
	if (from->group_exiting)
		goto undo_process;
	tid = pid_alloc();
	*err = tid;
	if (tid < 0)
		goto undo_process;
	*err = 0;
	if (p) {
		bool sibling = flags & CLONE_PARENT;

		process_link(p, tid, sibling ? from->proc->parent : from->proc);
		p->parent_tid = sibling ? from->proc->parent_tid : from->tid;
		p->leader = t;
		cputime_inherit(p);
	}
	task_link(t, p ? p : from->proc, tid);
	if (from->traced.tracer)
		ptrace_clone(from, t, flags);
	return t;
undo_process:
	process_put(p);
undo_task:
	clone_undo(t);
	return NULL;
}

/* -- exec -- */

void task_exec_reset(struct task *t)
{
	struct process *p = t->proc;

	sighand_reset_for_exec(p->sighand);
	posix_timers_delete_all(p);
	t->altstack_sp = t->altstack_size = 0;
	t->altstack_flags = SS_DISABLE;
	t->rseq_addr = 0;
	t->robust_list = 0;
	t->clear_child_tid = 0;
	cred_exec(&t->cred);
	t->restart.fn = NULL;
	t->in_syscall = false; /* the new program's registers are not a call's result */
	p->exit_signal = SIGCHLD;
	p->membarrier = 0;
	p->did_exec = true;
}
