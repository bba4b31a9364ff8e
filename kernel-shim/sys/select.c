/* SPDX-License-Identifier: Apache-2.0
 * select(2) and pselect6(2).
 */
#include <asm/errno.h>

#include "core/task.h"
#include "fs/poll.h"
#include "mm/mm.h"
#include "sys/poll.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define POLL_RDBAND 0x080u
#define POLL_WRBAND 0x200u
#define NSETS	    3u

/* What poll(2) calls the events of the three sets (Linux fs/select.c). */
static const u32 set_events[NSETS] = {
	POLL_RDNORM | POLL_RDBAND | POLL_IN | POLL_HUP | POLL_ERR,
	POLL_WRBAND | POLL_WRNORM | POLL_OUT | POLL_ERR,
	POLL_PRI,
};

struct select_sets {
	u32 n;	   /* descriptors looked at */
	u32 words; /* of 64 bits in each set */
	u64 user[NSETS];
	u64 *bits; /* NSETS sets, one after the other */
	struct poll_slot *slots;
	s32 *fds; /* of each slot */
	u32 nslots;
};

static u64 *set_word(struct select_sets *s, u32 set, u32 word)
{
	return &s->bits[set * s->words + word];
}

static bool set_has(struct select_sets *s, u32 set, u32 fd)
{
	return *set_word(s, set, fd / 64) >> (fd % 64) & 1;
}

static int sets_read(struct select_sets *s)
{
	for (u32 set = 0; set < NSETS; set++)
		if (s->user[set] && copy_from_user(set_word(s, set, 0), s->user[set], s->words * 8))
			return -EFAULT;
	/* bits at and past n do not count */
	for (u32 set = 0; set < NSETS && s->n % 64; set++)
		*set_word(s, set, s->words - 1) &= (1ull << (s->n % 64)) - 1;
	return 0;
}

static int sets_write(struct select_sets *s)
{
	for (u32 set = 0; set < NSETS; set++)
		if (s->user[set] && copy_to_user(s->user[set], set_word(s, set, 0), s->words * 8))
			return -EFAULT;
	return 0;
}

static u32 events_wanted(struct select_sets *s, u32 fd)
{
	u32 events = 0;

	for (u32 set = 0; set < NSETS; set++)
		if (set_has(s, set, fd))
			events |= set_events[set];
	return events;
}

/* A slot for each descriptor that is in some set. */
static int slots_open(struct select_sets *s)
{
	u32 count = 0;

	for (u32 fd = 0; fd < s->n; fd++)
		count += events_wanted(s, fd) != 0;
	s->slots = kzalloc(count * sizeof(*s->slots) + 1);
	s->fds = kalloc(count * sizeof(*s->fds) + 1);
	if (!s->slots || !s->fds)
		return -ENOMEM;
	for (u32 fd = 0; fd < s->n; fd++) {
		u32 events = events_wanted(s, fd);
		struct file *f;

		if (!events)
			continue;
		f = fd_get((s32)fd);
		if (!f)
			return -EBADF;
		s->slots[s->nslots].f = f;
		s->slots[s->nslots].events = events;
		s->fds[s->nslots++] = (s32)fd;
	}
	return 0;
}

/* Leaves in the sets what is ready; how many bits that is. */
static long sets_result(struct select_sets *s)
{
	long count = 0;

	for (u32 i = 0; i < s->nslots; i++) {
		u32 fd = (u32)s->fds[i];

		for (u32 set = 0; set < NSETS; set++) {
			if (!set_has(s, set, fd))
				continue;
			if (s->slots[i].revents & set_events[set])
				count++;
			else
				*set_word(s, set, fd / 64) &= ~(1ull << (fd % 64));
		}
	}
	return count;
}

static void sets_free(struct select_sets *s)
{
	for (u32 i = 0; i < s->nslots; i++)
		file_put(s->slots[i].f);
	kfree(s->slots);
	kfree(s->fds);
	kfree(s->bits);
}

static long do_select(struct task *t, s32 n, const u64 *usets, u64 deadline)
{
	struct select_sets s = {.user = {usets[0], usets[1], usets[2]}};
	u32 max = files_size(t->files);
	long r;

	if (n < 0)
		return -EINVAL;
	s.n = (u32)n < max ? (u32)n : max; /* Linux ignores what no table of this size holds */
	s.words = (s.n + 63) / 64;
	s.bits = kzalloc(s.words * NSETS * 8 + 1);
	if (!s.bits)
		return -ENOMEM;
	r = sets_read(&s);
	if (!r)
		r = slots_open(&s);
	if (!r) {
		r = poll_slots(s.slots, s.nslots, deadline);
		if (r == -EINTR)
			r = -ERESTARTNOHAND;
		else
			r = sets_result(&s);
	}
	if (r >= 0 && sets_write(&s))
		r = -EFAULT;
	sets_free(&s);
	return r;
}

long sys_select(struct task *t, const u64 *a)
{
	struct user_timeval tv;
	u64 ns, deadline = TIME_NEVER;

	if (a[4]) {
		if (copy_from_user(&tv, a[4], sizeof(tv)))
			return -EFAULT;
		/* microseconds past a second are carried over, not refused */
		tv.sec = (s64)((u64)tv.sec + (u64)(tv.usec / 1000000));
		tv.usec %= 1000000;
		if (timeval_to_ns(&tv, &ns))
			return -EINVAL;
		deadline = poll_deadline(ns);
	}
	return poll_finish(
		t, deadline, a[4], POLL_TIMEVAL, do_select(t, (s32)a[0], a + 1, deadline));
}

long sys_pselect6(struct task *t, const u64 *a)
{
	struct {
		u64 mask, size;
	} sig = {0, 0};
	u64 deadline;
	int r;

	if (a[5] && copy_from_user(&sig, a[5], sizeof(sig)))
		return -EFAULT;
	r = poll_deadline_timespec(a[4], &deadline);
	if (!r)
		r = poll_set_mask(t, sig.mask, sig.size);
	if (r)
		return r;
	return poll_finish(
		t, deadline, a[4], POLL_TIMESPEC, do_select(t, (s32)a[0], a + 1, deadline));
}
