/* SPDX-License-Identifier: Apache-2.0
 * Where the families make their sockets: type without flags, protocol as given. One reference in
 * *out, or -errno.
 */
#ifndef NET_FAMILIES_H
#define NET_FAMILIES_H

#include "core/types.h"

struct socket;

int unix_create(s32 type, s32 protocol, struct socket **out);
int inet_create(s32 type, s32 protocol, struct socket **out);
int inet6_create(s32 type, s32 protocol, struct socket **out);
int netlink_create(s32 type, s32 protocol, struct socket **out);

#endif
