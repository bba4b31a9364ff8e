/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/cli/address.h"
#include "runtime/policy/policy.h"

/* What getaddrinfo(3) would take the lowest 16 bits of. 0: any that is free. */
static bool is_port(const char *text)
{
	uint32_t n;

	return !strcmp(text, "0") || (!policy_parse_count(text, &n) && n <= UINT16_MAX);
}

static bool find(struct address *a, const char *host, const char *port)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *found;

	if (getaddrinfo(host, port, &hints, &found))
		return false;
	memset(a, 0, sizeof *a);
	memcpy(&a->at, found->ai_addr, found->ai_addrlen);
	a->size = found->ai_addrlen;
	freeaddrinfo(found);
	return true;
}

bool address_numeric(struct address *a, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[64];
	size_t n;

	if (!colon || colon == text || !is_port(colon + 1))
		return false;
	n = (size_t)(colon - text);
	if (text[0] == '[' && colon[-1] == ']') {
		text++;
		n -= 2;
	} else if (memchr(text, ':', n)) {
		return false; /* which of them is the port's? */
	}
	snprintf(host, sizeof host, "%.*s", (int)n, text);
	return find(a, host, colon + 1);
}

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool address_any(struct address *a, const char *text)
{
	return *text == ':' && is_port(text + 1) &&
	       find(a, has_ipv6() ? "::" : "0.0.0.0", text + 1);
}

bool address_unix(struct address *a, const char *text)
{
	struct sockaddr_un *at = (struct sockaddr_un *)&a->at;
	size_t n;

	if (strncmp(text, "unix:", 5) || !text[5])
		return false;
	n = strlen(text + 5);
	if (n >= sizeof at->sun_path)
		return false;
	memset(a, 0, sizeof *a);
	at->sun_family = AF_UNIX;
	memcpy(at->sun_path, text + 5, n + 1);
	a->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return true;
}

static bool is_any(const struct address *a)
{
	const struct sockaddr_in6 *six = (const void *)&a->at;

	return a->at.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
}

int address_bind(const struct address *a)
{
	int fd = socket(a->at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, zero = 0, r;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (is_any(a)) /* those of IPv4 too, whatever the machine's default is */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (!bind(fd, (const struct sockaddr *)&a->at, a->size))
		return fd;
	r = -errno;
	close(fd);
	return r;
}

void address_of(struct address *a, int fd)
{
	memset(a, 0, sizeof *a);
	a->size = sizeof a->at;
	if (getsockname(fd, (struct sockaddr *)&a->at, &a->size))
		a->size = 0;
}

/* ::ffff:127.0.0.1, as a socket for both has it, is 127.0.0.1. */
static struct address plain(const struct address *a)
{
	const struct sockaddr_in6 *six = (const void *)&a->at;
	struct sockaddr_in four = {.sin_family = AF_INET};
	struct address out = {.size = sizeof four};

	if (a->at.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		return *a;
	four.sin_port = six->sin6_port;
	memcpy(&four.sin_addr, six->sin6_addr.s6_addr + 12, 4);
	memcpy(&out.at, &four, sizeof four);
	return out;
}

void address_text(char out[ADDRESS_TEXT_SIZE], const struct address *a)
{
	const struct sockaddr_un *path = (const void *)&a->at;
	struct address p = plain(a);
	char host[64] = "?", port[8] = "?";
	bool six;

	if (a->at.ss_family == AF_UNIX) {
		snprintf(out, ADDRESS_TEXT_SIZE, "unix:%.*s", (int)sizeof path->sun_path,
			path->sun_path);
		return;
	}
	getnameinfo((struct sockaddr *)&p.at, p.size, host, sizeof host, port, sizeof port,
		NI_NUMERICHOST | NI_NUMERICSERV);
	six = strchr(host, ':');
	snprintf(out, ADDRESS_TEXT_SIZE, "%s%s%s:%s", six ? "[" : "", host, six ? "]" : "", port);
}
