/* SPDX-License-Identifier: Apache-2.0
 * Options of every socket (SOL_SOCKET, socket(7)). Those without a meaning between processes of one
 * sandbox are remembered and shown.
 */
#include <asm/errno.h>
#include <linux/time_types.h>

#include "core/task.h"
#include "mm/mm.h"
#include "net/socket.h"
#include "sys/uapi.h"

#define BUFFER_MAX 4194304u /* net.core.wmem_max, rmem_max; twice that is counted */
#define SNDBUF_MIN 4608u
#define RCVBUF_MIN 2304u

static const struct {
	s32 name;
	u32 bit;
} bits[] = {
	{SO_DEBUG, OPT_DEBUG},
	{SO_REUSEADDR, OPT_REUSEADDR},
	{SO_REUSEPORT, OPT_REUSEPORT},
	{SO_DONTROUTE, OPT_DONTROUTE},
	{SO_BROADCAST, OPT_BROADCAST},
	{SO_KEEPALIVE, OPT_KEEPALIVE},
	{SO_OOBINLINE, OPT_OOBINLINE},
	{SO_NO_CHECK, OPT_NO_CHECK},
	{SO_TIMESTAMP, OPT_TIMESTAMP},
	{SO_RXQ_OVFL, OPT_RXQ_OVFL},
	{SO_PASSCRED, OPT_PASSCRED},
	{SO_PASSSEC, OPT_PASSSEC},
};

static u32 option_bit(s32 name)
{
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		if (bits[i].name == name)
			return bits[i].bit;
	}
	return 0;
}

static bool is_inet(const struct socket *s)
{
	return s->family == AF_INET || s->family == AF_INET6;
}

/* -- setting -- */

static int set_bit(struct socket *s, u32 bit, bool on)
{
	if (bit == OPT_REUSEPORT && on && !is_inet(s))
		return -EOPNOTSUPP;
	if ((bit == OPT_PASSCRED || bit == OPT_PASSSEC) && is_inet(s))
		return -EOPNOTSUPP;
	if (bit == OPT_DEBUG && on && !cred_has(&current->cred, CAP_NET_ADMIN))
		return -EACCES;
	s->opt.on = on ? s->opt.on | bit : s->opt.on & ~bit;
	return 0;
}

/* Linux counts its own overhead too, and doubles what was asked for. */
static u32 buffer_size(s32 v, u32 least)
{
	u32 asked = (u32)min_u64((u32)v, BUFFER_MAX);

	return (u32)max_u64(asked * 2, least);
}

