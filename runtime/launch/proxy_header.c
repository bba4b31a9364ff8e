/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/launch/proxy_header.h"

#define SIGNATURE     "\r\n\r\n\0\r\nQUIT\n"
#define COMMAND_LOCAL 0x20 /* and the version: 2 */
#define COMMAND_PROXY 0x21
#define TCP_OVER_IPV4 0x11
#define TCP_OVER_IPV6 0x21

struct end {
	int family; /* AF_INET or AF_INET6 */
	uint8_t ip[16];
	in_port_t port; /* as it goes over the wire */
};

/* ::ffff:127.0.0.1, as a socket for both has it, is 127.0.0.1. */
static bool read_end(struct end *e, const struct sockaddr_storage *at)
{
	const struct sockaddr_in *four = (const void *)at;
	const struct sockaddr_in6 *six = (const void *)at;
	bool mapped = at->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr);

	e->family = mapped ? AF_INET : at->ss_family;
	if (at->ss_family == AF_INET)
		memcpy(e->ip, &four->sin_addr, 4);
	else if (at->ss_family == AF_INET6)
		memcpy(e->ip, six->sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
	else
		return false;
	e->port = at->ss_family == AF_INET ? four->sin_port : six->sin6_port;
	return true;
}

static bool read_ends(struct end *from, struct end *to, int fd)
{
	struct sockaddr_storage a = {0}, b = {0};
	socklen_t na = sizeof a, nb = sizeof b;

	return !getpeername(fd, (struct sockaddr *)&a, &na) &&
	       !getsockname(fd, (struct sockaddr *)&b, &nb) && read_end(from, &a) &&
	       read_end(to, &b) && from->family == to->family;
}

static size_t put_text(char *out, const struct end *from, const struct end *to)
{
	char source[INET6_ADDRSTRLEN], target[INET6_ADDRSTRLEN];

	inet_ntop(from->family, from->ip, source, sizeof source);
	inet_ntop(to->family, to->ip, target, sizeof target);
	return (size_t)snprintf(out, PROXY_HEADER_MAX, "PROXY %s %s %s %u %u\r\n",
		from->family == AF_INET ? "TCP4" : "TCP6", source, target, ntohs(from->port),
		ntohs(to->port));
}

static void put(uint8_t *out, size_t *at, const void *bytes, size_t n)
{
	memcpy(out + *at, bytes, n);
	*at += n;
}

/* to NULL: no addresses. */
static size_t put_binary(uint8_t *out, const struct end *from, const struct end *to)
{
	size_t n = to && from->family == AF_INET ? 4 : 16, at = 0;
	uint8_t family = !to ? 0 : n == 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
	uint8_t command = to ? COMMAND_PROXY : COMMAND_LOCAL;
	uint16_t rest = htons(to ? (uint16_t)(2 * n + 4) : 0);

	put(out, &at, SIGNATURE, sizeof SIGNATURE - 1);
	put(out, &at, &command, 1);
	put(out, &at, &family, 1);
	put(out, &at, &rest, 2);
	if (!to)
		return at;
	put(out, &at, from->ip, n);
	put(out, &at, to->ip, n);
	put(out, &at, &from->port, 2);
	put(out, &at, &to->port, 2);
	return at;
}

size_t proxy_header(uint8_t out[PROXY_HEADER_MAX], uint32_t version, int connection)
{
	static const char unknown[] = "PROXY UNKNOWN\r\n";
	struct end from, to;
	bool known = read_ends(&from, &to, connection);

	if (version == 2)
		return put_binary(out, &from, known ? &to : NULL);
	if (known)
		return put_text((char *)out, &from, &to);
	memcpy(out, unknown, sizeof unknown - 1);
	return sizeof unknown - 1;
}
