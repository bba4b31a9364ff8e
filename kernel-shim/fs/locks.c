/* SPDX-License-Identifier: Apache-2.0
 * File locks between processes of the sandbox: flock(2), whose owner is an open file; POSIX record
 * locks, whose owner is a descriptor table; OFD locks, records whose owner is an open file. An
 * inode gets its lock_state with its first lock.
 */
#include "fs/fs_internal.h"
#include "fs/hostfs.h"

#define OFFSET_MAX    0x7fffffffffffffffull
#define DEADLOCK_HOPS 16u

struct lock {
	struct list link;
	const void *owner; /* struct file or struct files */
	s32 pid;	   /* for F_GETLK; -1: OFD */
	int16_t type;	   /* F_RDLCK, F_WRLCK */
	u64 start, end;	   /* both inclusive */
};
struct lock_state {
	struct list flocks, records; /* records: by start for each owner */
	struct waitq wait;
};
/* An owner that waits for another one, on fs_state.lock_waits. */
struct lock_wait {
	struct list link;
	const void *owner, *blocker;
};

static struct lock_state *inode_locks(struct inode *i)
{
	struct lock_state *s = i->locks;

	if (s)
		return s;
	s = kalloc(sizeof(*s));
	if (!s)
		return NULL;
	list_init(&s->flocks);
	list_init(&s->records);
	waitq_init(&s->wait);
	i->locks = s;
	return s;
}

static void lock_free(struct lock *l)
{
	list_del(&l->link);
	kfree(l);
}

void locks_free(struct inode *i)
{
	struct lock_state *s = i->locks;

	list_for_each_safe(l, tmp, &s->flocks) lock_free(list_entry(l, struct lock, link));
	list_for_each_safe(l, tmp, &s->records) lock_free(list_entry(l, struct lock, link));
	kfree(s);
	i->locks = NULL;
}

/* -- flock -- */

static struct lock *flock_of(struct lock_state *s, const struct file *f)
{
	list_for_each(l, &s->flocks)
	{
		struct lock *k = list_entry(l, struct lock, link);

		if (k->owner == f)
			return k;
	}
	return NULL;
}

static bool flock_free(struct lock_state *s, const struct file *f, int16_t type)
{
	list_for_each(l, &s->flocks)
	{
		struct lock *k = list_entry(l, struct lock, link);

		if (k->owner != f && (k->type == F_WRLCK || type == F_WRLCK))
			return false;
	}
	return true;
}

static void flock_drop(struct lock_state *s, struct file *f)
{
	struct lock *k = flock_of(s, f);

	if (!k)
		return;
	lock_free(k);
	if (f->inode->super->remote)
		hostfs_flock(f, LOCK_UN);
	waitq_wake(&s->wait, 0);
}

/* Other processes of the host may hold the file too, and there is no event for when they let go. */
static int flock_host(struct file *f, u32 op, bool wait)
{
	const u64 pause = 20 * 1000 * 1000;
	int r;

	if (!f->inode->super->remote)
		return 0;
	for (;;) {
		r = hostfs_flock(f, op);
		if (r != -EAGAIN || !wait)
			return r;
		r = task_wait(clock_mono_ns() + pause);
		if (r == -EINTR)
			return -ERESTARTSYS;
	}
}

long lock_flock(struct file *f, const u64 *a)
{
	u32 op = (u32)a[1] & ~(u32)LOCK_NB;
	bool wait = !(a[1] & LOCK_NB);
	struct lock_state *s;
	struct lock *k;
	int16_t type;
	int r;

	if (op != LOCK_SH && op != LOCK_EX && op != LOCK_UN)
		return -EINVAL;
	if (!f->inode)
		return -EBADF;
	s = inode_locks(f->inode);
	if (!s)
		return -ENOLCK;
	type = op == LOCK_EX ? F_WRLCK : F_RDLCK;
	k = flock_of(s, f);
	if (k && op != LOCK_UN && k->type == type)
		return 0;
	flock_drop(s, f); /* a change of kind lets others in between, as on Linux */
	if (op == LOCK_UN)
		return 0;
	if (!flock_free(s, f, type)) {
		if (!wait)
			return -EAGAIN;
		if (waitq_wait(&s->wait, flock_free(s, f, type), TIME_NEVER))
			return -ERESTARTSYS;
	}
	if (flock_of(s, f))
		return 0; /* another thread of ours was faster */
	k = kzalloc(sizeof(*k));
	if (!k)
		return -ENOLCK;
	k->owner = f;
	k->type = type;
	list_add_tail(&s->flocks, &k->link);
	r = flock_host(f, op, wait);
	if (r) {
		lock_free(k);
		waitq_wake(&s->wait, 0);
	}
	return r;
}

