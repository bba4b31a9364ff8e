/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sdk/examples/listen/listen.h"

#define BACKLOG 128

int listen_at(const char *program, const char *host, const char *port)
{
	const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *list;
	const int on = 1;
	int fd, err = getaddrinfo(host, port, &hints, &list);

	if (err) {
		fprintf(stderr, "%s: %s:%s: %s\n", program, host, port, gai_strerror(err));
		return -1;
	}
	fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
		bind(fd, list->ai_addr, list->ai_addrlen) || listen(fd, BACKLOG)) {
		fprintf(stderr, "%s: cannot listen at %s:%s: %s\n", program, host, port,
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
