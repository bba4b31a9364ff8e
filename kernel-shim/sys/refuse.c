/* SPDX-License-Identifier: Apache-2.0
 * Calls whose only answer here is the one that Linux gives to a user without rights: nobody in the
 * sandbox has any over the machine, root included.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "fs/vfs.h"
#include "sys/sys.h"

#define REFUSED(name)                                                                              \
	long sys_##name(struct task *t, const u64 *a)                                              \
	{                                                                                          \
		return -EPERM;                                                                     \
	}

REFUSED(acct)
REFUSED(delete_module)
REFUSED(finit_module)
REFUSED(init_module)
REFUSED(kexec_load)
REFUSED(open_by_handle_at)
REFUSED(pivot_root)
REFUSED(reboot)
REFUSED(swapoff)
REFUSED(swapon)
REFUSED(syslog)
REFUSED(vhangup)

/* There are no files that stand for namespaces. */
static long no_namespace(struct file *f, const u64 *a)
{
	return -EINVAL;
}

long sys_setns(struct task *t, const u64 *a)
{
	return fd_call(a, no_namespace);
}

/* -- protection keys, as on a processor without them -- */

long sys_pkey_alloc(struct task *t, const u64 *a)
{
	return a[0] || a[1] & ~3ull ? -EINVAL : -ENOSPC;
}

long sys_pkey_free(struct task *t, const u64 *a)
{
	return -EINVAL;
}

/* Key -1 is none: the call is mprotect. */
long sys_pkey_mprotect(struct task *t, const u64 *a)
{
	return (s32)a[3] == -1 ? sys_mprotect(t, a) : -EINVAL;
}
