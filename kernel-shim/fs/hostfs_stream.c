/* SPDX-License-Identifier: Apache-2.0
 * Inherited descriptors: pipes, sockets and terminals of the host, and files whose position is
 * shared with whoever passed them on. The host never waits for us: it says EAGAIN, we ask to be
 * told when that changes (WATCH), and sleep.
 */
#include "fs/hostfs_internal.h"
#include "fs/tty.h"

bool hostfs_is_tty(struct file *f)
{
	return hostfs_handle(f) && host_file(f)->tty;
}

/* -- waiting -- */

static int watch(struct host_file *h, u32 events)
{
	struct chan_msg m = {.op = CHAN_OP_WATCH, .a = {h->handle, h->armed | events, h->tag}};
	int r;

	if ((h->armed & events) == events)
		return 0;
	r = (int)host_call(&m);
	if (!r)
		h->armed |= events;
	return r;
}

void hostfs_event(u64 tag, u32 events)
{
	struct host_state *s = fs_state() ? fs_state()->host : NULL;

	if (!s)
		return;
	list_for_each(l, &s->streams)
	{
		struct host_file *h = list_entry(l, struct host_file, stream_link);

		if (h->tag != tag)
			continue;
		/* One event ends the watch of all: whoever waits for another has to ask again. */
		h->armed = 0;
		waitq_wake(&h->wait, 0);
		return;
	}
}

static u32 stream_poll(struct file *f, struct waitq **q)
{
	const u32 all = POLL_IN | POLL_PRI | POLL_OUT | POLL_RDHUP;
	struct host_file *h = host_file(f);
	struct chan_msg m = {.op = CHAN_OP_POLL, .a = {h->handle, all}};
	s64 r = host_call(&m);
	u32 ready = r < 0 ? POLL_ERR : (u32)r;

	if (ready & POLL_IN)
		ready |= POLL_RDNORM;
	if (ready & POLL_OUT)
		ready |= POLL_WRNORM;
	if (q) {
		u32 rest = all & ~ready;

		*q = &h->wait;
		if (!file_readable(f))
			rest &= POLL_OUT;
		if (!file_writable(f))
			rest &= ~POLL_OUT;
		/* What is ready now would fire at once, again and again. */
		if (rest && !(ready & (POLL_ERR | POLL_HUP)))
			watch(h, rest);
	}
	return ready;
}

static s64 wait_ready(struct file *f, u32 events)
{
	struct host_file *h = host_file(f);
	int r = watch(h, events);

	if (r)
		return r;
	r = waitq_wait(&h->wait, !(h->armed & events), TIME_NEVER);
	return r ? -ERESTARTSYS : 0;
}

/* Nothing more for now, and somebody waits in epoll: an edge-triggered item is not polled again
 * until the next event, so that the watch is set here. */
static void watch_again(struct host_file *h, u32 events)
{
	if (h->stream && !list_empty(&h->wait.waiters))
		watch(h, events);
}

/* -- reading and writing -- */

/* The shared position, unless the call gave one of its own. */
static u64 offset_of(const struct file *f, const s64 *pos)
{
	return !pos || pos == &f->pos ? CHAN_OFF_STREAM : (u64)*pos;
}

static s64 stream_read(struct file *f, struct uio *u, s64 *pos)
{
	struct host_file *h = host_file(f);
	u64 off = offset_of(f, pos);
	size_t want = u->left;

	for (;;) {
		s64 r = h->tty && kern->console ? tty_check_read(kern->console) : 0;

		if (!r)
			r = host_transfer(h->handle, u, off, false, 0, h->stream);
		if (r > 0 && off != CHAN_OFF_STREAM)
			*pos += r;
		if (r == -EAGAIN || (r > 0 && (size_t)r < want))
			watch_again(h, POLL_IN);
		if (r != -EAGAIN || (f->flags & O_NONBLOCK))
			return r;
		r = wait_ready(f, POLL_IN);
		if (r)
			return r;
	}
}

static s64 stream_write(struct file *f, struct uio *u, s64 *pos)
{
	struct host_file *h = host_file(f);
	u64 off = offset_of(f, pos);
	s64 done = 0;

	while (u->left) {
		s64 r = h->tty && kern->console ? tty_check_write(kern->console, f) : 0;

		if (!r)
			r = host_transfer(h->handle, u, off, true, 0, false);
		if (r > 0) {
			done += r;
			if (off != CHAN_OFF_STREAM)
				off += (u64)r;
			continue;
		}
		if (r == -EAGAIN)
			watch_again(h, POLL_OUT);
		if (r == -EAGAIN && !(f->flags & O_NONBLOCK))
			r = wait_ready(f, POLL_OUT);
		else if (!r)
			break;
		if (r) {
			if (!done)
				return r;
			break;
		}
	}
	if (off != CHAN_OFF_STREAM)
		*pos = (s64)off;
	if (done)
		host_inode_stale(f->inode);
	return done;
}

static s64 shared_seek(struct file *f, s64 off, int whence)
{
	struct chan_msg m = {
		.op = CHAN_OP_SEEK, .a = {host_file(f)->handle, (u64)off, (u64)whence}};
	s64 r;

	if (whence < 0 || whence > SEEK_HOLE)
		return -EINVAL;
	r = host_call(&m);
	if (r >= 0)
		f->pos = r;
	return r;
}

static long stream_ioctl(struct file *f, u32 cmd, u64 arg)
{
	return host_file(f)->tty ? tty_host_ioctl(f, cmd, arg) : -ENOTTY;
}

