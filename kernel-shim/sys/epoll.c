/* SPDX-License-Identifier: Apache-2.0
 * epoll_create(2), epoll_ctl(2), epoll_wait(2) and their relatives.
 */
#include <asm/errno.h>
#include <linux/eventpoll.h>
#include <linux/fcntl.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/epoll.h"
#include "mm/mm.h"
#include "sys/poll.h"
#include "sys/sys.h"

#define EVENTS_MAX (0x7fffffffu / sizeof(struct epoll_user_event))

long sys_epoll_create(struct task *t, const u64 *a)
{
	if ((s32)a[0] <= 0)
		return -EINVAL;
	return anon_install(epoll_make(O_RDWR), false);
}

long sys_epoll_create1(struct task *t, const u64 *a)
{
	if ((u32)a[0] & ~(u32)EPOLL_CLOEXEC)
		return -EINVAL;
	return anon_install(epoll_make(O_RDWR), (u32)a[0] & EPOLL_CLOEXEC);
}

long sys_epoll_ctl(struct task *t, const u64 *a)
{
	struct epoll_user_event ev = {0, 0};
	struct file *epf, *f;
	long r = -EBADF;

	if ((u32)a[1] != EPOLL_CTL_DEL && copy_from_user(&ev, a[3], sizeof(ev)))
		return -EFAULT;
	epf = fd_get((s32)a[0]);
	if (!epf)
		return -EBADF;
	f = fd_get((s32)a[2]);
	if (f) {
		struct epoll *ep = file_epoll(epf);

		r = ep ? epoll_change(ep, (u32)a[1], f, (s32)a[2], &ev) : -EINVAL;
		file_put(f);
	}
	file_put(epf);
	return r;
}

static long do_wait(struct task *t, const u64 *a, u64 deadline)
{
	s32 max = (s32)a[2];
	struct file *f;
	long r = -EINVAL;

	if (max <= 0 || (u32)max > EVENTS_MAX)
		return -EINVAL;
	f = fd_get((s32)a[0]);
	if (!f)
		return -EBADF;
	if (file_epoll(f))
		r = epoll_collect(file_epoll(f), a[1], (u32)max, deadline);
	file_put(f);
	return r;
}

static long do_pwait(struct task *t, const u64 *a, u64 deadline)
{
	long r = poll_set_mask(t, a[4], a[5]);

	if (r)
		return r;
	r = do_wait(t, a, deadline);
	if (r != -EINTR)
		signal_drop_temp_mask(t);
	return r;
}

long sys_epoll_wait(struct task *t, const u64 *a)
{
	return do_wait(t, a, poll_deadline_ms((s32)a[3]));
}

long sys_epoll_pwait(struct task *t, const u64 *a)
{
	return do_pwait(t, a, poll_deadline_ms((s32)a[3]));
}

long sys_epoll_pwait2(struct task *t, const u64 *a)
{
	u64 deadline;
	int r = poll_deadline_timespec(a[3], &deadline);

	return r ? r : do_pwait(t, a, deadline);
}
