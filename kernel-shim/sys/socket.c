/* SPDX-License-Identifier: Apache-2.0
 * Sockets: making, naming, connecting, options. The order in which arguments are looked at is
 * Linux's: programs see which error wins.
 */
#include "fs/fs_internal.h"
#include "net/socket.h"
#include "sys/socket.h"
#include "sys/sys.h"

#define FD_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

/* -- descriptors and addresses -- */

struct file *sock_get(s32 fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return err_ptr(-EBADF);
	if (file_socket(f))
		return f;
	file_put(f);
	return err_ptr(-ENOTSOCK);
}

long sock_call(const u64 *a, long (*fn)(struct file *f, const u64 *a))
{
	struct file *f = sock_get((s32)a[0]);
	long r;

	if (is_err(f))
		return ptr_err(f);
	r = fn(f, a);
	file_put(f);
	return r;
}

int sock_addr_get(struct sock_addr *a, u64 uaddr, s32 len)
{
	if (len < 0 || (u32)len > SOCK_ADDR_MAX)
		return -EINVAL;
	memset(a, 0, sizeof(*a));
	a->len = (u32)len;
	return len ? copy_from_user(a->raw, uaddr, a->len) : 0;
}

int sock_addr_put(const struct sock_addr *a, u64 uaddr, u64 ulen)
{
	u32 room;

	if (get_user_u32(&room, ulen))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	if (copy_to_user(uaddr, a->raw, min_u64(room, a->len)))
		return -EFAULT;
	return put_user_u32(ulen, a->len); /* how long it really is */
}

/* -- making -- */

long sys_socket(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[1] & ~SOCK_TYPE_MASK;
	struct socket *s;
	int r;

	if (flags & ~FD_FLAGS)
		return -EINVAL;
	r = socket_create((s32)a[0], (s32)((u32)a[1] & SOCK_TYPE_MASK), (s32)a[2], &s);
	return r ? r : socket_install(s, flags);
}

/* Two sockets that know each other; nothing is left of them on failure. */
static int make_pair(s32 family, s32 type, s32 protocol, struct socket *s[2])
{
	int r = socket_create(family, type, protocol, &s[0]);

	if (r)
		return r;
	r = socket_create(family, type, protocol, &s[1]);
	if (r) {
		socket_put(s[0]);
		return r;
	}
	r = s[0]->ops->pair ? s[0]->ops->pair(s[0], s[1]) : -EOPNOTSUPP;
	if (r) {
		socket_put(s[0]);
		socket_put(s[1]);
	}
	return r;
}

static long install_pair(struct socket *s[2], u32 flags, u64 ufds)
{
	long fd[2] = {socket_install(s[0], flags), socket_install(s[1], flags)};
	s32 pair[2] = {(s32)fd[0], (s32)fd[1]};
	long r = fd[0] < 0 ? fd[0] : fd[1] < 0 ? fd[1] : 0;

	if (!r)
		r = copy_to_user(ufds, pair, sizeof(pair));
	for (u32 i = 0; r && i < 2; i++) {
		if (fd[i] >= 0)
			files_close(current->files, (s32)fd[i]);
	}
	return r;
}

long sys_socketpair(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[1] & ~SOCK_TYPE_MASK;
	struct socket *s[2];
	u64 probe;
	int r;

	if (flags & ~FD_FLAGS)
		return -EINVAL;
	if (fd_room())
		return -EMFILE;
	if (copy_from_user(&probe, a[3], sizeof(probe)) ||
		copy_to_user(a[3], &probe, sizeof(probe)))
		return -EFAULT;
	r = make_pair((s32)a[0], (s32)((u32)a[1] & SOCK_TYPE_MASK), (s32)a[2], s);
	return r ? r : install_pair(s, flags, a[3]);
}

/* -- naming and connecting -- */

static long bind_to(struct file *f, const u64 *a)
{
	struct socket *s = file_socket(f);
	struct sock_addr addr;
	int r = sock_addr_get(&addr, a[1], (s32)a[2]);

	if (r)
		return r;
	return s->ops->bind ? s->ops->bind(s, &addr) : -EOPNOTSUPP;
}

