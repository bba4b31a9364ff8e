/* SPDX-License-Identifier: Apache-2.0
 * The one network interface, lo: what ioctl (netdevice(7)) and netlink (rtnetlink(7)) say of it.
 */
#ifndef NET_NETDEV_H
#define NET_NETDEV_H

#include "core/types.h"

struct seqbuf;

#define LO_INDEX  1
#define LO_NAME	  "lo"
#define LO_FLAGS  0x10049u /* UP, LOOPBACK, RUNNING, LOWER_UP */
#define LO_MTU	  65536u
#define LO_TXQLEN 1000u
#define LO_TYPE	  772u /* ARPHRD_LOOPBACK */

/* -ENOTTY: none of these. */
long netdev_ioctl(u32 cmd, u64 arg);

/* Answers the requests in data[n] with the messages that go to out, for the socket `portid`. */
void rtnetlink_request(const u8 *data, u32 n, u32 portid, struct seqbuf *out);

#endif