static int stream_fsync(struct file *f, bool data_only)
{
	struct chan_msg m = {.op = CHAN_OP_FSYNC, .a = {host_file(f)->handle, data_only}};

	return (int)host_call(&m);
}

static int shared_truncate(struct file *f, u64 size)
{
	struct host_ref ref = {host_file(f)->handle, 0, ""};
	struct setattr a = {.valid = CHAN_SET_SIZE, .size = size};

	return host_setattr_ref(f->inode, &ref, &a);
}

static int stream_mmap(struct file *f, u32 prot, u32 flags)
{
	return -ENODEV;
}

static const struct file_ops stream_ops = {
	.mmap = stream_mmap,
	.read = stream_read,
	.write = stream_write,
	.poll = stream_poll,
	.ioctl = stream_ioctl,
	.fsync = stream_fsync,
	.release = host_file_release,
};

/* A regular file: always ready. */
static const struct file_ops shared_file_ops = {
	.read = stream_read,
	.write = stream_write,
	.seek = shared_seek,
	.ioctl = stream_ioctl,
	.fsync = stream_fsync,
	.truncate = shared_truncate,
	.release = host_file_release,
};

/* -- opening -- */

static void make_stream(struct file *f, const struct chan_attr *a)
{
	struct host_file *h = host_file(f);

	h->stream = a->flags & CHAN_ATTR_STREAM;
	h->tty = a->flags & CHAN_ATTR_TTY;
	f->ops = h->stream ? &stream_ops : &shared_file_ops;
	if (S_ISFIFO(a->mode))
		f->anon_name = "pipe:";
	else if (S_ISSOCK(a->mode))
		f->anon_name = "socket:";
	else if (h->tty)
		f->anon_name = "/dev/tty";
	else if (S_ISCHR(a->mode) && a->rdev == dev_encode(1, 3))
		f->anon_name = "/dev/null";
	else
		f->anon_name = "host:"; /* a path of the host's would say too much */
	f->anon_ino = a->ino;
	if (h->stream) {
		h->tag = ++host_state()->next_tag;
		list_add_tail(&host_state()->streams, &h->stream_link);
	}
}

/* An open file of the inode with at least the access of flags. */
static struct host_file *stdio_like(struct inode *i, u32 flags)
{
	list_for_each(l, &host_inode(i)->open)
	{
		struct host_file *h = list_entry(l, struct host_file, link);
		u32 has = h->flags & O_ACCMODE;

		if (has == O_RDWR || has == (flags & O_ACCMODE))
			return h;
	}
	return NULL;
}

/* Through /proc/self/fd: the same thing, opened once more. Where the host's jail does not let its
 * own user do that, the new file is a duplicate: it shares the position, and is not cut by O_TRUNC.
 */
static int stdio_open(struct inode *i, struct file *f)
{
	struct chan_msg m = {.op = CHAN_OP_OPEN, .a = {0, host_open_flags(f->flags)}};
	struct host_file *like = stdio_like(i, f->flags);
	struct chan_attr a;
	s64 handle;
	int r;

	if (!like)
		return -EACCES;
	m.a[0] = like->handle;
	handle = host_call(&m);
	if (handle == -EACCES || handle == -EPERM || handle == -ENXIO) {
		f->ops = like->stream ? &stream_ops : &shared_file_ops;
		f->priv = like;
		like->shares++;
		return 0;
	}
	if (handle < 0)
		return (int)handle;
	memcpy(&a, plat_chan_data(), sizeof(a));
	r = host_file_attach(f, i, (u32)handle);
	if (!r)
		make_stream(f, &a);
	return r;
}

const struct inode_ops host_stdio_inode_ops = {
	.getattr = host_getattr,
	.setattr = host_setattr,
	.open = stdio_open,
	.release = host_inode_release,
	.map_page = host_map_page,
};

static struct mount *stdio_mount(struct host_state *s)
{
	struct mount *m;

	if (s->stdio_mount)
		return s->stdio_mount;
	m = kzalloc(sizeof(*m));
	if (!m)
		return NULL;
	m->root = dentry_new(NULL, "", 0, NULL);
	m->super = s->stdio;
	m->refs = 1;
	s->stdio_mount = m->root ? m : NULL;
	return s->stdio_mount;
}

/* Gives f an inode, and a path that is in no tree. */
static int stdio_bind(struct file *f, const struct chan_attr *a)
{
	struct host_state *s = host_state();
	struct inode *i = s ? host_inode_get(s->stdio, a, 0) : NULL;
	char name[32];

	if (!i)
		return -ENOMEM;
	i->ops = &host_stdio_inode_ops;
	f->inode = i;
	f->path.mnt = stdio_mount(s);
	kfmt(name, sizeof(name), "host:[%llu]", (unsigned long long)a->ino);
	if (f->path.mnt)
		f->path.dentry = dentry_new(f->path.mnt->root, name, (u32)strlen(name), i);
	if (!f->path.dentry)
		return -ENOMEM;
	f->path.mnt->refs++;
	dentry_unhash(f->path.dentry);
	return 0;
}

struct file *hostfs_inherited(u32 handle, u32 oflags)
{
	struct chan_msg m = {.op = CHAN_OP_GETATTR, .a = {handle}};
	struct file *f = file_new(NULL, oflags | O_LARGEFILE);
	struct chan_attr a;
	s64 r = f ? host_call(&m) : -ENOMEM;

	if (!r) {
		memcpy(&a, plat_chan_data(), sizeof(a));
		r = stdio_bind(f, &a);
	}
	if (!r)
		r = host_file_attach(f, f->inode, handle);
	if (r) {
		if (f)
			file_put(f);
		return err_ptr(r);
	}
	make_stream(f, &a);
	return f;
}
