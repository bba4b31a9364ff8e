/* SPDX-License-Identifier: Apache-2.0
 * Options of TCP, UDP and IP that are numbers: one row each, in inet_option.c.
 */
#ifndef NET_INET_OPTION_H
#define NET_INET_OPTION_H

#include "core/types.h"

struct inet_sock;
struct socket;

/* Those that the code looks at; the rest are only remembered. */
enum inet_option {
	INET_V6ONLY,
	INET_PKTINFO,
	INET_RECVTTL,
	INET_RECVTOS,
	INET_TOS,
	INET_TTL,
	INET_RECVERR,
	INET_V6_RECVPKTINFO,
	INET_V6_RECVHOPLIMIT,
	INET_V6_RECVTCLASS,
	INET_V6_RECVERR,
	INET_NAMED, /* how many they are */
	INET_OPTIONS = 48,
};

void inet_options_init(struct inet_sock *i);
int inet_setopt(struct socket *s, s32 level, s32 name, u64 uval, u32 len);
int inet_getopt(struct socket *s, s32 level, s32 name, u64 uval, u64 ulen);

#endif
