/* SPDX-License-Identifier: Apache-2.0
 * What programs and sockets exchange: numbers that the kernel's uapi headers leave to libc, and
 * structures in x86-64 layout.
 */
#ifndef NET_UAPI_H
#define NET_UAPI_H

#include <asm/socket.h>
#include <linux/fcntl.h>

#include "core/types.h"

#define AF_UNSPEC  0
#define AF_UNIX	   1
#define AF_INET	   2
#define AF_INET6   10
#define AF_NETLINK 16
#define AF_MAX	   46

#define SOCK_STREAM    1
#define SOCK_DGRAM     2
#define SOCK_RAW       3
#define SOCK_SEQPACKET 5
#define SOCK_MAX       11
#define SOCK_TYPE_MASK 15u
#define SOCK_CLOEXEC   ((u32)O_CLOEXEC)
#define SOCK_NONBLOCK  ((u32)O_NONBLOCK)

#define MSG_OOB		 0x1u
#define MSG_PEEK	 0x2u
#define MSG_CTRUNC	 0x8u
#define MSG_TRUNC	 0x20u
#define MSG_DONTWAIT	 0x40u
#define MSG_EOR		 0x80u
#define MSG_WAITALL	 0x100u
#define MSG_ERRQUEUE	 0x2000u
#define MSG_NOSIGNAL	 0x4000u
#define MSG_WAITFORONE	 0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define MSG_CMSG_COMPAT	 0x80000000u

#define SCM_RIGHTS	1
#define SCM_CREDENTIALS 2
#define SCM_MAX_FD	253u

struct user_ucred {
	s32 pid;
	u32 uid, gid;
};
struct user_linger {
	s32 onoff, seconds;
};
struct user_cmsghdr {
	u64 len; /* with this header */
	s32 level, type;
};
struct user_msghdr {
	u64 name;
	s32 namelen;
	u32 pad;
	u64 iov, iovlen;
	u64 control, controllen;
	u32 flags;
	u32 pad2;
};
_Static_assert(sizeof(struct user_msghdr) == 56, "struct msghdr");
struct user_mmsghdr {
	struct user_msghdr hdr;
	u32 len;
	u32 pad;
};
_Static_assert(sizeof(struct user_mmsghdr) == 64, "struct mmsghdr");

#define CMSG_ALIGN(n) (((n) + 7) & ~7ull)
#define CMSG_LEN(n)   (sizeof(struct user_cmsghdr) + (n))
#define CMSG_SPACE(n) (sizeof(struct user_cmsghdr) + CMSG_ALIGN(n))

#endif
