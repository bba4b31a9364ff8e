/* SPDX-License-Identifier: Apache-2.0
 * Processes: ids, families, process groups, sessions.
 *
 * The program has pid 2 and its parent is pid 1, which does not exist: shells and tools treat a
 * real pid 1 specially (no default signal actions, reaping), and a getppid() of 1 is what a program
 * sees whose parent has gone. Orphans go to this phantom too, as they would to the system's init:
 * the program is not told of processes that it did not start. parent == NULL stands for it.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/siginfo.h"
#include "core/task_internal.h"
#include "fs/vfs.h"

static bool pid_used(s32 pid)
{
	if (pid <= PID_PHANTOM)
		return true;
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		/* a group or session outlives the process that it is named after */
		if (p->pid == pid || p->pgrp == pid || p->session == pid)
			return true;
	}
	return task_find(pid) != NULL;
}

s32 pid_alloc(void)
{
	s32 pid = kern->last_pid;

	for (s32 tries = 0; tries < PID_MAX; tries++) {
		pid = pid + 1 >= PID_MAX ? PID_WRAP : pid + 1;
		if (!pid_used(pid)) {
			kern->last_pid = pid;
			return pid;
		}
	}
	return -EAGAIN;
}

static void process_inherit(struct process *p, const struct process *like)
{
	p->pgrp = like->pgrp;
	p->session = like->session;
	p->tty = like->tty;
	p->exe = like->exe;
	if (p->exe)
		file_get(p->exe);
	p->dumpable = like->dumpable;
	p->personality = like->personality;
	memcpy(p->rlimits, like->rlimits, sizeof(p->rlimits));
}

struct process *process_new(const struct process *like)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->refs = 1;
	p->kernel = kern;
	list_init(&p->threads);
	list_init(&p->all_link);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->tracees);
	list_init(&p->dead_tracees);
	list_init(&p->posix_timers);
	waitq_init(&p->wait_children);
	waitq_init(&p->exit_wait);
	waitq_init(&p->signal_wait);
	sigpending_init(&p->pending);
	p->dumpable = 1;
	p->exit_signal = SIGCHLD;
	if (like)
		process_inherit(p, like);
	return p;
}

void process_get(struct process *p)
{
	p->refs++;
}

void process_put(struct process *p)
{
	if (!p || --p->refs)
		return;
	sigpending_flush(&p->pending);
	sighand_put(p->sighand);
	if (p->exe)
		file_put(p->exe);
	kfree(p);
}

void process_link(struct process *p, s32 pid, struct process *parent)
{
	p->pid = pid;
	p->parent = parent;
	list_add_tail(&kern->processes, &p->all_link);
	if (parent)
		list_add_tail(&parent->children, &p->sibling);
	kern->stats.processes++;
}

void process_unlink(struct process *p)
{
	list_del(&p->sibling);
	list_del(&p->all_link);
	p->parent = NULL;
	process_put(p);
}

struct process *process_find(s32 pid)
{
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p->pid == pid)
			return p;
	}
	return NULL;
}

struct process *process_next(s32 pid)
{
	struct process *best = NULL;

	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p->pid >= pid && (!best || p->pid < best->pid))
			best = p;
	}
	return best;
}

struct task *process_task(struct process *p)
{
	if (p->leader)
		return p->leader;
	if (list_empty(&p->threads))
		return NULL;
	return list_entry(p->threads.next, struct task, thread_link);
}

s32 process_ppid(const struct process *p)
{
	return p->parent ? p->parent->pid : PID_PHANTOM;
}

struct task *process_parent_thread(const struct process *p)
{
	struct task *t;

	if (!p->parent)
		return NULL;
	t = task_find(p->parent_tid);
	return t && t->proc == p->parent ? t : process_task(p->parent);
}

u32 process_count_uid(u32 uid)
{
	u32 n = 0;

	list_for_each(pos, &kern->tasks) n +=
		list_entry(pos, struct task, all_link)->cred.uid == uid;
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		n += p->zombie && p->dead_uid == uid;
	}
	return n;
}

/* -- CPU time -- */

void task_times(struct task *t, u64 *utime_ns, u64 *stime_ns)
{
	*utime_ns = t->utime_ns;
	*stime_ns = t->stime_ns;
	if (!t->cpu || !t->last_stamp)
		return;
	*(t->in_user ? utime_ns : stime_ns) += clock_since(t->last_stamp);
}

void process_times(struct process *p, u64 *utime_ns, u64 *stime_ns)
{
	*utime_ns = p->dead_utime_ns;
	*stime_ns = p->dead_stime_ns;
	list_for_each(pos, &p->threads)
	{
		u64 u, s;

		task_times(list_entry(pos, struct task, thread_link), &u, &s);
		*utime_ns += u;
		*stime_ns += s;
	}
}

/* -- groups and sessions -- */

bool process_group_exists(s32 pgrp, s32 session)
{
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p->pgrp == pgrp && p->session == session)
			return true;
	}
	return false;
}

/* Does p tie its group to the session: a parent of the same session in another group? The program's
 * phantom parent counts as one: it stands for the user's shell, which can continue what is stopped.
 */
static bool process_is_link(const struct process *p, const struct process *parent)
{
	if (p == kern->init)
		return true;
	return parent && parent->pgrp != p->pgrp && parent->session == p->session;
}

static bool group_orphaned_without(s32 pgrp, const struct process *ignored)
{
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p != ignored && p->pgrp == pgrp && !p->zombie && process_is_link(p, p->parent))
			return false;
	}
	return true;
}

bool process_group_orphaned(s32 pgrp)
{
	return group_orphaned_without(pgrp, NULL);
}

static bool group_has_stopped(s32 pgrp)
{
	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p->pgrp == pgrp && p->stopped)
			return true;
	}
	return false;
}

void process_check_orphans(struct process *p, struct process *parent, struct process *ignored)
{
	struct sig_info si;

	if (!process_is_link(p, parent) || !group_orphaned_without(p->pgrp, ignored) ||
		!group_has_stopped(p->pgrp))
		return;
	signal_simple(&si, SIGHUP, SI_KERNEL);
	signal_send_pgrp(p->pgrp, &si);
	signal_simple(&si, SIGCONT, SI_KERNEL);
	signal_send_pgrp(p->pgrp, &si);
}

/* -- families -- */

static struct process *process_reaper(struct process *p)
{
	for (p = p->parent; p; p = p->parent) {
		if (p->subreaper && !p->zombie && !p->group_exit)
			return p;
	}
	return NULL;
}

static void send_pdeath(struct process *child)
{
	list_for_each_safe(pos, tmp, &child->threads)
	{
		struct task *t = list_entry(pos, struct task, thread_link);
		struct sig_info si;

		if (!t->pdeath_signal)
			continue;
		signal_simple(&si, t->pdeath_signal, SI_USER); /* SEND_SIG_NOINFO */
		signal_send_process(child, &si);
	}
}

void process_reparent_children(struct process *p)
{
	struct process *heir = process_reaper(p);

	list_for_each_safe(pos, tmp, &p->children)
	{
		struct process *child = list_entry(pos, struct process, sibling);

		list_del(&child->sibling);
		child->parent = heir;
		if (heir)
			list_add_tail(&heir->children, &child->sibling);
		child->exit_signal = SIGCHLD;
		if (child->zombie) {
			if (!child->dead_traced)
				process_notify_exit(child);
			continue;
		}
		send_pdeath(child);
		process_check_orphans(child, p, NULL);
	}
}
