/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets of the sandbox that accept connections, as /proc/net shows them.
 */
#ifndef RELAY_LISTENER_H
#define RELAY_LISTENER_H

#include <netinet/in.h>
#include <sys/un.h>

struct listener {
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
	} at; /* to connect to it */
};

enum listener_found {
	LISTENER_NONE,
	LISTENER_ONE,
	LISTENER_SEVERAL, /* and nobody said which */
};

#define LISTENER_SEEN_SIZE 256

/* The one at where: a port, "unix:" and a path ("unix:@" and a name that is no path), or "" for the
 * only port, or without any the only path. seen: all that there are, for messages. */
enum listener_found listener_find(
	const char *where, struct listener *out, char seen[LISTENER_SEEN_SIZE]);
/* A socket that is connected to it, or -errno. */
int listener_connect(const struct listener *l);

#endif
