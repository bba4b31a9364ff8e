/* SPDX-License-Identifier: Apache-2.0
 * poll(2) and ppoll(2).
 */
#include <asm/errno.h>
#include <asm/resource.h>
#include <linux/personality.h>

#include "core/task.h"
#include "fs/poll.h"
#include "mm/mm.h"
#include "sys/poll.h"
#include "sys/sys.h"
#include "sys/uapi.h"

struct user_pollfd {
	s32 fd;
	u16 events, revents;
};
_Static_assert(sizeof(struct user_pollfd) == 8, "struct pollfd");

/* -- time-outs and masks -- */

u64 poll_deadline(u64 ns)
{
	u64 now;

	if (!ns || ns == TIME_NEVER)
		return ns;
	now = clock_mono_ns();
	return ns < TIME_NEVER - now ? now + ns : TIME_NEVER;
}

u64 poll_deadline_ms(s32 ms)
{
	return ms < 0 ? TIME_NEVER : poll_deadline((u64)ms * 1000000);
}

int poll_deadline_timespec(u64 uaddr, u64 *deadline)
{
	u64 ns = TIME_NEVER;
	int r = uaddr ? timespec_get(uaddr, &ns) : 0;

	if (!r)
		*deadline = poll_deadline(ns);
	return r;
}

int poll_set_mask(struct task *t, u64 uaddr, u64 size)
{
	sigmask mask;

	if (!uaddr)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (copy_from_user(&mask, uaddr, sizeof(mask)))
		return -EFAULT;
	signal_set_temp_mask(t, mask);
	return 0;
}

static int put_time_left(u64 deadline, u64 utime, enum poll_time kind)
{
	u64 now = clock_mono_ns();
	u64 left = deadline > now ? deadline - now : 0;
	struct user_timeval tv;

	if (kind == POLL_TIMESPEC)
		return timespec_put(utime, left);
	tv = timeval_from_ns(left);
	return copy_to_user(utime, &tv, sizeof(tv));
}

long poll_finish(struct task *t, u64 deadline, u64 utime, enum poll_time kind, long ret)
{
	bool sticky = t->proc->personality & STICKY_TIMEOUTS;

	if (ret != -ERESTARTNOHAND)
		signal_drop_temp_mask(t);
	if (!utime || (!deadline && !sticky))
		return ret;
	if (deadline == TIME_NEVER) /* longer than anything: it stays */
		return ret;
	/* Called again with the whole time it would wait too long: then it may not be restarted. */
	if ((sticky || put_time_left(deadline, utime, kind)) && ret == -ERESTARTNOHAND)
		return -EINTR;
	return ret;
}

/* -- the calls -- */

static void slots_fill(struct poll_slot *slots, const struct user_pollfd *fds, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		slots[i].f = fds[i].fd >= 0 ? fd_get(fds[i].fd) : NULL;
		slots[i].events = fds[i].events | POLL_ALWAYS;
	}
}

/* Takes the results over and lets go of the files; how many descriptors are not open. */
static u32 slots_finish(struct poll_slot *slots, struct user_pollfd *fds, u32 n)
{
	u32 bad = 0;

	for (u32 i = 0; i < n; i++) {
		fds[i].revents = 0;
		if (slots[i].f) {
			fds[i].revents = (u16)slots[i].revents;
			file_put(slots[i].f);
		} else if (fds[i].fd >= 0) {
			fds[i].revents = POLL_NVAL;
			bad++;
		}
	}
	return bad;
}

static bool any_bad(const struct poll_slot *slots, const struct user_pollfd *fds, u32 n)
{
	for (u32 i = 0; i < n; i++)
		if (!slots[i].f && fds[i].fd >= 0)
			return true;
	return false;
}

/* -ERESTARTNOHAND when a signal came first. */
static long do_poll(struct task *t, u64 ufds, u32 n, u64 deadline)
{
	struct user_pollfd *fds;
	struct poll_slot *slots;
	long r = -ENOMEM;
	u32 bad;

	if (n > t->proc->rlimits[RLIMIT_NOFILE][0])
		return -EINVAL;
	fds = kalloc(n * sizeof(*fds) + 1);
	slots = kzalloc(n * sizeof(*slots) + 1);
	if (!fds || !slots)
		goto free;
	r = copy_from_user(fds, ufds, n * sizeof(*fds));
	if (r)
		goto free;
	slots_fill(slots, fds, n);
	r = poll_slots(slots, n, any_bad(slots, fds, n) ? 0 : deadline);
	bad = slots_finish(slots, fds, n);
	if (r == -EINTR)
		r = -ERESTARTNOHAND;
	else
		r += bad;
	for (u32 i = 0; i < n; i++) /* revents only: the program may be changing the rest */
		if (copy_to_user(ufds + i * sizeof(*fds) + offsetof(struct user_pollfd, revents),
			    &fds[i].revents, sizeof(fds[i].revents)))
			r = -EFAULT;
free:
	kfree(slots);
	kfree(fds);
	return r;
}

static long poll_restart(struct task *t);

static long poll_until(struct task *t, u64 ufds, u32 n, u64 deadline)
{
	long r = do_poll(t, ufds, n, deadline);

	if (r != -ERESTARTNOHAND)
		return r;
	t->restart.fn = poll_restart;
	t->restart.args[0] = ufds;
	t->restart.args[1] = n;
	t->restart.args[2] = deadline;
	return -ERESTART_RESTARTBLOCK;
}

static long poll_restart(struct task *t)
{
	return poll_until(t, t->restart.args[0], (u32)t->restart.args[1], t->restart.args[2]);
}

long sys_poll(struct task *t, const u64 *a)
{
	return poll_until(t, a[0], (u32)a[1], poll_deadline_ms((s32)a[2]));
}

long sys_ppoll(struct task *t, const u64 *a)
{
	u64 deadline;
	int r = poll_deadline_timespec(a[2], &deadline);

	if (!r)
		r = poll_set_mask(t, a[3], a[4]);
	if (r)
		return r;
	return poll_finish(t, deadline, a[2], POLL_TIMESPEC, do_poll(t, a[0], (u32)a[1], deadline));
}
