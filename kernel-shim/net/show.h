/* SPDX-License-Identifier: Apache-2.0
 * Sockets as /proc/net shows them, byte for byte as Linux does.
 */
#ifndef NET_SHOW_H
#define NET_SHOW_H

#include "core/types.h"

struct seqbuf;

void net_show_unix(struct seqbuf *s);
void net_show_tcp(struct seqbuf *s, u16 family);
void net_show_udp(struct seqbuf *s, u16 family);

#endif
