/* SPDX-License-Identifier: Apache-2.0
 * process_vm_readv(2), process_vm_writev(2): between the caller's memory and another process's.
 */
#include <asm/errno.h>
#include <linux/uio.h>

#include "core/ptrace.h"
#include "mm/mm.h"
#include "sys/sys.h"

/* At most a page; bytes that arrived. */
static size_t move(struct mm *mm, u64 addr, struct uio *local, u8 *page, size_t n, bool write)
{
	s64 moved;

	if (write) {
		moved = uio_get(local, page, n);
		return moved > 0 ? mm_access(mm, addr, page, (size_t)moved, MM_POKE) : 0;
	}
	moved = uio_put(local, page, mm_access(mm, addr, page, n, MM_PEEK));
	return moved > 0 ? (size_t)moved : 0;
}

static long move_all(struct mm *mm, struct uio *local, struct uio *remote, bool write)
{
	u8 *page = kalloc(PAGE_SIZE);
	long done = 0;

	if (!page)
		return -ENOMEM;
	while (local->left && remote->left) {
		u64 addr;
		size_t n = uio_piece(remote, min_u64(PAGE_SIZE, local->left), &addr);
		size_t moved = move(mm, addr, local, page, n, write);

		done += (long)moved;
		if (moved < n) {
			done = done ? done : -EFAULT;
			break;
		}
		uio_advance(remote, n);
	}
	kfree(page);
	return done;
}

static long move_task(struct task *t, s32 tid, struct uio *local, struct uio *remote, bool write)
{
	struct task *other = task_find(tid);
	struct mm *mm;
	long r;

	if (!other || !other->mm)
		return -ESRCH;
	if (!ptrace_may_access(t, other))
		return -EPERM;
	mm = other->mm;
	mm_get(mm);
	r = move_all(mm, local, remote, write);
	mm_put(mm);
	return r;
}

static long process_vm(struct task *t, const u64 *a, bool write)
{
	struct uio local, remote;
	long r;

	if (a[5] || a[2] > UIO_MAXIOV)
		return -EINVAL;
	r = uio_user_iov(&local, a[1], (u32)a[2]);
	if (r || !local.left)
		goto free_local;
	r = a[4] > UIO_MAXIOV ? -EINVAL : uio_user_iov(&remote, a[3], (u32)a[4]);
	if (r)
		goto free_local;
	if (remote.left)
		r = move_task(t, (s32)a[0], &local, &remote, write);
	uio_free(&remote);
free_local:
	uio_free(&local);
	return r;
}

long sys_process_vm_readv(struct task *t, const u64 *a)
{
	return process_vm(t, a, false);
}

long sys_process_vm_writev(struct task *t, const u64 *a)
{
	return process_vm(t, a, true);
}
