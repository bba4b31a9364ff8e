/* SPDX-License-Identifier: Apache-2.0
 * /proc/net and /proc/sys/net: the network of the sandbox, which is its loopback.
 */
#include "fs/proc_internal.h"
#include "net/show.h"
#include "net/state.h"
#include "net/uapi.h"

static int show_unix(struct seqbuf *s, const struct pseudo_node *n)
{
	if (!net_state())
		return -ENOMEM;
	net_show_unix(s);
	return 0;
}

static int show_tcp(struct seqbuf *s, const struct pseudo_node *n)
{
	if (!net_state())
		return -ENOMEM;
	net_show_tcp(s, n->def->minor ? AF_INET6 : AF_INET);
	return 0;
}

static int show_udp(struct seqbuf *s, const struct pseudo_node *n)
{
	if (!net_state())
		return -ENOMEM;
	net_show_udp(s, n->def->minor ? AF_INET6 : AF_INET);
	return 0;
}

/* Nothing is counted. */
static int show_dev(struct seqbuf *s, const struct pseudo_node *n)
{
	seq_puts(s,
		"Inter-|   Receive                                                |  Transmit\n"
		" face |bytes    packets errs drop fifo frame compressed multicast|bytes    "
		"packets errs drop fifo colls carrier compressed\n"
		"    lo:       0       0    0    0    0     0          0         0        0       "
		"0    0    0    0     0       0          0\n");
	return 0;
}

static int show_route(struct seqbuf *s, const struct pseudo_node *n)
{
	size_t start = s->len;

	seq_puts(s, "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow"
		    "\tIRTT");
	seq_pad(s, start, 127);
	seq_puts(s, "\n");
	return 0;
}

/* A row that is shown for both versions; minor tells which. */
#define BOTH(n, six, fn)                                                                           \
	{                                                                                          \
		.name = n, .mode = S_IFREG | 0444, .minor = six, .show = fn                        \
	}

const struct pseudo_def proc_net_entries[] = {
	PROC_FILE("dev", 0444, show_dev),
	PROC_TEXT("if_inet6", 0444, "00000000000000000000000000000001 01 80 10 80       lo"),
	PROC_FILE("route", 0444, show_route),
	BOTH("tcp", 0, show_tcp),
	BOTH("tcp6", 1, show_tcp),
	BOTH("udp", 0, show_udp),
	BOTH("udp6", 1, show_udp),
	PROC_FILE("unix", 0444, show_unix),
	PROC_END,
};

static const struct pseudo_def core_entries[] = {
	PROC_TEXT("optmem_max", 0444, "131072"),
	PROC_TEXT("rmem_default", 0444, "212992"),
	PROC_TEXT("rmem_max", 0444, "4194304"),
	PROC_TEXT("somaxconn", 0444, "4096"),
	PROC_TEXT("wmem_default", 0444, "212992"),
	PROC_TEXT("wmem_max", 0444, "4194304"),
	PROC_END,
};

static const struct pseudo_def ipv4_entries[] = {
	PROC_TEXT("ip_default_ttl", 0444, "64"),
	PROC_TEXT("ip_forward", 0444, "0"),
	PROC_TEXT("ip_local_port_range", 0444, "32768\t60999"),
	PROC_TEXT("ip_unprivileged_port_start", 0444, "1024"),
	PROC_TEXT("tcp_congestion_control", 0444, "cubic"),
	PROC_TEXT("tcp_fin_timeout", 0444, "60"),
	PROC_TEXT("tcp_keepalive_intvl", 0444, "75"),
	PROC_TEXT("tcp_keepalive_probes", 0444, "9"),
	PROC_TEXT("tcp_keepalive_time", 0444, "7200"),
	PROC_TEXT("tcp_rmem", 0444, "4096\t131072\t6291456"),
	PROC_TEXT("tcp_wmem", 0444, "4096\t16384\t4194304"),
	PROC_END,
};

static const struct pseudo_def ipv6_entries[] = {
	PROC_TEXT("bindv6only", 0444, "0"),
	PROC_END,
};

static const struct pseudo_def unix_entries[] = {
	PROC_TEXT("max_dgram_qlen", 0444, "10"),
	PROC_END,
};

const struct pseudo_def proc_sys_net_entries[] = {
	PROC_DIR("core", 0555, .children = core_entries),
	PROC_DIR("ipv4", 0555, .children = ipv4_entries),
	PROC_DIR("ipv6", 0555, .children = ipv6_entries),
	PROC_DIR("unix", 0555, .children = unix_entries),
	PROC_END,
};
