/* SPDX-License-Identifier: Apache-2.0
 * Netlink sockets, for others that send through them.
 */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include "core/types.h"

struct socket;

/* A datagram from the kernel to a netlink socket; lost if that is closed or memory is out. */
void netlink_deliver(struct socket *s, const void *data, u32 len);

#endif
