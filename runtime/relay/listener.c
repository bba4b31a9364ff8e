/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/relay/listener.h"

#define FOUND_MAX  32u
#define NAME_SIZE  128u
#define TCP_LISTEN 0x0au
#define ACCEPTS	   0x10000u /* __SO_ACCEPTCON */

struct found {
	struct listener list[FOUND_MAX];
	unsigned n;
};

static struct listener *add(struct found *f, sa_family_t family, socklen_t size)
{
	struct listener *l = f->n < FOUND_MAX ? &f->list[f->n++] : &f->list[FOUND_MAX - 1];

	memset(l, 0, sizeof *l);
	l->at.any.sa_family = family;
	l->size = size;
	return l;
}

/* -- rows: words of an address are printed as they lie in memory, a port as a number -- */

static void read_tcp4(struct found *f, const char *row)
{
	unsigned ip, port, state;
	struct listener *l;

	if (sscanf(row, " %*u: %8x:%4x %*x:%*x %x", &ip, &port, &state) != 3 || state != TCP_LISTEN)
		return;
	l = add(f, AF_INET, sizeof l->at.v4);
	l->at.v4.sin_port = htons((uint16_t)port);
	l->at.v4.sin_addr.s_addr = ip ? ip : htonl(INADDR_LOOPBACK);
}

static void read_tcp6(struct found *f, const char *row)
{
	unsigned w[4], port, state;
	struct listener *l;

	if (sscanf(row, " %*u: %8x%8x%8x%8x:%4x %*[0-9A-F]:%*x %x", &w[0], &w[1], &w[2], &w[3],
		    &port, &state) != 6 ||
		state != TCP_LISTEN)
		return;
	l = add(f, AF_INET6, sizeof l->at.v6);
	l->at.v6.sin6_port = htons((uint16_t)port);
	memcpy(&l->at.v6.sin6_addr, w, sizeof w);
	if (IN6_IS_ADDR_UNSPECIFIED(&l->at.v6.sin6_addr))
		l->at.v6.sin6_addr = in6addr_loopback;
}

static void read_local(struct found *f, const char *row)
{
	unsigned flags, type;
	struct listener *l;
	int at = 0;
	size_t n;

	if (sscanf(row, "%*x: %*x %*x %x %x %*x %*u %n", &flags, &type, &at) != 2 || !at ||
		flags != ACCEPTS || type != SOCK_STREAM)
		return;
	n = strcspn(row + at, "\n");
	l = add(f, AF_UNIX, 0);
	n = n < sizeof l->at.local.sun_path ? n : sizeof l->at.local.sun_path;
	memcpy(l->at.local.sun_path, row + at, n);
	l->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (*l->at.local.sun_path == '@')
		*l->at.local.sun_path = 0;
}

static void read_rows(
	struct found *f, const char *table, void (*read_row)(struct found *f, const char *row))
{
	FILE *file = fopen(table, "re");
	char *row = NULL;
	size_t room = 0;

	while (file && getline(&row, &room, file) > 0)
		read_row(f, row);
	free(row);
	if (file)
		fclose(file);
}

/* -- names -- */

/* As --accept would have it. */
static void name_of(char out[NAME_SIZE], const struct listener *l)
{
	const char *path = l->at.local.sun_path;
	int n = (int)(l->size - offsetof(struct sockaddr_un, sun_path));

	if (l->at.any.sa_family != AF_UNIX) /* the port is at the same place in both */
		snprintf(out, NAME_SIZE, "%u", ntohs(l->at.v4.sin_port));
	else
		snprintf(out, NAME_SIZE, "unix:%s%.*s", *path ? "" : "@", *path ? n : n - 1,
			*path ? path : path + 1);
}

static void append(char seen[LISTENER_SEEN_SIZE], const char *name)
{
	size_t n = strlen(seen);

	snprintf(seen + n, LISTENER_SEEN_SIZE - n, "%s%s", n ? ", " : "", name);
}

/* -- which one -- */

static bool is_wanted(const char *where, const struct listener *l, const char *name, bool any_port)
{
	return *where ? !strcmp(where, name) : any_port == (l->at.any.sa_family != AF_UNIX);
}

/* A port that IPv4 and IPv6 both have, or several processes, is one. */
static enum listener_found choose(const struct found *f, const char *where, bool any_port,
	struct listener *out, char seen[LISTENER_SEEN_SIZE])
{
	char first[NAME_SIZE] = "", last[NAME_SIZE] = "", name[NAME_SIZE];
	enum listener_found r = LISTENER_NONE;

	*seen = 0;
	for (unsigned i = 0; i < f->n; i++) {
		name_of(name, &f->list[i]);
		if (strcmp(name, last))
			append(seen, name);
		strcpy(last, name);
		if (!is_wanted(where, &f->list[i], name, any_port))
			continue;
		if (r == LISTENER_NONE) {
			r = LISTENER_ONE;
			*out = f->list[i];
			strcpy(first, name);
		} else if (strcmp(name, first)) {
			r = LISTENER_SEVERAL;
		}
	}
	return r;
}

enum listener_found listener_find(
	const char *where, struct listener *out, char seen[LISTENER_SEEN_SIZE])
{
	struct found f = {.n = 0};
	unsigned ports;

	read_rows(&f, "/proc/net/tcp", read_tcp4);
	read_rows(&f, "/proc/net/tcp6", read_tcp6);
	ports = f.n;
	read_rows(&f, "/proc/net/unix", read_local);
	return choose(&f, where, ports, out, seen);
}

int listener_connect(const struct listener *l)
{
	int fd = socket(l->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (!connect(fd, &l->at.any, l->size))
		return fd;
	close(fd);
	return -errno;
}
