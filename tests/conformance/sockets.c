/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets.h"

#include <arpa/inet.h>

void *const volatile nowhere = (void *)8;
void *const volatile in_kernel = (void *)-1;

void say_events(const char *label, int fd)
{
	static const struct {
		short bit;
		const char *name;
	} names[] = {{POLLIN, "IN"}, {POLLPRI, "PRI"}, {POLLOUT, "OUT"}, {POLLERR, "ERR"},
		{POLLHUP, "HUP"}, {POLLRDNORM, "RDNORM"}, {POLLWRNORM, "WRNORM"},
		{POLLWRBAND, "WRBAND"}, {POLLRDHUP, "RDHUP"}};
	struct pollfd p = {fd, (short)0x7fff, 0};
	char text[128] = "";

	poll(&p, 1, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!(p.revents & names[i].bit))
			continue;
		strcat(text, " ");
		strcat(text, names[i].name);
	}
	say("%s:%s", label, *text ? text : " nothing");
}

static void say_unix(const char *label, const struct sockaddr_un *a, socklen_t length)
{
	size_t n = length - offsetof(struct sockaddr_un, sun_path);

	if (length <= offsetof(struct sockaddr_un, sun_path))
		say("%s: unix, no name, length %u", label, length);
	else
		say_bytes(label, a->sun_path, n);
}

static void say_inet(const char *label, const char *host, int port, int known_port)
{
	if (port == known_port || !port)
		say("%s: %s port %s", label, host, port ? "the known one" : "0");
	else
		say("%s: %s port another", label, host);
}

void say_address(const char *label, const void *address, socklen_t length, int known_port)
{
	const struct sockaddr *a = address;
	const struct sockaddr_in *in = address;
	const struct sockaddr_in6 *in6 = address;
	char host[64] = "?";

	if (length < sizeof(sa_family_t)) {
		say("%s: length %u", label, length);
	} else if (a->sa_family == AF_UNIX) {
		say_unix(label, address, length);
	} else if (a->sa_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		say_inet(label, host, ntohs(in->sin_port), known_port);
	} else if (a->sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		say_inet(label, host, ntohs(in6->sin6_port), known_port);
	} else {
		say("%s: family %d, length %u", label, a->sa_family, length);
	}
}

void say_names(const char *label, int fd, int known_port)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);
	char text[64];

	snprintf(text, sizeof(text), "%s own name", label);
	if (getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		say("%s: %s", text, errno_name(errno));
	else
		say_address(text, &a, n, known_port);
	n = sizeof(a);
	snprintf(text, sizeof(text), "%s peer's name", label);
	if (getpeername(fd, (struct sockaddr *)&a, &n) < 0)
		say("%s: %s", text, errno_name(errno));
	else
		say_address(text, &a, n, known_port);
}

void say_option(const char *label, int fd, int level, int name)
{
	int value = -77;
	socklen_t n = sizeof(value);

	if (getsockopt(fd, level, name, &value, &n) < 0)
		say("%s: %s", label, errno_name(errno));
	else if (level == SOL_SOCKET && name == SO_ERROR)
		say("%s: %s", label, errno_name(value));
	else
		say("%s: %d, length %u", label, value, n);
}

void set_option(int fd, int level, int name, int value)
{
	MUST(setsockopt(fd, level, name, &value, sizeof(value)) == 0);
}

socklen_t unix_address(struct sockaddr_un *a, const char *path)
{
	size_t n = strlen(path);

	memset(a, 0, sizeof(*a));
	a->sun_family = AF_UNIX;
	memcpy(a->sun_path, path, n);
	if (*path == '@')
		a->sun_path[0] = 0;
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path != '@'));
}

int unix_bound(int type, const char *path)
{
	struct sockaddr_un a;
	socklen_t n = unix_address(&a, path);
	int fd = socket(AF_UNIX, type, 0);

	MUST(fd >= 0);
	MUST(bind(fd, (struct sockaddr *)&a, n) == 0);
	return fd;
}

int unix_connected(int type, const char *path)
{
	struct sockaddr_un a;
	socklen_t n = unix_address(&a, path);
	int fd = socket(AF_UNIX, type, 0);

	MUST(fd >= 0);
	MUST(connect(fd, (struct sockaddr *)&a, n) == 0);
	return fd;
}

int unix_listener(int type, const char *path, int backlog)
{
	int fd = unix_bound(type, path);

	MUST(listen(fd, backlog) == 0);
	return fd;
}

socklen_t inet_address(struct sockaddr_storage *a, const char *host, int port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)a;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)a;

	memset(a, 0, sizeof(*a));
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		return sizeof(*in);
	}
	MUST(inet_pton(AF_INET6, host, &in6->sin6_addr) == 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((uint16_t)port);
	return sizeof(*in6);
}

int inet_bound(int type, const char *host, int port)
{
	struct sockaddr_storage a;
	socklen_t n = inet_address(&a, host, port);
	int fd = socket(a.ss_family, type, 0);

	MUST(fd >= 0);
	MUST(bind(fd, (struct sockaddr *)&a, n) == 0);
	return fd;
}

int inet_port(int fd)
{
	struct sockaddr_storage a;
	socklen_t n = sizeof(a);

	MUST(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
	return ntohs(((struct sockaddr_in *)&a)->sin_port);
}

int inet_listener(const char *host, int backlog, int *port)
{
	int fd = inet_bound(SOCK_STREAM, host, 0);

	MUST(listen(fd, backlog) == 0);
	*port = inet_port(fd);
	return fd;
}

int inet_connected(int type, const char *host, int port)
{
	struct sockaddr_storage a;
	socklen_t n = inet_address(&a, host, port);
	int fd = socket(a.ss_family, type, 0);

	MUST(fd >= 0);
	MUST(connect(fd, (struct sockaddr *)&a, n) == 0);
	return fd;
}

void set_nonblocking(int fd)
{
	MUST(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) == 0);
}

long say_recv(const char *label, int fd, size_t size, int flags)
{
	char buffer[1024];
	ssize_t n = recv(fd, buffer, size < sizeof(buffer) ? size : sizeof(buffer), flags);

	if (n < 0)
		say("%s: %s", label, errno_name(errno));
	else if ((size_t)n > size)
		say("%s: %zd of %zu bytes", label, n, size);
	else
		say_bytes(label, buffer, (size_t)n);
	return n;
}

long send_text(int fd, const char *text, int flags)
{
	return send(fd, text, strlen(text), flags | MSG_NOSIGNAL);
}
