/* SPDX-License-Identifier: Apache-2.0
 * Sending, queueing and taking signals (signal(7)).
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <asm/signal.h>

#include "core/siginfo.h"
#include "core/ptrace.h"
#include "core/signal.h"
#include "core/task_internal.h"
#include "core/timers.h"
#include "fs/vfs.h"

#define STOP_SIGNALS	(sig_bit(SIGSTOP) | sig_bit(SIGTSTP) | sig_bit(SIGTTIN) | sig_bit(SIGTTOU))
#define IGNORED_SIGNALS (sig_bit(SIGCHLD) | sig_bit(SIGCONT) | sig_bit(SIGURG) | sig_bit(SIGWINCH))
/* Taken before others: they belong to the instruction that t stands at (SYNCHRONOUS_MASK). */
#define SYNC_SIGNALS                                                                               \
	(sig_bit(SIGSEGV) | sig_bit(SIGBUS) | sig_bit(SIGILL) | sig_bit(SIGTRAP) |                 \
		sig_bit(SIGFPE) | sig_bit(SIGSYS))

void signal_simple(struct sig_info *si, s32 signo, s32 code)
{
	memset(si, 0, sizeof(*si));
	si->signo = signo;
	si->code = code;
}

/* -- queues -- */

void sigpending_init(struct sig_pending *q)
{
	q->set = 0;
	list_init(&q->queue);
}

static void entry_free(struct sig_entry *e)
{
	list_del(&e->link);
	if (e->timer)
		e->timer->queued = NULL;
	kern->sig_queued--;
	kfree(e);
}

static void pending_drop(struct sig_pending *q, sigmask mask)
{
	if (!(q->set & mask))
		return;
	q->set &= ~mask;
	list_for_each_safe(pos, tmp, &q->queue)
	{
		struct sig_entry *e = list_entry(pos, struct sig_entry, link);

		if (sig_bit(e->info.signo) & mask)
			entry_free(e);
	}
}

void sigpending_flush(struct sig_pending *q)
{
	pending_drop(q, ~0ull);
}

static void process_drop(struct process *p, sigmask mask)
{
	pending_drop(&p->pending, mask);
	list_for_each(pos, &p->threads)
		pending_drop(&list_entry(pos, struct task, thread_link)->pending, mask);
}

void signal_flush_one(struct process *p, s32 signo)
{
	process_drop(p, sig_bit(signo));
}

/* __send_signal (kernel/signal.c): only a real-time signal that carries data can fail. */
static int pending_add(struct sig_pending *q, struct process *p, const struct sig_info *si,
	struct posix_timer *timer)
{
	bool standard = si->signo < 32;
	struct sig_entry *e = NULL;

	if (!timer && standard && (q->set & sig_bit(si->signo)))
		return 0; /* a standard signal is pending once; of timers, once for each */
	if (timer || (standard && si->code >= 0) ||
		kern->sig_queued < p->rlimits[RLIMIT_SIGPENDING][0])
		e = kalloc(sizeof(*e));
	if (e) {
		e->info = *si;
		e->timer = timer;
		if (timer)
			timer->queued = e;
		list_add_tail(&q->queue, &e->link);
		kern->sig_queued++;
	} else if (!standard && si->code != SI_USER) {
		return -EAGAIN;
	}
	q->set |= sig_bit(si->signo);
	return 0;
}

/* -- sending -- */

bool signal_is_ignored(struct process *p, s32 signo)
{
	u64 handler = p->sighand->action[signo - 1].handler;

	if (sig_bit(signo) & SIG_KILL_STOP)
		return false;
	return handler == 1 || (handler == 0 && (sig_bit(signo) & IGNORED_SIGNALS));
}

/* May t take signo now? */
static bool wants(struct task *t, s32 signo)
{
	if (t->exiting || (t->blocked & sig_bit(signo)))
		return false;
	return signo == SIGKILL || t->state != TASK_STOPPED;
}

static struct task *choose_thread(struct process *p, s32 signo)
{
	if (p->leader && wants(p->leader, signo))
		return p->leader;
	list_for_each(pos, &p->threads)
	{
		struct task *t = list_entry(pos, struct task, thread_link);

		if (wants(t, signo))
			return t;
	}
	return NULL;
}

/* Does the default action end the process? */
static bool is_fatal(struct process *p, s32 signo)
{
	return p->sighand->action[signo - 1].handler == 0 &&
	       !(sig_bit(signo) & (IGNORED_SIGNALS | STOP_SIGNALS));
}