static int set_int(struct socket *s, s32 name, s32 v)
{
	switch (name) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		s->opt.sndbuf = buffer_size(v, SNDBUF_MIN);
		s->opt.on |= OPT_SNDBUF;
		if (s->ops->writable(s))
			sock_wake(s, SOCK_WRITABLE);
		return 0;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		s->opt.rcvbuf = buffer_size(v, RCVBUF_MIN);
		return 0;
	case SO_RCVLOWAT:
		s->opt.rcvlowat = v < 0 ? 0x7fffffff : v ? (u32)v : 1;
		return 0;
	case SO_PRIORITY:
		if ((v < 0 || v > 6) && !cred_has(&current->cred, CAP_NET_ADMIN))
			return -EPERM;
		s->opt.priority = (u32)v;
		return 0;
	case SO_MARK:
		if (!cred_has(&current->cred, CAP_NET_ADMIN))
			return -EPERM;
		s->opt.mark = (u32)v;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_timeo(u64 *ns, u64 uval, u32 len)
{
	struct user_timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	if (copy_from_user(&tv, uval, sizeof(tv)))
		return -EFAULT;
	if (tv.usec < 0 || tv.usec >= 1000000)
		return -EDOM;
	if (tv.sec < 0) { /* not to wait; as little as there is */
		*ns = 1;
		return 0;
	}
	return timeval_to_ns(&tv, ns);
}

static int set_linger(struct socket *s, u64 uval, u32 len)
{
	struct user_linger l;

	if (len < sizeof(l))
		return -EINVAL;
	if (copy_from_user(&l, uval, sizeof(l)))
		return -EFAULT;
	s->opt.linger_s = (u32)l.seconds;
	return set_bit(s, OPT_LINGER, l.onoff);
}

static int set_option(struct socket *s, s32 name, u64 uval, u32 len)
{
	u32 bit = option_bit(name), v;

	if (len < sizeof(v))
		return -EINVAL;
	if (get_user_u32(&v, uval))
		return -EFAULT;
	switch (name) {
	case SO_LINGER:
		return set_linger(s, uval, len);
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		return set_timeo(&s->opt.rcvtimeo_ns, uval, len);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		return set_timeo(&s->opt.sndtimeo_ns, uval, len);
	default:
		return bit ? set_bit(s, bit, v) : set_int(s, name, (s32)v);
	}
}

long socket_setopt(struct socket *s, s32 level, s32 name, u64 uval, s32 len)
{
	if (len < 0)
		return -EINVAL;
	if (level == SOL_SOCKET)
		return set_option(s, name, uval, (u32)len);
	return s->ops->setopt ? s->ops->setopt(s, level, name, uval, (u32)len) : -EOPNOTSUPP;
}

/* -- showing -- */

int opt_put(u64 uval, u64 ulen, const void *value, u32 len)
{
	u32 room;

	if (get_user_u32(&room, ulen))
		return -EFAULT;
	if ((s32)room < 0)
		return -EINVAL;
	len = (u32)min_u64(len, room);
	if (copy_to_user(uval, value, len))
		return -EFAULT;
	return put_user_u32(ulen, len);
}

static int get_int(struct socket *s, s32 name, s32 *v)
{
	u32 bit = option_bit(name);

	switch (name) {
	case SO_TYPE:
		*v = s->ops->type;
		return 0;
	case SO_DOMAIN:
		*v = s->family;
		return 0;
	case SO_PROTOCOL:
		*v = s->protocol;
		return 0;
	case SO_ERROR:
		*v = -sock_error(s);
		return 0;
	case SO_ACCEPTCONN:
		*v = s->state == SK_LISTENING;
		return 0;
	case SO_SNDBUF:
		*v = (s32)s->opt.sndbuf;
		return 0;
	case SO_RCVBUF:
		*v = (s32)s->opt.rcvbuf;
		return 0;
	case SO_RCVLOWAT:
		*v = (s32)s->opt.rcvlowat;
		return 0;
	case SO_SNDLOWAT:
		*v = 1;
		return 0;
	case SO_PRIORITY:
		*v = (s32)s->opt.priority;
		return 0;
	case SO_MARK:
		*v = (s32)s->opt.mark;
		return 0;
	default:
		*v = (s->opt.on & bit) != 0;
		return bit ? 0 : -ENOPROTOOPT;
	}
}

static int get_timeo(u64 ns, u64 uval, u64 ulen)
{
	struct user_timeval tv = timeval_from_ns(ns);

	return opt_put(uval, ulen, &tv, sizeof(tv));
}

static int get_peer_name(struct socket *s, u64 uval, u64 ulen)
{
	struct sock_addr a;

	if (s->ops->name(s, SIDE_PEER, &a))
		return -ENOTCONN;
	return opt_put(uval, ulen, a.raw, a.len);
}

static int get_option(struct socket *s, s32 name, u64 uval, u64 ulen)
{
	struct user_linger l = {(s->opt.on & OPT_LINGER) != 0, (s32)s->opt.linger_s};
	s32 v;
	int r;

	switch (name) {
	case SO_LINGER:
		return opt_put(uval, ulen, &l, sizeof(l));
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
		return get_timeo(s->opt.rcvtimeo_ns, uval, ulen);
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW:
		return get_timeo(s->opt.sndtimeo_ns, uval, ulen);
	case SO_PEERCRED:
		return opt_put(uval, ulen, &s->peer_cred, sizeof(s->peer_cred));
	case SO_PEERNAME:
		return get_peer_name(s, uval, ulen);
	default:
		r = get_int(s, name, &v);
		return r ? r : opt_put(uval, ulen, &v, sizeof(v));
	}
}

long socket_getopt(struct socket *s, s32 level, s32 name, u64 uval, u64 ulen)
{
	if (level == SOL_SOCKET)
		return get_option(s, name, uval, ulen);
	return s->ops->getopt ? s->ops->getopt(s, level, name, uval, ulen) : -EOPNOTSUPP;
}
