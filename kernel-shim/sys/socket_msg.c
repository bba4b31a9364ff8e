/* SPDX-License-Identifier: Apache-2.0
 * Sending to and receiving from sockets, one message or several.
 */
#include "fs/fs_internal.h"
#include "net/socket.h"
#include "sys/poll.h"
#include "sys/socket.h"
#include "sys/sys.h"
#include "sys/uapi.h"

#include <linux/uio.h>

#define CONTROL_MAX 131072u /* net.core.optmem_max */

/* What cannot be the program's is refused before the descriptor is looked at (Linux import_ubuf).
 */
static int buffer_ok(u64 base, u64 len)
{
	return len > USER_VA_END || base > USER_VA_END - len ? -EFAULT : 0;
}

static u32 call_flags(const struct file *f, u32 flags)
{
	return flags | (f->flags & O_NONBLOCK ? MSG_DONTWAIT : 0);
}

/* -- one range of bytes -- */

static long send_range(struct file *f, const u64 *a)
{
	struct socket *s = file_socket(f);
	struct sock_addr to;
	struct uio u;
	struct sock_msg m = {.u = &u, .flags = call_flags(f, (u32)a[3] & ~MSG_CMSG_COMPAT)};
	int r;

	if (a[4]) {
		r = sock_addr_get(&to, a[4], (s32)a[5]);
		if (r)
			return r;
		m.name = &to;
	}
	uio_user(&u, a[1], a[2]);
	return s->ops->send(s, &m);
}

long sys_sendto(struct task *t, const u64 *a)
{
	int r = buffer_ok(a[1], a[2]);

	return r ? r : sock_call(a, send_range);
}

static long recv_range(struct file *f, const u64 *a)
{
	struct socket *s = file_socket(f);
	struct sock_addr from = {0};
	struct uio u;
	struct sock_msg m = {
		.u = &u, .flags = call_flags(f, (u32)a[3]), .name = a[4] ? &from : NULL};
	long r;

	uio_user(&u, a[1], a[2]);
	r = s->ops->recv(s, &m);
	scm_release(&m.scm);
	if (r >= 0 && a[4] && sock_addr_put(&from, a[4], a[5]))
		return sock_addr_put(&from, a[4], a[5]);
	return r;
}

long sys_recvfrom(struct task *t, const u64 *a)
{
	int r = buffer_ok(a[1], a[2]);

	return r ? r : sock_call(a, recv_range);
}

/* -- struct msghdr -- */

static int header_get(struct user_msghdr *h, u64 uhdr)
{
	if (copy_from_user(h, uhdr, sizeof(*h)))
		return -EFAULT;
	if (!h->name)
		h->namelen = 0;
	if (h->namelen < 0)
		return -EINVAL;
	if ((u32)h->namelen > SOCK_ADDR_MAX)
		h->namelen = SOCK_ADDR_MAX;
	return 0;
}

