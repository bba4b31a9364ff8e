/* SPDX-License-Identifier: Apache-2.0
 * eventfd(2), timerfd_create(2) and signalfd(2) with their relatives.
 */
#include <asm/errno.h>
#include <linux/fcntl.h>
#include <linux/time.h>

#include "core/signal.h"
#include "core/timers.h"
#include "fs/anon.h"
#include "fs/eventfd.h"
#include "mm/mm.h"
#include "sys/sys.h"
#include "sys/uapi.h"

/* The three families share O_CLOEXEC and O_NONBLOCK as their flags (EFD_, TFD_, SFD_). */
#define FD_FLAGS		((u32)(O_CLOEXEC | O_NONBLOCK))
#define EFD_SEMAPHORE		1u
#define TFD_TIMER_ABSTIME	1u
#define TFD_TIMER_CANCEL_ON_SET 2u

static u32 open_flags(u32 flags)
{
	return O_RDWR | (flags & O_NONBLOCK);
}

static long do_eventfd(u32 count, u32 flags)
{
	if (flags & ~(FD_FLAGS | EFD_SEMAPHORE))
		return -EINVAL;
	return anon_install(
		eventfd_make(count, flags & EFD_SEMAPHORE, open_flags(flags)), flags & O_CLOEXEC);
}

long sys_eventfd(struct task *t, const u64 *a)
{
	return do_eventfd((u32)a[0], 0);
}

long sys_eventfd2(struct task *t, const u64 *a)
{
	return do_eventfd((u32)a[0], (u32)a[1]);
}

/* -- timers -- */

long sys_timerfd_create(struct task *t, const u64 *a)
{
	s32 clock = (s32)a[0];
	u32 flags = (u32)a[1];

	if (flags & ~FD_FLAGS)
		return -EINVAL;
	switch (clock) {
	case CLOCK_MONOTONIC:
	case CLOCK_REALTIME:
	case CLOCK_BOOTTIME:
		break;
	case CLOCK_REALTIME_ALARM: /* would wake the machine: here they are as the plain clocks */
	case CLOCK_BOOTTIME_ALARM:
		if (!cred_has(&t->cred, CAP_WAKE_ALARM))
			return -EPERM;
		clock = clock == CLOCK_REALTIME_ALARM ? CLOCK_REALTIME : CLOCK_BOOTTIME;
		break;
	default:
		return -EINVAL;
	}
	return anon_install(timerfd_make(clock, open_flags(flags)), flags & O_CLOEXEC);
}

static struct file *timerfd_lookup(s32 fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return err_ptr(-EBADF);
	if (file_is_timerfd(f))
		return f;
	file_put(f);
	return err_ptr(-EINVAL);
}

long sys_timerfd_settime(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[1];
	struct itimer_value v, old;
	struct file *f;
	int r = itimerspec_get(a[2], &v);

	if (r)
		return r;
	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	f = timerfd_lookup((s32)a[0]);
	if (is_err(f))
		return ptr_err(f);
	timerfd_set(f, flags & TFD_TIMER_ABSTIME, &v, &old);
	file_put(f);
	return a[3] ? itimerspec_put(a[3], &old) : 0;
}

long sys_timerfd_gettime(struct task *t, const u64 *a)
{
	struct file *f = timerfd_lookup((s32)a[0]);
	struct itimer_value v;

	if (is_err(f))
		return ptr_err(f);
	timerfd_get(f, &v);
	file_put(f);
	return itimerspec_put(a[1], &v);
}

/* -- signals -- */

static long do_signalfd(s32 fd, u64 umask, u64 size, u32 flags)
{
	sigmask mask;
	struct file *f;

	if (flags & ~FD_FLAGS)
		return -EINVAL;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, umask, sizeof(mask)))
		return -EFAULT;
	mask &= ~SIG_KILL_STOP;
	if (fd == -1)
		return anon_install(signalfd_make(mask, open_flags(flags)), flags & O_CLOEXEC);
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (!file_is_signalfd(f)) {
		file_put(f);
		return -EINVAL;
	}
	signalfd_set_mask(f, mask);
	file_put(f);
	return fd;
}

long sys_signalfd(struct task *t, const u64 *a)
{
	return do_signalfd((s32)a[0], a[1], a[2], 0);
}

long sys_signalfd4(struct task *t, const u64 *a)
{
	return do_signalfd((s32)a[0], a[1], a[2], (u32)a[3]);
}
