/* SPDX-License-Identifier: Apache-2.0
 * Sockets as files: read and write, poll, ioctl, close.
 */
#include <asm/errno.h>
#include <asm/ioctls.h>
#include <linux/sockios.h>
#include <linux/stat.h>

#include "core/task.h"
#include "fs/anon.h"
#include "fs/fasync.h"
#include "mm/mm.h"
#include "net/netdev.h"
#include "net/socket.h"

static const struct file_ops socket_file_ops;

struct socket *file_socket(struct file *f)
{
	return f->ops == &socket_file_ops ? f->priv : NULL;
}

static s64 socket_read(struct file *f, struct uio *u, s64 *pos)
{
	struct sock_msg m = {.u = u, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0};
	struct socket *s = f->priv;
	s64 r;

	if (!u->left)
		return 0;
	r = s->ops->recv(s, &m);
	scm_release(&m.scm); /* read(2) has no place for descriptors */
	return r;
}

static s64 socket_write(struct file *f, struct uio *u, s64 *pos)
{
	struct sock_msg m = {.u = u, .flags = f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0};
	struct socket *s = f->priv;

	if (s->ops->type == SOCK_SEQPACKET)
		m.flags |= MSG_EOR;
	return s->ops->send(s, &m);
}

static u32 socket_poll(struct file *f, struct waitq **q)
{
	struct socket *s = f->priv;

	if (q)
		*q = &s->wait;
	return s->ops->poll(s);
}

static long set_owner(struct file *f, u64 arg)
{
	u32 owner;

	if (get_user_u32(&owner, arg))
		return -EFAULT;
	return fasync_set_owner_id(f, (s32)owner);
}

static long socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct socket *s = f->priv;
	long r;

	switch (cmd) {
	case FIOSETOWN:
	case SIOCSPGRP:
		return set_owner(f, arg);
	case FIOGETOWN:
	case SIOCGPGRP:
		return put_user_u32(arg, (u32)fasync_owner_id(f));
	case SIOCATMARK:
		return put_user_u32(arg, urgent_at(s, 0));
	default:
		r = s->ops->ioctl(s, cmd, arg);
		return r == -ENOTTY ? netdev_ioctl(cmd, arg) : r;
	}
}

static void socket_release(struct file *f)
{
	struct socket *s = f->priv;

	s->ops->close(s);
	s->file = NULL;
	socket_put(s);
}

static const struct file_ops socket_file_ops = {
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
	.async = true,
};

static struct file *socket_file(struct socket *s, u32 flags)
{
	struct inode *i = anon_inode_new(S_IFSOCK | 0777);
	struct file *f;

	if (!i)
		return err_ptr(-ENOMEM);
	f = anon_file(&socket_file_ops, "socket:", O_RDWR | (flags & SOCK_NONBLOCK), s);
	if (is_err(f)) {
		inode_put(i);
		return f;
	}
	f->inode = i;
	f->anon_ino = i->ino;
	s->file = f;
	return f;
}

long socket_install(struct socket *s, u32 flags)
{
	struct file *f = socket_file(s, flags);

	if (is_err(f)) {
		s->ops->close(s);
		socket_put(s);
		return ptr_err(f);
	}
	return fd_install(f, flags & SOCK_CLOEXEC, 0);
}
