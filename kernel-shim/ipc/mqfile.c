/* SPDX-License-Identifier: Apache-2.0
 * POSIX message queues: mq_open(2) and the calls on its descriptors. Order of checks as in Linux's
 * ipc/mqueue.c.
 */
#include "core/siginfo.h"

#include <asm/signal.h>
#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/time.h>

#include "core/task_internal.h"
#include "core/timers.h"
#include "fs/anon.h"
#include "fs/fs_internal.h"
#include "ipc/mqueue.h"
#include "net/socket.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#define MQ_PRIO_MAX	 32768u
#define HARD_MSG_MAX	 65536
#define HARD_MSGSIZE_MAX (16 << 20)
#define MSG_HEAD_BYTES	 48 /* what Linux counts for a message, and for a priority */
#define FILE_SIZE	 80 /* st_size */

static const struct file_ops mq_ops;

/* -- queues by name -- */

/* A name within the one directory. kalloc'ed. */
static char *get_name(u64 uname)
{
	char *name = getname(uname, false);
	int r = 0;

	if (is_err(name))
		return name;
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		r = -EACCES;
	else if (strlen(name) > NAME_LEN_MAX)
		r = -ENAMETOOLONG;
	if (!r)
		return name;
	kfree(name);
	return err_ptr(r);
}

static int attr_ok(const struct mq_attr_user *a)
{
	bool more = cred_has(&current->cred, CAP_SYS_RESOURCE);

	if (a->maxmsg <= 0 || a->msgsize <= 0)
		return -EINVAL;
	if (a->maxmsg > (more ? HARD_MSG_MAX : MQ_MSG_MAX) ||
		a->msgsize > (more ? HARD_MSGSIZE_MAX : MQ_MSGSIZE_MAX))
		return -EINVAL;
	return 0;
}

/* What the queue counts against RLIMIT_MSGQUEUE of its owner, full or not. */
static u64 claim_of(const struct mq_attr_user *a)
{
	return (u64)a->maxmsg * (u64)a->msgsize + 2 * MSG_HEAD_BYTES * (u64)a->maxmsg;
}

static u64 claimed(u32 uid)
{
	u64 sum = 0;

	list_for_each(pos, &ipc_state()->mqueues)
	{
		struct mqueue *q = list_entry(pos, struct mqueue, link);

		sum += q->inode->uid == uid ? q->claim : 0;
	}
	return sum;
}

static struct mqueue *mq_new(const char *name, const struct mq_attr_user *a, u32 mode)
{
	struct mqueue *q = ipc_alloc(sizeof(*q) + strlen(name) + 1);

	if (!q)
		return err_ptr(-ENOMEM);
	q->inode = mq_inode(q, mode);
	if (!q->inode) {
		ipc_free(q, sizeof(*q) + strlen(name) + 1);
		return err_ptr(-ENOMEM);
	}
	memcpy(q->name, name, strlen(name) + 1);
	q->inode->fops = &mq_ops;
	q->inode->size = FILE_SIZE;
	q->maxmsg = (u64)a->maxmsg;
	q->msgsize = (u64)a->msgsize;
	q->claim = claim_of(a);
	list_init(&q->msgs);
	list_init(&q->senders);
	list_init(&q->receivers);
	waitq_init(&q->poll);
	list_add_tail(&ipc_state()->mqueues, &q->link);
	ipc_state()->nmqueues++;
	return q;
}

struct mqueue *mq_create(const char *name, u32 mode, const struct mq_attr_user *attr)
{
	struct mq_attr_user a = {.maxmsg = MQ_MSG_MAX, .msgsize = MQ_MSGSIZE_MAX};
	int r;

	if (ipc_state()->nmqueues >= MQ_QUEUES_MAX && !cred_has(&current->cred, CAP_SYS_RESOURCE))
		return err_ptr(-ENOSPC);
	if (attr)
		a = *attr;
	r = attr_ok(&a);
	if (!r && claimed(fs_cred()->fsuid) + claim_of(&a) >
			  current->proc->rlimits[RLIMIT_MSGQUEUE][0])
		r = -EMFILE;
	return r ? err_ptr(r) : mq_new(name, &a, mode);
}

static struct mqueue *open_queue(
	const char *name, u32 flags, u32 mode, const struct mq_attr_user *attr)
{
	static const u32 want[3] = {MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE};
	struct mqueue *q = mq_find(name);
	int r;

	if (!q)
		return flags & O_CREAT ? mq_create(name, mode & 07777 & ~current->fs->umask, attr)
				       : err_ptr(-ENOENT);
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return err_ptr(-EEXIST);
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return err_ptr(-EINVAL);
	r = inode_permission(q->inode, want[flags & O_ACCMODE]);
	return r ? err_ptr(r) : q;
}

