/* SPDX-License-Identifier: Apache-2.0
 * /proc/PID/stat, statm and status.
 */
#include <asm/resource.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/sched.h>

#include "fs/poll.h"
#include "fs/proc_internal.h"
#include "fs/tty.h"
#include "mm/mm.h"

#define PF_RANDOMIZE 0x00400000u
#define KB(pages)    ((ull)((pages) * (PAGE_SIZE / 1024)))

typedef unsigned long long ull;

/* What both texts say; of a thread where the node names one, else of the process. */
struct view {
	struct process *p;
	struct task *t; /* NULL: a zombie */
	struct mm *mm;
	u64 stack_pages, exec_pages, lib_pages; /* sizes of mappings */
};

/* The letter and, for status, the word. */
static const char *state_name(const struct view *v)
{
	if (!v->t)
		return "Z (zombie)";
	switch (v->t->state) {
	case TASK_RUNNABLE:
		return "R (running)";
	case TASK_SLEEPING:
		return "S (sleeping)";
	case TASK_STOPPED:
		return v->t->traced.stopped ? "t (tracing stop)" : "T (stopped)";
	default:
		return "X (dead)";
	}
}

static void view_sizes(struct view *v)
{
	const struct mm *mm = v->mm;
	u64 exec = 0;

	for (u32 i = 0; i < mm->nvmas; i++) {
		const struct vma *a = mm->vmas[i];
		u64 pages = (a->end - a->start) >> PAGE_SHIFT;

		if (a->start <= mm->start_stack && a->end > mm->start_stack)
			v->stack_pages = pages;
		if ((a->prot & PROT_EXEC) && !(a->prot & PROT_WRITE))
			exec += pages;
	}
	v->exec_pages =
		(round_up(mm->code_end, PAGE_SIZE) - round_down(mm->code_start, PAGE_SIZE)) >>
		PAGE_SHIFT;
	v->lib_pages = exec > v->exec_pages ? exec - v->exec_pages : 0;
}

static int view_of(struct view *v, const struct pseudo_node *n)
{
	memset(v, 0, sizeof(*v));
	v->p = proc_process(n);
	v->t = proc_task(n);
	if (!v->p || (n->tid && !v->t))
		return -ESRCH;
	v->mm = v->t ? v->t->mm : NULL;
	if (v->mm)
		view_sizes(v);
	return 0;
}

static void caught(const struct process *p, sigmask *ignored, sigmask *handled)
{
	*ignored = *handled = 0;
	for (u32 i = 0; p->sighand && i < NSIG_MAX; i++) {
		u64 h = p->sighand->action[i].handler;

		if (h == 1)
			*ignored |= sig_bit(i + 1);
		else if (h)
			*handled |= sig_bit(i + 1);
	}
}

/* -- stat -- */

static u64 start_ticks(const struct view *v)
{
	/* Linux counts from boot, suspended time included */
	u64 asleep = clock_boot_ns() - clock_mono_ns();

	return v->t ? (v->t->start_ns + asleep) / NSEC_PER_CLOCK_TICK : 0;
}

static void stat_ids(struct seqbuf *s, const struct view *v, s32 id)
{
	const struct process *p = v->p;

	seq_printf(s, "%d (%s) %c %d %d %d %u %d %u", id, v->t ? v->t->comm : p->dead_comm,
		state_name(v)[0], process_ppid(p), p->pgrp, p->session,
		p->tty ? (u32)p->tty->rdev : 0, p->tty ? tty_foreground_pgrp(p->tty) : -1,
		PF_RANDOMIZE);
}

/* Faults, times, priority, threads, start. */
static void stat_times(struct seqbuf *s, const struct view *v, bool thread)
{
	const struct process *p = v->p;
	s32 nice = v->t ? v->t->nice : 0;
	s32 prio = v->t && v->t->sched_priority ? -1 - v->t->sched_priority : 20 + nice;
	u64 user, sys;

	if (thread)
		task_times(v->t, &user, &sys);
	else
		process_times(v->p, &user, &sys);
	seq_printf(s, " 0 0 0 0 %llu %llu %llu %llu %d %d %u 0 %llu",
		(ull)(user / NSEC_PER_CLOCK_TICK), (ull)(sys / NSEC_PER_CLOCK_TICK),
		(ull)(p->child_utime_ns / NSEC_PER_CLOCK_TICK),
		(ull)(p->child_stime_ns / NSEC_PER_CLOCK_TICK), prio, nice, p->nthreads,
		(ull)start_ticks(v));
}