static int vector_get(struct uio *u, const struct user_msghdr *h)
{
	if (h->iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	return uio_user_iov(u, h->iov, (u32)h->iovlen);
}

/* A copy of the control messages, to be freed; NULL if there are none. */
static u8 *control_get(const struct user_msghdr *h)
{
	u8 *control;

	if (h->controllen > 0x7fffffff)
		return err_ptr(-ENOBUFS);
	if (!h->controllen)
		return NULL;
	control = h->controllen <= CONTROL_MAX ? kalloc(h->controllen) : NULL;
	if (!control)
		return err_ptr(-ENOBUFS);
	if (copy_from_user(control, h->control, h->controllen)) {
		kfree(control);
		return err_ptr(-EFAULT);
	}
	return control;
}

static long send_header(struct file *f, const struct user_msghdr *h, struct uio *u, u32 flags)
{
	struct sock_msg m = {.u = u, .flags = call_flags(f, flags), .control_len = h->controllen};
	struct socket *s = file_socket(f);
	struct sock_addr to;
	u8 *control;
	long r;

	if (h->namelen) {
		r = sock_addr_get(&to, h->name, h->namelen);
		if (r)
			return r;
		m.name = &to;
	}
	control = control_get(h);
	if (is_err(control))
		return ptr_err(control);
	m.control = control;
	r = s->ops->send(s, &m);
	kfree(control);
	return r;
}

static long send_one(struct file *f, u64 uhdr, u32 flags)
{
	struct user_msghdr h;
	struct uio u;
	long r = header_get(&h, uhdr);

	if (!r)
		r = vector_get(&u, &h);
	if (r)
		return r;
	r = send_header(f, &h, &u, flags);
	uio_free(&u);
	return r;
}

static long send_message(struct file *f, const u64 *a)
{
	return send_one(f, a[1], (u32)a[2]);
}

long sys_sendmsg(struct task *t, const u64 *a)
{
	return a[2] & MSG_CMSG_COMPAT ? -EINVAL : sock_call(a, send_message);
}

/* What a received message leaves in the program's header. */
static int header_put(
	u64 uhdr, const struct user_msghdr *h, const struct sock_msg *m, const struct control *c)
{
	u64 namelen = uhdr + offsetof(struct user_msghdr, namelen);
	u32 flags = m->out_flags | c->flags | (m->flags & MSG_CMSG_CLOEXEC);
	int r = m->name ? sock_addr_put(m->name, h->name, namelen) : 0;

	if (!r)
		r = put_user_u32(uhdr + offsetof(struct user_msghdr, flags), flags);
	if (!r)
		r = put_user_u64(
			uhdr + offsetof(struct user_msghdr, controllen), c->base - h->control);
	return r;
}

static long recv_one(struct file *f, u64 uhdr, u32 flags)
{
	struct socket *s = file_socket(f);
	struct sock_addr from = {0};
	struct user_msghdr h;
	struct uio u;
	struct sock_msg m = {
		.u = &u, .flags = call_flags(f, flags), .cred_wanted = s->opt.on & OPT_PASSCRED};
	struct control c;
	long r = header_get(&h, uhdr);

	if (!r)
		r = vector_get(&u, &h);
	if (r)
		return r;
	m.name = h.name ? &from : NULL;
	r = s->ops->recv(s, &m);
	if (r >= 0) {
		int err;

		c = (struct control){h.control, h.control ? h.controllen : 0, 0};
		if (s->ops->control)
			s->ops->control(s, &c, &m);
		err = header_put(uhdr, &h, &m, &c);
		r = err ? err : r;
	}
	scm_release(&m.scm);
	uio_free(&u);
	return r;
}

static long recv_message(struct file *f, const u64 *a)
{
	return recv_one(f, a[1], (u32)a[2]);
}

long sys_recvmsg(struct task *t, const u64 *a)
{
	return a[2] & MSG_CMSG_COMPAT ? -EINVAL : sock_call(a, recv_message);
}

/* -- several messages -- */

static int put_length(u64 umsg, long n)
{
	return put_user_u32(umsg + offsetof(struct user_mmsghdr, len), (u32)n);
}

static long send_several(struct file *f, const u64 *a)
{
	u32 n = (u32)min_u64((u32)a[2], UIO_MAXIOV), done = 0;
	long r = 0;

	for (; done < n; done++) {
		u64 umsg = a[1] + done * sizeof(struct user_mmsghdr);

		r = send_one(f, umsg, (u32)a[3]);
		if (r >= 0)
			r = put_length(umsg, r);
		if (r < 0)
			break;
		if (signal_pending(current)) {
			done++;
			break;
		}
	}
	return done ? done : r;
}

long sys_sendmmsg(struct task *t, const u64 *a)
{
	return a[3] & MSG_CMSG_COMPAT ? -EINVAL : sock_call(a, send_several);
}

/* An error after the first message is for the next call to tell. */
static long received(struct socket *s, u32 done, long r)
{
	if (!done)
		return r;
	if (r < 0 && r != -EAGAIN && r > -ERESTARTSYS)
		s->err = (s32)-r;
	return done;
}

static long recv_several(struct file *f, u64 umsgs, u32 n, u32 flags, u64 deadline)
{
	struct socket *s = file_socket(f);
	u32 done = 0;
	long r = sock_error(s);

	while (!r && done < n) {
		u64 umsg = umsgs + done * sizeof(struct user_mmsghdr);

		r = recv_one(f, umsg, flags & ~MSG_WAITFORONE);
		if (r >= 0)
			r = put_length(umsg, r);
		if (r < 0)
			break;
		done++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (clock_mono_ns() >= deadline)
			break;
	}
	return received(s, done, r);
}

long sys_recvmmsg(struct task *t, const u64 *a)
{
	u32 n = (u32)min_u64((u32)a[2], UIO_MAXIOV), flags = (u32)a[3];
	u64 deadline = TIME_NEVER, ns;
	struct file *f;
	long r;

	if (flags & MSG_CMSG_COMPAT)
		return -EINVAL;
	if (a[4]) {
		r = timespec_get(a[4], &ns);
		if (r)
			return r;
		deadline = ns ? poll_deadline(ns) : clock_mono_ns();
	}
	f = sock_get((s32)a[0]);
	if (is_err(f))
		return ptr_err(f);
	r = recv_several(f, a[1], n, flags, deadline);
	file_put(f);
	if (r > 0 && a[4]) {
		u64 now = clock_mono_ns();

		if (timespec_put(a[4], deadline > now ? deadline - now : 0))
			return -EFAULT;
	}
	return r;
}