static void notify_thread(struct process *p, struct task *t, s32 signo)
{
	if (t ? !wants(t, signo) : !(t = choose_thread(p, signo)))
		return; /* whoever unblocks it will find it */
	if (is_fatal(p, signo) && !(t->real_blocked & sig_bit(signo)) &&
		(signo == SIGKILL || !t->traced.tracer)) {
		process_begin_exit(p, signo); /* at once, so that all threads stop running */
		return;
	}
	sched_interrupt(t);
}

/* Effects that do not wait for delivery (prepare_signal). False: drop it. */
static bool prepare(struct process *p, struct task *t, s32 signo)
{
	if (p->group_exit)
		return false;
	if (sig_bit(signo) & STOP_SIGNALS) {
		process_drop(p, sig_bit(SIGCONT));
	} else if (signo == SIGCONT) {
		process_drop(p, STOP_SIGNALS);
		sigstop_continue(p);
	}
	if (!t)
		t = process_task(p);
	if ((t->blocked | t->real_blocked) & sig_bit(signo))
		return true; /* the action may change before it is unblocked */
	if (t->traced.tracer && signo != SIGKILL)
		return true; /* a tracer may want to know even so */
	return !signal_is_ignored(p, signo);
}

/* To thread t, or to the process when t is NULL. 1: ignored. */
static long send(
	struct process *p, struct task *t, const struct sig_info *si, struct posix_timer *timer)
{
	struct sig_pending *q = t ? &t->pending : &p->pending;
	int r;

	assert_locked();
	if (p->zombie || !process_task(p) || (t && t->exiting))
		return 0;
	if (!prepare(p, t, si->signo))
		return 1;
	r = pending_add(q, p, si, timer);
	if (r)
		return r;
	waitq_wake(&p->signal_wait, POLL_IN);
	notify_thread(p, t, si->signo);
	return 0;
}

long signal_send_process(struct process *p, const struct sig_info *si)
{
	long r = send(p, NULL, si, NULL);

	return r < 0 ? r : 0;
}

long signal_send_task(struct task *t, const struct sig_info *si)
{
	long r = send(t->proc, t, si, NULL);

	return r < 0 ? r : 0;
}

bool signal_send_timer(
	struct process *p, struct task *t, const struct sig_info *si, struct posix_timer *timer)
{
	return send(p, t, si, timer) != 1;
}

long signal_send_pgrp(s32 pgrp, const struct sig_info *si)
{
	long r = -ESRCH;

	list_for_each(pos, &kern->processes)
	{
		struct process *p = list_entry(pos, struct process, all_link);

		if (p->pgrp == pgrp && signal_send_process(p, si) == 0)
			r = 0;
	}
	return r;
}

/* force_sig_info: a program that blocks or ignores its own fault would fault forever. */
void signal_force(struct task *t, const struct sig_info *si)
{
	struct sig_action *act = &t->proc->sighand->action[si->signo - 1];
	sigmask bit = sig_bit(si->signo);

	if (t->trap.kind == TRAP_FAULT || t->trap.kind == TRAP_BUS)
		t->fault = t->trap;
	if ((t->blocked & bit) || act->handler == 1)
		act->handler = 0;
	t->blocked &= ~bit;
	signal_send_task(t, si);
}

/* -- taking -- */

sigmask signal_pending_set(struct task *t)
{
	return t->pending.set | t->proc->pending.set;
}

bool signal_pending(struct task *t)
{
	if (t->group_exiting || t->traced.trap || (t->proc->stop_pending && !t->stop_seen))
		return true;
	return signal_pending_set(t) & ~t->blocked;
}

bool signal_fatal_pending(struct task *t)
{
	return t->group_exiting;
}

static s32 next_signal(sigmask set)
{
	if (set & SYNC_SIGNALS)
		set &= SYNC_SIGNALS;
	return __builtin_ctzll(set) + 1;
}

static void pending_take(struct sig_pending *q, s32 signo, struct sig_info *out)
{
	struct sig_entry *found = NULL;
	bool more = false;

	list_for_each(pos, &q->queue)
	{
		struct sig_entry *e = list_entry(pos, struct sig_entry, link);

		if (e->info.signo != signo)
			continue;
		more = found != NULL;
		if (found)
			break;
		found = e;
	}
	if (!more)
		q->set &= ~sig_bit(signo);
	if (!found) {
		signal_simple(out, signo, SI_USER);
		return;
	}
	*out = found->info;
	if (found->timer) {
		struct posix_timer *pt = found->timer;

		entry_free(found);
		posix_timer_taken(pt, out);
		return;
	}
	entry_free(found);
}