static void stat_memory(struct seqbuf *s, const struct view *v, bool may_look)
{
	const struct mm *mm = v->mm;

	seq_printf(s, " %llu %llu %llu", mm ? (ull)(mm->total_pages * PAGE_SIZE) : 0ull,
		mm ? (ull)mm->rss_pages : 0ull, (ull)v->p->rlimits[RLIMIT_RSS][0]);
	if (mm && may_look)
		seq_printf(s, " %llu %llu %llu 0 0", (ull)mm->code_start, (ull)mm->code_end,
			(ull)mm->start_stack);
	else
		seq_puts(s, " 0 0 0 0 0");
}

static void stat_signals(struct seqbuf *s, const struct view *v)
{
	const sigmask std = 0x7fffffff; /* the fields hold the first 31 */
	sigmask ignored, handled;

	caught(v->p, &ignored, &handled);
	seq_printf(s, " %llu %llu %llu %llu 0 0 0 %d 0 %d %d 0 0 0",
		v->t ? (ull)(v->t->pending.set & std) : 0ull,
		v->t ? (ull)(v->t->blocked & std) : 0ull, (ull)(ignored & std),
		(ull)(handled & std), v->p->exit_signal, v->t ? v->t->sched_priority : 0,
		v->t ? v->t->sched_policy : 0);
}

static void stat_addresses(struct seqbuf *s, const struct view *v, bool may_look)
{
	const struct mm *mm = v->mm;

	if (mm && may_look)
		seq_printf(s, " %llu %llu %llu %llu %llu %llu %llu", (ull)mm->data_start,
			(ull)mm->data_end, (ull)mm->brk_start, (ull)mm->arg_start, (ull)mm->arg_end,
			(ull)mm->env_start, (ull)mm->env_end);
	else
		seq_puts(s, " 0 0 0 0 0 0 0");
	seq_printf(s, " %d\n", may_look && !v->t ? v->p->exit_status : 0);
}

int proc_show_pid_stat(struct seqbuf *s, const struct pseudo_node *n)
{
	bool may_look = !proc_may_look(n);
	struct view v;
	int r = view_of(&v, n);

	if (r)
		return r;
	stat_ids(s, &v, n->tid ? n->tid : n->pid);
	stat_times(s, &v, n->tid);
	stat_memory(s, &v, may_look);
	stat_signals(s, &v);
	stat_addresses(s, &v, may_look);
	return 0;
}

int proc_show_statm(struct seqbuf *s, const struct pseudo_node *n)
{
	struct view v;
	int r = view_of(&v, n);

	if (r)
		return r;
	if (!v.mm) {
		seq_puts(s, "0 0 0 0 0 0 0\n");
		return 0;
	}
	seq_printf(s, "%llu %llu 0 %llu 0 %llu 0\n", (ull)v.mm->total_pages, (ull)v.mm->rss_pages,
		(ull)v.exec_pages, (ull)(v.mm->data_pages + v.stack_pages));
	return 0;
}

/* -- status -- */

static void status_ids(struct seqbuf *s, const struct view *v, s32 id)
{
	const struct process *p = v->p;
	static const struct cred nobody;
	const struct cred *c = v->t ? &v->t->cred : &nobody;
	const struct task *tracer = v->t ? v->t->traced.tracer : NULL;

	if (v->t && v->t->fs)
		seq_printf(s, "Umask:\t%04o\n", v->t->fs->umask);
	seq_printf(s, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		state_name(v), p->pid, id, process_ppid(p), tracer ? tracer->tid : 0);
	if (v->t)
		seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid,
			c->suid, c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	else
		seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t0\t0\t0\t0\n", p->dead_uid, p->dead_euid,
			p->dead_euid, p->dead_euid);
	seq_printf(s, "FDSize:\t%u\nGroups:\t", v->t && v->t->files ? files_size(v->t->files) : 0);
	for (u32 i = 0; i < c->ngroups; i++)
		seq_printf(s, "%s%u", i ? " " : "", c->groups[i]);
	seq_printf(s, " \nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t0\n", p->pid,
		id, p->pgrp, p->session);
}