/* -- records -- */

static struct lock *record_conflict(struct lock_state *s, const struct lock *want)
{
	list_for_each(l, &s->records)
	{
		struct lock *k = list_entry(l, struct lock, link);

		if (k->owner == want->owner || k->end < want->start || k->start > want->end)
			continue;
		if (k->type == F_WRLCK || want->type == F_WRLCK)
			return k;
	}
	return NULL;
}

static const void *waits_for(const void *owner)
{
	list_for_each(l, &fs_state()->lock_waits)
	{
		struct lock_wait *w = list_entry(l, struct lock_wait, link);

		if (w->owner == owner)
			return w->blocker;
	}
	return NULL;
}

static bool would_deadlock(const void *owner, const void *blocker)
{
	for (u32 hops = 0; blocker && hops < DEADLOCK_HOPS; hops++) {
		if (blocker == owner)
			return true;
		blocker = waits_for(blocker);
	}
	return false;
}

/* Takes [start, end] out of the owner's records. *spare is used when one is cut in two. */
static void record_cut(struct lock_state *s, const struct lock *range, struct lock **spare)
{
	list_for_each_safe(l, tmp, &s->records)
	{
		struct lock *k = list_entry(l, struct lock, link);

		if (k->owner != range->owner || k->end < range->start || k->start > range->end)
			continue;
		if (k->start < range->start && k->end > range->end) {
			struct lock *right = *spare;

			*spare = NULL;
			*right = *k;
			right->start = range->end + 1;
			list_add(&k->link, &right->link);
			k->end = range->start - 1;
			return;
		}
		if (k->start < range->start)
			k->end = range->start - 1;
		else if (k->end > range->end)
			k->start = range->end + 1;
		else
			lock_free(k);
	}
}

/* Neighbours of one kind become one record. */
static void record_merge(struct lock_state *s, struct lock *n)
{
	list_for_each_safe(l, tmp, &s->records)
	{
		struct lock *k = list_entry(l, struct lock, link);

		if (k == n || k->owner != n->owner || k->type != n->type)
			continue;
		if (k->end + 1 == n->start)
			n->start = k->start;
		else if (n->end + 1 == k->start)
			n->end = k->end;
		else
			continue;
		lock_free(k);
	}
}

static int record_apply(struct lock_state *s, const struct lock *want)
{
	struct lock *spare = kzalloc(sizeof(*spare)), *k = NULL;

	if (want->type != F_UNLCK)
		k = kzalloc(sizeof(*k));
	if (!spare || (!k && want->type != F_UNLCK)) {
		kfree(spare);
		kfree(k);
		return -ENOLCK;
	}
	record_cut(s, want, &spare);
	kfree(spare);
	if (k) {
		*k = *want;
		list_add_tail(&s->records, &k->link);
		record_merge(s, k);
	}
	waitq_wake(&s->wait, 0);
	return 0;
}

static int record_wait(struct lock_state *s, const struct lock *want)
{
	struct lock *blocker;

	while ((blocker = record_conflict(s, want))) {
		struct lock_wait w = {.owner = want->owner, .blocker = blocker->owner};
		int r;

		if (want->pid != -1 && would_deadlock(want->owner, blocker->owner))
			return -EDEADLK;
		list_add_tail(&fs_state()->lock_waits, &w.link);
		r = waitq_wait(&s->wait, record_conflict(s, want) != blocker, TIME_NEVER);
		list_del(&w.link);
		if (r)
			return -ERESTARTSYS;
	}
	return 0;
}

