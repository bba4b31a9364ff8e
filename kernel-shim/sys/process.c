/* SPDX-License-Identifier: Apache-2.0
 * System calls about the process itself: its end, ids, groups, sessions, and prctl(2).
 */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <linux/prctl.h>
#include <linux/sched.h>

#include "core/task_internal.h"
#include "mm/mm.h"
#include "sys/caps.h"
#include "sys/sys.h"

#define PERSONALITY_QUERY 0xffffffffu
#define TIMER_SLACK_NS	  50000

long sys_exit(struct task *t, const u64 *a)
{
	task_exit((s32)a[0]);
}

long sys_exit_group(struct task *t, const u64 *a)
{
	process_exit(((s32)a[0] & 0xff) << 8);
}

long sys_set_tid_address(struct task *t, const u64 *a)
{
	t->clear_child_tid = a[0];
	return t->tid;
}

/* -- ids -- */

long sys_getpid(struct task *t, const u64 *a)
{
	return t->proc->pid;
}

long sys_getppid(struct task *t, const u64 *a)
{
	return process_ppid(t->proc);
}

long sys_gettid(struct task *t, const u64 *a)
{
	return t->tid;
}

long sys_getpgrp(struct task *t, const u64 *a)
{
	return t->proc->pgrp;
}

static struct process *process_or_self(struct task *t, s32 pid)
{
	return pid ? process_find(pid) : t->proc;
}

long sys_getpgid(struct task *t, const u64 *a)
{
	struct process *p = process_or_self(t, (s32)a[0]);

	return p ? p->pgrp : -ESRCH;
}

long sys_getsid(struct task *t, const u64 *a)
{
	struct process *p = process_or_self(t, (s32)a[0]);

	return p ? p->session : -ESRCH;
}

/* Order of checks as in sys_setpgid (kernel/sys.c). */
long sys_setpgid(struct task *t, const u64 *a)
{
	s32 pid = (s32)a[0] ? (s32)a[0] : t->proc->pid;
	s32 pgrp = (s32)a[1] ? (s32)a[1] : pid;
	struct process *self = t->proc, *p;

	if (pgrp < 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p)
		return task_find(pid) ? -EINVAL : -ESRCH;
	if (p->parent == self) {
		if (p->session != self->session)
			return -EPERM;
		if (p->did_exec)
			return -EACCES;
	} else if (p != self) {
		return -ESRCH;
	}
	if (p->pid == p->session)
		return -EPERM;
	if (pgrp != pid && !process_group_exists(pgrp, self->session))
		return -EPERM;
	p->pgrp = pgrp;
	return 0;
}

long sys_setsid(struct task *t, const u64 *a)
{
	struct process *p = t->proc;

	if (p->pid == p->session)
		return -EPERM;
	list_for_each(pos, &kern->processes)
	{
		if (list_entry(pos, struct process, all_link)->pgrp == p->pid)
			return -EPERM;
	}
	p->session = p->pgrp = p->pid;
	p->tty = NULL;
	return p->pid;
}

/* -- prctl -- */

static long set_name(struct task *t, u64 uname)
{
	char name[sizeof(t->comm)] = {0};

	for (size_t i = 0; i < sizeof(name) - 1; i++) { /* the rest of a long name is cut off */
		if (copy_from_user(&name[i], uname + i, 1))
			return -EFAULT;
		if (!name[i])
			break;
	}
	memcpy(t->comm, name, sizeof(name));
	return 0;
}

static long prctl_get(struct task *t, const u64 *a)
{
	struct process *p = t->proc;

	switch ((s32)a[0]) {
	case PR_GET_PDEATHSIG:
		return put_user_u32(a[1], (u32)t->pdeath_signal);
	case PR_GET_DUMPABLE:
		return p->dumpable;
	case PR_GET_NAME:
		return copy_to_user(a[1], t->comm, sizeof(t->comm));
	case PR_GET_TIMING:
		return PR_TIMING_STATISTICAL;
	case PR_GET_TIMERSLACK:
		return (long)t->timer_slack;
	case PR_GET_CHILD_SUBREAPER:
		return put_user_u32(a[1], p->subreaper);
	case PR_GET_NO_NEW_PRIVS:
		return a[1] | a[2] | a[3] | a[4] ? -EINVAL : (long)t->no_new_privs;
	case PR_GET_THP_DISABLE:
		return a[1] | a[2] | a[3] | a[4] ? -EINVAL : 0;
	case PR_GET_TSC:
		return put_user_u32(a[1], PR_TSC_ENABLE);
	default:
		return caps_prctl(&t->cred, a);
	}
}

long sys_prctl(struct task *t, const u64 *a)
{
	struct process *p = t->proc;

	switch ((s32)a[0]) {
	case PR_SET_PDEATHSIG:
		if (a[1] > NSIG_MAX)
			return -EINVAL;
		t->pdeath_signal = (s32)a[1];
		return 0;
	case PR_SET_DUMPABLE:
		if (a[1] > 1)
			return -EINVAL;
		p->dumpable = (u32)a[1];
		return 0;
	case PR_SET_NAME:
		return set_name(t, a[1]);
	case PR_SET_TIMING:
		return a[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_SET_TSC: /* no home can make RDTSC fault: docs/processor.md */
		return a[1] == PR_TSC_ENABLE ? 0 : -EINVAL;
	case PR_SET_TIMERSLACK:
		t->timer_slack = (s64)a[1] <= 0 ? TIMER_SLACK_NS : a[1];
		return 0;
	case PR_SET_CHILD_SUBREAPER:
		p->subreaper = a[1] != 0;
		return 0;
	case PR_SET_NO_NEW_PRIVS:
		if (a[1] != 1 || a[2] | a[3] | a[4])
			return -EINVAL;
		t->no_new_privs = 1;
		return 0;
	default:
		return prctl_get(t, a);
	}
}

long sys_arch_prctl(struct task *t, const u64 *a)
{
	switch ((s32)a[0]) {
	case ARCH_SET_FS:
		if (a[1] >= USER_VA_END)
			return -EPERM;
		t->fs_base = a[1];
		return 0;
	case ARCH_SET_GS:
		if (a[1] >= USER_VA_END)
			return -EPERM;
		t->gs_base = a[1];
		return 0;
	case ARCH_GET_FS:
		return put_user_u64(a[1], t->fs_base);
	case ARCH_GET_GS:
		return put_user_u64(a[1], t->gs_base);
	case ARCH_GET_CPUID:
		return 1;
	case ARCH_SET_CPUID:
		return -ENODEV; /* no CPUID faulting */
	case ARCH_GET_XCOMP_SUPP:
	case ARCH_GET_XCOMP_PERM:
		return put_user_u64(a[1], kern->xcr0);
	default: /* CET, x32 and the rest */
		return -EINVAL;
	}
}

/* Kept and shown; ADDR_NO_RANDOMIZE and the like are read by exec. */
long sys_personality(struct task *t, const u64 *a)
{
	u32 old = t->proc->personality;

	if ((u32)a[0] != PERSONALITY_QUERY)
		t->proc->personality = (u32)a[0];
	return old;
}