static void status_memory(struct seqbuf *s, const struct view *v)
{
	const struct mm *mm = v->mm;
	const struct {
		const char *name;
		u64 pages;
	} rows[] = {
		{"VmPeak", mm->total_pages},
		{"VmSize", mm->total_pages},
		{"VmLck", mm->locked_pages},
		{"VmPin", 0},
		{"VmHWM", max_u64(mm->peak_rss_pages, mm->rss_pages)},
		{"VmRSS", mm->rss_pages},
		{"RssAnon", mm->rss_pages},
		{"RssFile", 0},
		{"RssShmem", 0},
		{"VmData", mm->data_pages},
		{"VmStk", v->stack_pages},
		{"VmExe", v->exec_pages},
		{"VmLib", v->lib_pages},
		{"VmPTE", 1},
		{"VmSwap", 0},
		{"HugetlbPages", 0},
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		seq_printf(s, "%s:\t%8llu kB\n", rows[i].name, KB(rows[i].pages));
	seq_puts(s, "CoreDumping:\t0\nTHP_enabled:\t0\nuntag_mask:\t0xffffffffffffffff\n");
}

static void status_signals(struct seqbuf *s, const struct view *v)
{
	const struct process *p = v->p;
	sigmask ignored, handled;

	caught(p, &ignored, &handled);
	seq_printf(s, "Threads:\t%u\nSigQ:\t%u/%llu\n", p->nthreads, kern->sig_queued,
		(ull)p->rlimits[RLIMIT_SIGPENDING][0]);
	seq_printf(s, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n",
		v->t ? (ull)v->t->pending.set : 0ull, (ull)p->pending.set,
		v->t ? (ull)v->t->blocked : 0ull);
	seq_printf(s, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", (ull)ignored, (ull)handled);
}

/* "0-1,3" (Linux %*pbl). */
static void show_list(struct seqbuf *s, u64 mask)
{
	const char *comma = "";

	for (u32 i = 0; i < 64; i++) {
		u32 first = i;

		if (!(mask >> i & 1))
			continue;
		while (i < 63 && (mask >> (i + 1) & 1))
			i++;
		seq_printf(s, "%s%u", comma, first);
		if (i > first)
			seq_printf(s, "-%u", i);
		comma = ",";
	}
}

static void status_rights(struct seqbuf *s, const struct view *v)
{
	static const struct cred nobody;
	const struct cred *c = v->t ? &v->t->cred : &nobody;
	u32 ncpus = kern->boot->ncpus;
	u64 allowed = v->t ? v->t->sched_affinity : 0;

	seq_printf(s,
		"CapInh:\t%016llx\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
		"CapAmb:\t%016llx\n",
		(ull)c->cap_inheritable, (ull)c->cap_permitted, (ull)c->cap_effective,
		(ull)c->cap_bounding, (ull)c->cap_ambient);
	seq_printf(s, "NoNewPrivs:\t%u\nSeccomp:\t0\nSeccomp_filters:\t0\n",
		v->t ? v->t->no_new_privs : 0);
	if (ncpus < 64)
		allowed &= (1ull << ncpus) - 1;
	seq_printf(s, "Cpus_allowed:\t%llx\nCpus_allowed_list:\t", (ull)allowed);
	show_list(s, allowed);
	seq_puts(s, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
		    "voluntary_ctxt_switches:\t0\nnonvoluntary_ctxt_switches:\t0\n");
}

int proc_show_status(struct seqbuf *s, const struct pseudo_node *n)
{
	struct view v;
	int r = view_of(&v, n);

	if (r)
		return r;
	seq_puts(s, "Name:\t");
	seq_escape(s, v.t ? v.t->comm : v.p->dead_comm, "\n");
	seq_puts(s, "\n");
	status_ids(s, &v, n->tid ? n->tid : n->pid);
	if (v.mm)
		status_memory(s, &v);
	status_signals(s, &v);
	status_rights(s, &v);
	return 0;
}