static long mq_descriptor(struct mqueue *q, u32 flags)
{
	struct file *f = anon_file(&mq_ops, "mqueue", flags & (O_ACCMODE | O_NONBLOCK), q);

	if (is_err(f))
		return ptr_err(f);
	f->inode = q->inode;
	inode_get(f->inode);
	return fd_install(f, true, 0);
}

long sys_mq_open(struct task *t, const u64 *a)
{
	struct mq_attr_user attr;
	struct mqueue *q;
	char *name;
	long r;

	if (!ipc_state())
		return -ENOMEM;
	if (a[3] && copy_from_user(&attr, a[3], sizeof(attr)))
		return -EFAULT;
	name = get_name(a[0]);
	if (is_err(name))
		return ptr_err(name);
	r = fd_room();
	if (!r) {
		q = open_queue(name, (u32)a[1], (u32)a[2], a[3] ? &attr : NULL);
		r = is_err(q) ? ptr_err(q) : mq_descriptor(q, (u32)a[1]);
	}
	kfree(name);
	return r;
}

long sys_mq_unlink(struct task *t, const u64 *a)
{
	struct mqueue *q;
	char *name;

	if (!ipc_state())
		return -ENOMEM;
	name = get_name(a[0]);
	if (is_err(name))
		return ptr_err(name);
	q = mq_find(name);
	kfree(name);
	if (!q)
		return -ENOENT;
	if (!inode_owned(q->inode)) /* the directory is sticky */
		return -EPERM;
	mq_unlink(q);
	return 0;
}

/* -- descriptors -- */

static s64 mq_read(struct file *f, struct uio *u, s64 *pos)
{
	const struct mqueue *q = f->priv;
	const struct mq_notify_state *n = &q->notify;
	char text[FILE_SIZE];
	size_t len = (size_t)kfmt(text, sizeof(text),
		"QSIZE:%-10llu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n",
		(unsigned long long)q->bytes, n->owner ? n->how : 0,
		n->owner && n->how == SIGEV_SIGNAL ? n->signo : 0, n->owner ? n->owner->pid : 0);
	s64 r;

	if ((u64)*pos >= len)
		return 0;
	r = uio_put(u, text + *pos, min_u64(len - (u64)*pos, u->left));
	if (r > 0)
		*pos += r;
	return r;
}

static s64 mq_seek(struct file *f, s64 off, int whence)
{
	return file_seek_to(f, off, whence, FILE_SIZE);
}

static u32 mq_poll(struct file *f, struct waitq **wait)
{
	struct mqueue *q = f->priv;

	if (wait)
		*wait = &q->poll;
	return (q->cur ? POLL_IN | POLL_RDNORM : 0) |
	       (q->cur < q->maxmsg ? POLL_OUT | POLL_WRNORM : 0);
}

static int mq_flush(struct file *f)
{
	struct mqueue *q = f->priv;

	if (q->notify.owner == current->proc)
		mq_unnotify(q);
	return 0;
}

static const struct file_ops mq_ops = {
	.read = mq_read,
	.seek = mq_seek,
	.poll = mq_poll,
	.flush = mq_flush,
};

static struct file *mq_file(s32 fd)
{
	struct file *f = fd_get(fd);

	if (f && f->ops == &mq_ops)
		return f;
	if (f)
		file_put(f);
	return NULL;
}

static int get_deadline(u64 utime, u64 *deadline)
{
	u64 ns;
	int r;

	*deadline = TIME_NEVER;
	if (!utime)
		return 0;
	r = timespec_get(utime, &ns);
	if (!r)
		*deadline = clock_to_mono(CLOCK_REALTIME, ns);
	return r;
}

static long send(struct file *f, const u64 *a, u64 deadline)
{
	struct mqueue *q = f->priv;
	struct mq_msg *m;
	int r;

	if (!file_writable(f))
		return -EBADF;
	if (a[2] > q->msgsize)
		return -EMSGSIZE;
	m = mq_msg_load(a[1], a[2], (u32)a[3]);
	if (is_err(m))
		return ptr_err(m);
	r = mq_send(q, m, f->flags & O_NONBLOCK, deadline);
	if (r)
		mq_msg_free(m);
	else
		inode_touch(q->inode, TOUCH_A | TOUCH_M | TOUCH_C);
	return r;
}

