/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sdk/examples/server/listen.h"

#define BACKLOG 128

void listen_parse(struct listen_address *at, struct argp_state *state, const char *arg)
{
	const char *colon = strrchr(arg, ':');
	size_t n = colon ? (size_t)(colon - arg) : 0;

	if (!n || !colon[1] || n >= sizeof at->host || strlen(colon + 1) >= sizeof at->port)
		argp_error(state, "--listen %s: want ADDRESS:PORT", arg);
	if (*arg == '[' && arg[n - 1] == ']') { /* [::1]:80 */
		arg++;
		n -= 2;
	}
	snprintf(at->host, sizeof at->host, "%.*s", (int)n, arg);
	snprintf(at->port, sizeof at->port, "%s", colon + 1);
}

int listen_at(const char *program, const struct listen_address *at)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	const int on = 1;
	int fd, err = getaddrinfo(at->host, at->port, &hints, &list);

	if (err) {
		fprintf(stderr, "%s: %s:%s: %s\n", program, at->host, at->port, gai_strerror(err));
		return -1;
	}
	fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
		bind(fd, list->ai_addr, list->ai_addrlen) || listen(fd, BACKLOG)) {
		fprintf(stderr, "%s: cannot listen at %s:%s: %s\n", program, at->host, at->port,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(list);
	return fd;
}

void listen_say_where(int fd)
{
	struct sockaddr_storage at;
	socklen_t n = sizeof at;
	char host[256], port[16];

	if (getsockname(fd, (struct sockaddr *)&at, &n) ||
		getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	printf(at.ss_family == AF_INET6 ? "http://[%s]:%s/\n" : "http://%s:%s/\n", host, port);
	fflush(stdout);
}
