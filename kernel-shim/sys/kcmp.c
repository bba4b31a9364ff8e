/* SPDX-License-Identifier: Apache-2.0
 * kcmp(2): whether two tasks share something.
 */
#include <asm/errno.h>
#include <linux/kcmp.h>

#include "core/cred.h"
#include "fs/vfs.h"
#include "sys/sys.h"

/* An order that says nothing of where things are: equal, or by a number that hides the address. */
static long compare(const void *x, const void *y)
{
	u64 a = (u64)x * 0x9e3779b97f4a7c15ull, b = (u64)y * 0x9e3779b97f4a7c15ull;

	return a < b ? 1 : a > b ? 2 : 0;
}

static long compare_files(struct task *t1, struct task *t2, s32 fd1, s32 fd2)
{
	struct file *f1 = t1->files ? files_lookup(t1->files, fd1) : NULL;
	struct file *f2 = t2->files ? files_lookup(t2->files, fd2) : NULL;
	long r = f1 && f2 ? compare(f1, f2) : -EBADF;

	if (f1)
		file_put(f1);
	if (f2)
		file_put(f2);
	return r;
}

long sys_kcmp(struct task *t, const u64 *a)
{
	struct task *t1 = task_find((s32)a[0]), *t2 = task_find((s32)a[1]);

	if (!t1 || !t2)
		return -ESRCH;
	if (!cred_same_user(&t->cred, &t1->cred, CAP_SYS_PTRACE) ||
		!cred_same_user(&t->cred, &t2->cred, CAP_SYS_PTRACE))
		return -EPERM;
	switch ((s32)a[2]) {
	case KCMP_FILE:
		return compare_files(t1, t2, (s32)a[3], (s32)a[4]);
	case KCMP_VM:
		return compare(t1->mm, t2->mm);
	case KCMP_FILES:
		return compare(t1->files, t2->files);
	case KCMP_FS:
		return compare(t1->fs, t2->fs);
	case KCMP_SIGHAND:
		return compare(t1->proc->sighand, t2->proc->sighand);
	case KCMP_SYSVSEM:
		return compare(t1->sem_undo, t2->sem_undo);
	case KCMP_IO: /* nobody has an I/O context */
		return 0;
	case KCMP_EPOLL_TFD:
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}
