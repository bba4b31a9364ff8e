/* SPDX-License-Identifier: Apache-2.0
 *
 * The PROXY protocol, with which a proxy tells a server whose connection it passes on
 * (haproxy.org/download/2.9/doc/proxy-protocol.txt).
 */
#ifndef LAUNCH_PROXY_HEADER_H
#define LAUNCH_PROXY_HEADER_H

#include <stddef.h>
#include <stdint.h>

#define PROXY_HEADER_MAX 108 /* of version 1; one of version 2 with IPv6 has 52 */

/* Of version 1 or 2, of the connection that is a descriptor: unknown unless that is one of TCP. Its
 * size. */
size_t proxy_header(uint8_t out[PROXY_HEADER_MAX], uint32_t version, int connection);

#endif
