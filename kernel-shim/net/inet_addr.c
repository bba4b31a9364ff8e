/* SPDX-License-Identifier: Apache-2.0
 * Addresses: what they are, how programs write them, which can be reached.
 */
#include <asm/errno.h>
#include <linux/in.h>
#include <linux/in6.h>

#include "core/task.h"
#include "net/inet_internal.h"
#include "net/state.h"

#define SIN6_LEN_MIN 24u /* without sin6_scope_id, RFC 2133 */
#define PREFIX_V4    12u /* of a mapped address */

const u8 ip_any[16];
const u8 ip_any4[16] = {[10] = 0xff, [11] = 0xff};
const u8 ip_loopback[16] = {[15] = 1};
const u8 ip_loopback4[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

bool ip_is_v4(const u8 *ip)
{
	return !memcmp(ip, ip_any4, PREFIX_V4);
}

bool ip_is_any(const u8 *ip)
{
	return ip_equal(ip, ip_any) || ip_equal(ip, ip_any4);
}

bool ip_is_local(const u8 *ip)
{
	return ip_is_v4(ip) ? ip[PREFIX_V4] == 127 : ip_equal(ip, ip_loopback);
}

bool ip_is_multicast(const u8 *ip)
{
	return ip_is_v4(ip) ? ip[PREFIX_V4] >> 4 == 14 : ip[0] == 0xff;
}

bool ip_is_broadcast(const u8 *ip)
{
	static const u8 all[4] = {255, 255, 255, 255};

	return ip_is_v4(ip) && !memcmp(ip + PREFIX_V4, all, sizeof(all));
}

/* Two of fe80::/10, which mean nothing without an interface. */
static bool ip_is_link_local(const u8 *ip)
{
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
}

static u16 swap16(u16 v)
{
	return (u16)(v >> 8 | v << 8);
}

/* -- as programs write them -- */

void inet_show(u16 family, const struct inet_end *e, struct sock_addr *out)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = swap16(e->port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = swap16(e->port)};

	if (family == AF_INET) {
		memcpy(&in.sin_addr, e->ip + PREFIX_V4, sizeof(in.sin_addr));
		memcpy(out->raw, &in, sizeof(in));
		out->len = sizeof(in);
	} else {
		memcpy(&in6.sin6_addr, e->ip, sizeof(in6.sin6_addr));
		memcpy(out->raw, &in6, sizeof(in6));
		out->len = sizeof(in6);
	}
}

static int parse_v4(const struct sock_addr *a, struct inet_end *out)
{
	struct sockaddr_in in;

	if (a->len < sizeof(in))
		return -EINVAL;
	memcpy(&in, a->raw, sizeof(in));
	memcpy(out->ip, ip_any4, PREFIX_V4);
	memcpy(out->ip + PREFIX_V4, &in.sin_addr, sizeof(in.sin_addr));
	out->port = swap16(in.sin_port);
	return 0;
}

static int parse_v6(const struct sock_addr *a, struct inet_end *out)
{
	struct sockaddr_in6 in6 = {0};

	if (a->len < SIN6_LEN_MIN)
		return -EINVAL;
	memcpy(&in6, a->raw, min_u64(a->len, sizeof(in6)));
	memcpy(out->ip, &in6.sin6_addr, sizeof(out->ip));
	out->port = swap16(in6.sin6_port);
	return ip_is_link_local(out->ip) && !in6.sin6_scope_id ? -EINVAL : 0;
}

int inet_parse(const struct inet_sock *i, const struct sock_addr *a, struct inet_end *out)
{
	int r = i->s.family == AF_INET ? parse_v4(a, out) : parse_v6(a, out);

	if (r)
		return r;
	return a->family == i->s.family ? 0 : -EAFNOSUPPORT;
}

int inet_parse_dest(const struct inet_sock *i, const struct sock_addr *a, struct inet_end *out)
{
	if (i->s.family == AF_INET6 && a->family == AF_INET)
		return parse_v4(a, out);
	if (i->s.family == AF_INET && a->family == AF_UNSPEC)
		return parse_v4(a, out);
	return inet_parse(i, a, out);
}

/* -- which can be reached -- */

static void say_denied(const struct inet_end *to)
{
	struct net_state *net = net_state();
	const u8 *ip = to->ip;

	if (!kern->verbose || (net->denied_port == to->port && ip_equal(net->denied_ip, ip)))
		return;
	memcpy(net->denied_ip, ip, sizeof(net->denied_ip));
	net->denied_port = to->port;
	if (ip_is_v4(ip))
		klog(CHAN_LOG_VERBOSE,
			"%u.%u.%u.%u port %u: network is not granted: only loopback is there",
			ip[12], ip[13], ip[14], ip[15], to->port);
	else
		klog(CHAN_LOG_VERBOSE,
			"[%x:%x:%x:%x:%x:%x:%x:%x] port %u: network is not granted: only loopback "
			"is there",
			ip[0] << 8 | ip[1], ip[2] << 8 | ip[3], ip[4] << 8 | ip[5],
			ip[6] << 8 | ip[7], ip[8] << 8 | ip[9], ip[10] << 8 | ip[11],
			ip[12] << 8 | ip[13], ip[14] << 8 | ip[15], to->port);
}

int inet_route(const struct inet_sock *i, struct inet_end *to)
{
	bool v4_source = ip_is_v4(i->local.ip);

	if (ip_equal(to->ip, ip_any4) || (ip_equal(to->ip, ip_any) && v4_source))
		memcpy(to->ip, ip_loopback4, sizeof(to->ip));
	else if (ip_equal(to->ip, ip_any))
		memcpy(to->ip, ip_loopback, sizeof(to->ip));
	if (ip_is_v4(to->ip) && i->value[INET_V6ONLY])
		return -ENETUNREACH;
	/* bound to an address of the other version: no way from there */
	if (i->ip_locked && v4_source != ip_is_v4(to->ip))
		return -ENETUNREACH;
	if (ip_is_broadcast(to->ip) && inet_proto(&i->s) == INET_UDP &&
		!(i->s.opt.on & OPT_BROADCAST))
		return -EACCES;
	if (ip_is_local(to->ip))
		return 0;
	say_denied(to);
	return -ENETUNREACH;
}