long sys_mq_timedsend(struct task *t, const u64 *a)
{
	u64 deadline;
	struct file *f;
	long r = get_deadline(a[4], &deadline);

	if (!r && (u32)a[3] >= MQ_PRIO_MAX)
		r = -EINVAL;
	if (r)
		return r;
	f = mq_file((s32)a[0]);
	if (!f)
		return -EBADF;
	r = send(f, a, deadline);
	file_put(f);
	return r;
}

static long receive(struct file *f, const u64 *a, u64 deadline)
{
	struct mqueue *q = f->priv;
	struct mq_msg *m;
	long r;

	if (!file_readable(f))
		return -EBADF;
	if (a[2] < q->msgsize)
		return -EMSGSIZE;
	m = mq_receive(q, f->flags & O_NONBLOCK, deadline);
	if (is_err(m))
		return ptr_err(m);
	inode_touch(q->inode, TOUCH_A | TOUCH_M | TOUCH_C);
	r = (long)m->size;
	if ((a[3] && put_user_u32(a[3], m->prio)) || copy_to_user(a[1], m->text, m->size))
		r = -EFAULT;
	mq_msg_free(m);
	return r;
}

long sys_mq_timedreceive(struct task *t, const u64 *a)
{
	u64 deadline;
	struct file *f;
	long r = get_deadline(a[4], &deadline);

	if (r)
		return r;
	f = mq_file((s32)a[0]);
	if (!f)
		return -EBADF;
	r = receive(f, a, deadline);
	file_put(f);
	return r;
}

/* -- asking to be told -- */

struct sigevent_user {
	u64 value;
	s32 signo, how;
	u8 rest[48];
};

/* SIGEV_THREAD, as C libraries do it: a cookie that goes to a netlink socket. */
static int get_cookie(const struct sigevent_user *ev, struct mq_notify_state *n)
{
	struct file *f;
	struct socket *s;
	int r = 0;

	if (copy_from_user(n->cookie, ev->value, MQ_COOKIE))
		return -EFAULT;
	f = fd_get(ev->signo);
	if (!f)
		return -EBADF;
	s = file_socket(f);
	if (!s)
		r = -ENOTSOCK;
	else if (s->family != AF_NETLINK)
		r = -EINVAL;
	else
		socket_get(s);
	file_put(f);
	n->sock = r ? NULL : s;
	return r;
}

static int get_notify(u64 uevent, struct mq_notify_state *n)
{
	struct sigevent_user ev;

	if (copy_from_user(&ev, uevent, sizeof(ev)))
		return -EFAULT;
	if (ev.how != SIGEV_NONE && ev.how != SIGEV_SIGNAL && ev.how != SIGEV_THREAD)
		return -EINVAL;
	if (ev.how == SIGEV_SIGNAL && (u32)ev.signo > NSIG_MAX)
		return -EINVAL;
	n->how = ev.how;
	n->signo = ev.signo;
	n->value = ev.value;
	n->owner = current->proc;
	return ev.how == SIGEV_THREAD ? get_cookie(&ev, n) : 0;
}

static int set_notify(struct mqueue *q, struct mq_notify_state *n)
{
	if (!n->owner) {
		if (q->notify.owner == current->proc)
			mq_unnotify(q);
		return 0;
	}
	if (q->notify.owner)
		return -EBUSY;
	q->notify = *n;
	process_get(n->owner);
	n->sock = NULL;
	return 0;
}

long sys_mq_notify(struct task *t, const u64 *a)
{
	struct mq_notify_state n = {0};
	struct file *f;
	int r = a[1] ? get_notify(a[1], &n) : 0;

	if (r)
		return r;
	f = mq_file((s32)a[0]);
	r = f ? set_notify(f->priv, &n) : -EBADF;
	if (f)
		file_put(f);
	if (n.sock)
		socket_put(n.sock);
	return r;
}

long sys_mq_getsetattr(struct task *t, const u64 *a)
{
	struct mq_attr_user new, old = {0};
	const struct mqueue *q;
	struct file *f;

	if (a[1] && copy_from_user(&new, a[1], sizeof(new)))
		return -EFAULT;
	if (a[1] && (new.flags & ~(s64)O_NONBLOCK))
		return -EINVAL;
	f = mq_file((s32)a[0]);
	if (!f)
		return -EBADF;
	q = f->priv;
	old.flags = f->flags & O_NONBLOCK;
	old.maxmsg = (s64)q->maxmsg;
	old.msgsize = (s64)q->msgsize;
	old.curmsgs = (s64)q->cur;
	if (a[1])
		f->flags = (f->flags & ~(u32)O_NONBLOCK) | (u32) new.flags;
	file_put(f);
	return a[2] && copy_to_user(a[2], &old, sizeof(old)) ? -EFAULT : 0;
}
