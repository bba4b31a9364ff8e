/* SPDX-License-Identifier: Apache-2.0
 * The end of threads and processes.
 *
 * A thread gives everything back in its own context, then dies on the run queue; the next task to
 * run frees it. The last thread turns its process into a zombie. When the program itself ends,
 * everything else is killed, as in a pid namespace (pid_namespaces(7)).
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/siginfo.h"
#include "core/ptrace.h"
#include "core/task_internal.h"
#include "core/timers.h"
#include "fs/vfs.h"
#include "ipc/ipc.h"
#include "mm/mm.h"

void task_release_vfork(struct task *t)
{
	struct task *parent = t->vfork_waiter;

	if (!parent)
		return;
	t->vfork_waiter = NULL;
	parent->vfork_done = true;
	sched_wake(parent);
}

void task_mm_release(struct task *t)
{
	futex_exit_robust(t);
	t->robust_list = 0;
	if (t->clear_child_tid) {
		/* nobody else would see it in memory that is not shared: mm_release, kernel/fork.c
		 */
		if (t->mm->refs > 1) {
			put_user_u32(t->clear_child_tid, 0);
			futex_wake_addr(t, t->clear_child_tid, 1);
		}
		t->clear_child_tid = 0;
	}
	task_release_vfork(t);
}

static void kick(struct task *t)
{
	if (t->state == TASK_STOPPED)
		sched_make_runnable(t);
	else
		sched_interrupt(t);
}

void process_begin_exit(struct process *p, s32 wait_status)
{
	if (p->group_exit || p->zombie)
		return;
	p->group_exit = true;
	p->exit_status = wait_status;
	p->stop_pending = p->stopped = false;
	list_for_each(pos, &p->threads)
	{
		struct task *t = list_entry(pos, struct task, thread_link);

		t->group_exiting = true;
		kick(t);
	}
}

/* Again on each turn: a thread that was inside clone(2) may have made another. */
static void tell_others_to_go(struct task *t)
{
	list_for_each(pos, &t->proc->threads)
	{
		struct task *other = list_entry(pos, struct task, thread_link);

		if (other == t)
			continue;
		other->group_exiting = true;
		kick(other);
	}
}

int process_kill_other_threads(struct task *t)
{
	struct process *p = t->proc;
	struct wait_entry we;
	int r = 0;

	if (t->group_exiting)
		return -EAGAIN; /* another thread is faster with exec or exit (de_thread, fs/exec.c)
				 */
	wait_entry_init(&we, t);
	waitq_add(&p->exit_wait, &we);
	while (!r && p->nthreads > 1) {
		tell_others_to_go(t);
		r = task_wait_killable(TIME_NEVER);
	}
	waitq_remove(&we);
	if (t->group_exiting)
		return -EAGAIN;
	ptrace_leader_replaced(p);
	t->tid = p->pid;
	p->leader = t;
	return 0;
}

/* -- what a thread gives back -- */

static void drop_resources(struct task *t)
{
	struct process *p = t->proc;
	struct files *files = t->files;
	struct fs_ctx *fs = t->fs;
	struct mm *mm = t->mm;

	ipc_task_exit(t);
	if (mm) {
		task_mm_release(t);
		p->max_rss_pages = max_u64(p->max_rss_pages, mm->peak_rss_pages);
	}
	/* files first: closing may copy nothing to the program, but locks and pipes are woken by it
	 */
	t->files = NULL;
	if (files)
		files_put(files);
	t->fs = NULL;
	if (fs)
		fs_ctx_put(fs);
	t->mm = NULL;
	if (mm)
		mm_put(mm);
}

/* A thread that the process's signals were meant for is gone: let another look at them. */
static void retarget_signals(struct process *p)
{
	list_for_each(pos, &p->threads)
	{
		struct task *t = list_entry(pos, struct task, thread_link);

		if (signal_pending(t))
			sched_interrupt(t);
	}
}

/* -- what a process gives back -- */

/* Files that outlive p (an epoll set shared with a child) may hang on a queue inside it. */
static void detach_waiters(struct waitq *q)
{
	waitq_wake(q, 0);
	list_for_each_safe(pos, tmp, &q->waiters)
		waitq_remove(list_entry(pos, struct wait_entry, link));
}

/* The program ended. Others get the chance to die in order; whoever cannot is dropped with the VM.
 */
static void end_sandbox(struct process *init)
{
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p != init)
			process_begin_exit(p, SIGKILL);
	}
	sched_drain();
	kernel_exit(init->exit_status);
}

static void process_finish(struct process *p, struct task *last)
{
	p->dead_uid = last->cred.uid;
	p->dead_euid = last->cred.euid;
	memcpy(p->dead_comm, last->comm, sizeof(p->dead_comm));
	itimer_cancel_all(p);
	posix_timers_delete_all(p);
	sigpending_flush(&p->pending);
	detach_waiters(&p->signal_wait);
	sighand_put(p->sighand);
	p->sighand = NULL;
	if (p->exe)
		file_put(p->exe);
	p->exe = NULL;
	p->stop_pending = p->stopped = false;
	p->zombie = true;
	waitq_wake(&p->exit_wait, 0);

	tty_leader_exits(p);
	process_reparent_children(p);
	process_check_orphans(p, p->parent, p);
	if (p == kern->init)
		end_sandbox(p);
	process_notify_exit(p);
}

s32 task_exit_status(const struct task *t, s32 code)
{
	if (t->proc->group_exit)
		return t->proc->exit_status;
	return t->group_exiting ? SIGKILL : (code & 0xff) << 8;
}

void task_exit(s32 code)
{
	struct task *t = current;
	struct process *p = t->proc;
	u64 utime, stime;

	if (t->traced.tracer)
		ptrace_exit_event(t, code);
	t->exiting = true;
	/* without a group exit the leader's code is the process's (wait_task_zombie, kernel/exit.c)
	 */
	if (t == p->leader && !p->group_exit && !t->group_exiting)
		p->exit_status = (code & 0xff) << 8;
	if (p->nthreads == 1)
		itimer_cancel_all(p); /* no SIGALRM while files are being closed */
	drop_resources(t);

	task_times(t, &utime, &stime);
	p->dead_utime_ns += utime;
	p->dead_stime_ns += stime;
	sigpending_flush(&t->pending);
	ptrace_task_ends(t, code);
	list_del(&t->thread_link);
	list_del(&t->all_link);
	if (t == p->leader)
		p->leader = NULL;
	p->nthreads--;
	if (p->nthreads) {
		kern->ntasks--;
		retarget_signals(p);
		sigstop_thread_gone(p);
		waitq_wake(&p->exit_wait, 0);
	} else {
		process_finish(p, t); /* the zombie keeps the place in ntasks */
	}
	sched_exit_current();
}

void process_exit(s32 wait_status)
{
	process_begin_exit(current->proc, wait_status);
	task_exit(0);
}
