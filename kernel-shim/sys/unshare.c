/* SPDX-License-Identifier: Apache-2.0
 * unshare(2): what threads and relatives share, not namespaces.
 */
#include <asm/errno.h>
#include <linux/sched.h>

#include "fs/fs_internal.h"
#include "ipc/ipc.h"
#include "sys/sys.h"

#define NAMESPACES                                                                                 \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |             \
		CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWTIME)
#define ALONE (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) /* is so only who has it so already */

static long unshare_fs(struct task *t)
{
	struct fs_ctx *mine;

	if (t->fs->refs == 1)
		return 0;
	mine = fs_ctx_copy(t->fs);
	if (!mine)
		return -ENOMEM;
	fs_ctx_put(t->fs);
	t->fs = mine;
	return 0;
}

long sys_unshare(struct task *t, const u64 *a)
{
	u64 flags = a[0];
	long r = 0;

	if (flags & ~(u64)(NAMESPACES | ALONE | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM))
		return -EINVAL;
	if ((flags & ALONE) && t->proc->nthreads > 1)
		return -EINVAL;
	if ((flags & (CLONE_SIGHAND | CLONE_VM)) && t->proc->sighand->refs > 1)
		return -EINVAL;
	if ((flags & CLONE_VM) && t->mm->refs > 1)
		return -EINVAL;
	if (flags & NAMESPACES)
		return -EPERM;
	if (flags & CLONE_FS)
		r = unshare_fs(t);
	if (!r && (flags & CLONE_FILES))
		r = files_unshare(t);
	if (!r && (flags & CLONE_SYSVSEM))
		ipc_task_exit(t);
	return r;
}