bool signal_dequeue(struct task *t, sigmask mask, struct sig_info *out)
{
	struct process *p = t->proc;
	s32 signo;

	assert_locked();
	if (t->pending.set & mask) {
		pending_take(&t->pending, next_signal(t->pending.set & mask), out);
		return true;
	}
	if (!(p->pending.set & mask))
		return false;
	signo = next_signal(p->pending.set & mask);
	pending_take(&p->pending, signo, out);
	if (signo == SIGALRM)
		itimer_alarm_taken(p);
	return true;
}

struct waitq *signal_waitq(struct task *t)
{
	return &t->proc->signal_wait;
}

/* -- masks -- */

void signal_set_blocked(struct task *t, sigmask mask)
{
	sigmask newly = mask & ~t->blocked & ~SIG_KILL_STOP & t->proc->pending.set;

	t->blocked = mask & ~SIG_KILL_STOP;
	if (!newly)
		return;
	/* t was perhaps chosen for these: another thread may take them (retarget_shared_pending) */
	list_for_each(pos, &t->proc->threads)
	{
		struct task *other = list_entry(pos, struct task, thread_link);

		if (other != t && signal_pending(other))
			sched_interrupt(other);
	}
}

void signal_set_temp_mask(struct task *t, sigmask mask)
{
	if (!t->saved_valid) {
		t->saved_blocked = t->blocked;
		t->saved_valid = true;
	}
	signal_set_blocked(t, mask);
}

void signal_drop_temp_mask(struct task *t)
{
	if (!t->saved_valid)
		return;
	t->saved_valid = false;
	signal_set_blocked(t, t->saved_blocked);
}

/* -- actions -- */

struct sighand *sighand_copy(struct sighand *s)
{
	struct sighand *copy = kalloc(sizeof(*copy));

	if (!copy)
		return NULL;
	*copy = *s;
	copy->refs = 1;
	return copy;
}

void sighand_put(struct sighand *s)
{
	if (s && --s->refs == 0)
		kfree(s);
}

/* execve(2): caught signals go back to the default, ignored ones stay ignored. A table that another
 * process shares (CLONE_SIGHAND without CLONE_THREAD) is left to it. */
void sighand_reset_for_exec(struct sighand *s)
{
	struct process *p = current->proc;

	if (s->refs > 1 && p->sighand == s) {
		struct sighand *own = sighand_copy(s);

		if (!own) /* past the point of no return: as Linux when exec fails there */
			process_exit(SIGKILL);
		sighand_put(s);
		p->sighand = s = own;
	}
	for (u32 i = 0; i < NSIG_MAX; i++) {
		u64 ignore = s->action[i].handler == 1;

		memset(&s->action[i], 0, sizeof(s->action[i]));
		s->action[i].handler = ignore;
	}
}

/* -- from outside -- */

static void continue_all(void)
{
	struct sig_info si;

	signal_simple(&si, SIGCONT, SI_USER);
	list_for_each(pos, &kern->processes)
		signal_send_process(list_entry(pos, struct process, all_link), &si);
}

/* What a terminal's keys, its size and its end make goes to its foreground group; without a
 * terminal of the sandbox's own, to the group that the program began with. True when somebody
 * was there. */
static bool send_foreground(const struct sig_info *si)
{
	s32 pgrp = kern->console ? tty_foreground_pgrp(kern->console) : PID_PROGRAM;
	bool reached = pgrp > 0 && !signal_send_pgrp(pgrp, si);

	/* a hang-up is for the session's leader too (__tty_hangup, drivers/tty/tty_io.c) */
	return reached && (si->signo != SIGHUP || kern->init->pgrp == pgrp);
}

void signal_from_host(u32 signo, bool by_terminal)
{
	struct sig_info si;

	if (!signo || signo > NSIG_MAX || !kern->init)
		return;
	if (signo == SIGCONT) {
		continue_all();
		return;
	}
	signal_simple(&si, (s32)signo, by_terminal ? SI_KERNEL : SI_USER);
	if (!by_terminal || !send_foreground(&si))
		signal_send_process(kern->init, &si);
}
