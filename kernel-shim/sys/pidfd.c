/* SPDX-License-Identifier: Apache-2.0
 * pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2).
 */
#include <asm/errno.h>
#include <linux/fcntl.h>

#include "core/cred.h"
#include "core/siginfo.h"
#include "fs/anon.h"
#include "fs/pidfd.h"
#include "mm/mm.h"
#include "sys/pidfd.h"
#include "sys/signal.h"
#include "sys/sys.h"

/* A reference to the file; *p lives as long. */
static struct file *pidfd_get(s32 fd, struct process **p)
{
	struct file *f = fd_get(fd);

	if (!f)
		return NULL;
	*p = pidfd_process(f);
	if (*p)
		return f;
	file_put(f);
	return NULL;
}

static bool waited_for(const struct process *p)
{
	return process_find(p->pid) != p;
}

long sys_pidfd_open(struct task *t, const u64 *a)
{
	s32 pid = (s32)a[0];
	u32 flags = (u32)a[1];
	struct process *p;
	struct file *f;

	if ((flags & ~(u32)O_NONBLOCK) || pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p)
		return task_find(pid) ? -EINVAL : -ESRCH;
	f = pidfd_make(flags);
	if (!is_err(f))
		pidfd_bind(f, p);
	return anon_install(f, true);
}

static int make_info(
	struct task *t, const struct process *p, u64 uaddr, s32 signo, struct sig_info *si)
{
	if (!uaddr) {
		send_info(t, si, signo, SI_USER);
		return 0;
	}
	if (copy_from_user(si, uaddr, sizeof(*si)))
		return -EFAULT;
	if (si->signo != signo)
		return -EINVAL;
	si->pad = 0;
	return t->proc != p && (si->code >= 0 || si->code == SI_TKILL) ? -EPERM : 0;
}

long sys_pidfd_send_signal(struct task *t, const u64 *a)
{
	struct sig_info si;
	struct process *p;
	struct file *f;
	long r;

	if ((u32)a[3])
		return -EINVAL;
	f = pidfd_get((s32)a[0], &p);
	if (!f)
		return -EBADF;
	r = make_info(t, p, a[2], (s32)a[1], &si);
	if (!r)
		r = waited_for(p) ? -ESRCH : send_checked(t, p, NULL, &si);
	file_put(f);
	return r;
}

static long take_file(struct task *t, struct process *p, s32 fd)
{
	struct task *from = process_task(p);
	struct file *f;

	if (!from)
		return -ESRCH;
	if (p != t->proc && !cred_has(&t->cred, CAP_SYS_PTRACE) &&
		(p->dumpable != 1 || !cred_same_user(&t->cred, &from->cred, CAP_SYS_PTRACE)))
		return -EPERM;
	f = from->files ? files_lookup(from->files, fd) : NULL;
	return f ? fd_install(f, true, 0) : -EBADF;
}

long sys_pidfd_getfd(struct task *t, const u64 *a)
{
	struct process *p;
	struct file *f;
	long r;

	if ((u32)a[2])
		return -EINVAL;
	f = pidfd_get((s32)a[0], &p);
	if (!f)
		return -EBADF;
	r = take_file(t, p, (s32)a[1]);
	file_put(f);
	return r;
}

int pidfd_target(s32 fd, s32 *pid, bool *nonblock)
{
	struct process *p;
	struct file *f = pidfd_get(fd, &p);

	if (!f)
		return -EBADF;
	*pid = waited_for(p) ? 0 : p->pid;
	*nonblock = f->flags & O_NONBLOCK;
	file_put(f);
	return 0;
}