static int record_range(struct file *f, const struct flock *in, struct lock *out)
{
	s64 start = in->l_start, base = 0, end;

	if (in->l_whence == SEEK_CUR) {
		base = file_tell(f);
	} else if (in->l_whence == SEEK_END) {
		struct kstat st;
		int r = file_getattr(f, &st);

		if (r)
			return r;
		base = (s64)st.size;
	} else if (in->l_whence != SEEK_SET) {
		return -EINVAL;
	}
	if (__builtin_add_overflow(start, base, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (in->l_len > 0) {
		if (__builtin_add_overflow(start, in->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (in->l_len < 0) {
		end = start - 1;
		start += in->l_len;
		if (start < 0)
			return -EINVAL;
	} else {
		end = (s64)OFFSET_MAX;
	}
	out->start = (u64)start;
	out->end = (u64)end;
	return 0;
}

static long record_get(struct file *f, const struct lock *want, struct flock *fl)
{
	struct lock_state *s = f->inode->locks;
	struct lock *k = s ? record_conflict(s, want) : NULL;

	if (!k) {
		fl->l_type = F_UNLCK;
		return 0;
	}
	fl->l_type = k->type;
	fl->l_whence = SEEK_SET;
	fl->l_start = (s64)k->start;
	fl->l_len = k->end == OFFSET_MAX ? 0 : (s64)(k->end - k->start + 1);
	fl->l_pid = k->pid;
	return 0;
}

static long record_set(struct file *f, s32 fd, const struct lock *want, bool wait)
{
	struct lock_state *s = inode_locks(f->inode);
	struct file *now;
	int r;

	if (!s)
		return -ENOLCK;
	if (want->type != F_UNLCK && record_conflict(s, want)) {
		if (!wait)
			return -EAGAIN;
		r = record_wait(s, want);
		if (r)
			return r;
	}
	r = record_apply(s, want);
	/* Another thread closed the descriptor while we waited: the close must win, or the lock
	 * would stay for ever. */
	now = fd_get(fd);
	if (!r && now != f && want->type != F_UNLCK && want->pid != -1) {
		locks_drop_files(f, current->files);
		r = -EBADF;
	}
	if (now)
		file_put(now);
	return r;
}

long lock_fcntl(struct file *f, s32 fd, u32 cmd, u64 arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct lock want = {0};
	struct flock fl;
	long r;

	if (copy_from_user(&fl, arg, sizeof(fl)))
		return -EFAULT;
	if (ofd && fl.l_pid)
		return -EINVAL;
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && (fl.l_type != F_UNLCK || get))
		return -EINVAL;
	if (!f->inode)
		return -EINVAL;
	r = record_range(f, &fl, &want);
	if (r)
		return r;
	want.type = fl.l_type;
	want.owner = ofd ? (const void *)f : (const void *)current->files;
	want.pid = ofd ? -1 : current->proc->pid;
	if (get) {
		r = record_get(f, &want, &fl);
		return !r && copy_to_user(arg, &fl, sizeof(fl)) ? -EFAULT : r;
	}
	if ((want.type == F_RDLCK && !file_readable(f)) ||
		(want.type == F_WRLCK && !file_writable(f)))
		return -EBADF;
	return record_set(f, fd, &want, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

static void records_drop(struct inode *i, const void *owner)
{
	struct lock_state *s = i ? i->locks : NULL;
	bool any = false;

	if (!s)
		return;
	list_for_each_safe(l, tmp, &s->records)
	{
		struct lock *k = list_entry(l, struct lock, link);

		if (k->owner != owner)
			continue;
		lock_free(k);
		any = true;
	}
	if (any)
		waitq_wake(&s->wait, 0);
}

void locks_drop_files(struct file *f, struct files *owner)
{
	records_drop(f->inode, owner);
}

void locks_drop_file(struct file *f)
{
	records_drop(f->inode, f);
	if (f->inode && f->inode->locks)
		flock_drop(f->inode->locks, f);
}
