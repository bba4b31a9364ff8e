/* SPDX-License-Identifier: Apache-2.0
 * The state of the network: names, ports, what is in flight (kernel.net_state).
 */
#ifndef NET_STATE_H
#define NET_STATE_H

#include "core/types.h"

#define UNIX_BUCKETS 64u
#define PORT_BUCKETS 256u

struct net_state {
	struct list unix_sockets;	      /* open, by unix_sock.all_link */
	struct list unix_names[UNIX_BUCKETS]; /* abstract names, by unix_sock.name_link */
	u32 next_auto_name;
	struct list in_flight; /* unix_sock that are in queues, by unix_sock.flight_link */
	u32 files_in_flight, collect_at;
	struct list dying; /* struct rights whose files are to be closed */
	bool draining, collecting;
	struct list ports[2][PORT_BUCKETS]; /* by enum inet_proto: inet_sock.port_link */
	u64 ports_used[2][65536 / 64];
	u32 turn;	  /* whose it is among those that share a port */
	u8 denied_ip[16]; /* the last address that -v told of */
	u16 denied_port;
	struct list netlink; /* bound netlink sockets, by netlink_sock.link */
};
/* Made with the first socket; NULL: memory is out. Never NULL where there is a socket. */
struct net_state *net_state(void);

#endif