long sys_bind(struct task *t, const u64 *a)
{
	return sock_call(a, bind_to);
}

static long connect_to(struct file *f, const u64 *a)
{
	struct socket *s = file_socket(f);
	struct sock_addr addr;
	int r = sock_addr_get(&addr, a[1], (s32)a[2]);

	if (r)
		return r;
	return s->ops->connect ? s->ops->connect(s, &addr, f->flags & O_NONBLOCK) : -EOPNOTSUPP;
}

long sys_connect(struct task *t, const u64 *a)
{
	return sock_call(a, connect_to);
}

static long listen_on(struct file *f, const u64 *a)
{
	return socket_listen(file_socket(f), (s32)a[1]);
}

long sys_listen(struct task *t, const u64 *a)
{
	return sock_call(a, listen_on);
}

/* The address is written before the descriptor is given: without it the connection is lost. */
static long accept_from(struct file *f, u64 uaddr, u64 ulen, u32 flags)
{
	struct socket *s = file_socket(f), *c;
	struct sock_addr addr;
	long r = fd_room();

	if (r)
		return r;
	if (!s->ops->accept)
		return -EOPNOTSUPP;
	r = s->ops->accept(s, f->flags & O_NONBLOCK, &c);
	if (r)
		return r;
	if (uaddr) {
		r = c->ops->name(c, SIDE_ACCEPTED, &addr) ? -ECONNABORTED : 0;
		if (!r)
			r = sock_addr_put(&addr, uaddr, ulen);
	}
	if (!r)
		return socket_install(c, flags);
	c->ops->close(c);
	socket_put(c);
	return r;
}

static long do_accept(s32 fd, u64 uaddr, u64 ulen, u32 flags)
{
	struct file *f = fd_get(fd);
	long r;

	if (!f)
		return -EBADF;
	if (flags & ~FD_FLAGS)
		r = -EINVAL;
	else
		r = file_socket(f) ? accept_from(f, uaddr, ulen, flags) : -ENOTSOCK;
	file_put(f);
	return r;
}

long sys_accept(struct task *t, const u64 *a)
{
	return do_accept((s32)a[0], a[1], a[2], 0);
}

long sys_accept4(struct task *t, const u64 *a)
{
	return do_accept((s32)a[0], a[1], a[2], (u32)a[3]);
}

static long put_name(struct file *f, const u64 *a, enum sock_side side)
{
	struct socket *s = file_socket(f);
	struct sock_addr addr;
	int r = s->ops->name(s, side, &addr);

	return r ? r : sock_addr_put(&addr, a[1], a[2]);
}

static long put_own_name(struct file *f, const u64 *a)
{
	return put_name(f, a, SIDE_OWN);
}

static long put_peer_name(struct file *f, const u64 *a)
{
	return put_name(f, a, SIDE_PEER);
}

long sys_getsockname(struct task *t, const u64 *a)
{
	return sock_call(a, put_own_name);
}

long sys_getpeername(struct task *t, const u64 *a)
{
	return sock_call(a, put_peer_name);
}

static long shut_down(struct file *f, const u64 *a)
{
	struct socket *s = file_socket(f);
	u32 how = (u32)a[1];

	if (!s->ops->shutdown)
		return -EOPNOTSUPP;
	/* SHUT_RD, SHUT_WR, SHUT_RDWR are one less than their bits */
	return how <= 2 ? s->ops->shutdown(s, how + 1) : -EINVAL;
}

long sys_shutdown(struct task *t, const u64 *a)
{
	return sock_call(a, shut_down);
}

/* -- options -- */

static long set_option(struct file *f, const u64 *a)
{
	return socket_setopt(file_socket(f), (s32)a[1], (s32)a[2], a[3], (s32)a[4]);
}

long sys_setsockopt(struct task *t, const u64 *a)
{
	return sock_call(a, set_option);
}

static long get_option(struct file *f, const u64 *a)
{
	return socket_getopt(file_socket(f), (s32)a[1], (s32)a[2], a[3], a[4]);
}

long sys_getsockopt(struct task *t, const u64 *a)
{
	return sock_call(a, get_option);
}
