/* SPDX-License-Identifier: Apache-2.0 */
/* What the programs about sockets share: how events, addresses and messages are shown. */
#ifndef CONFORMANCE_SOCKETS_H
#define CONFORMANCE_SOCKETS_H

#include "behave.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

/* An address where nothing is, and one that is the kernel's. */
extern void *const volatile nowhere;
extern void *const volatile in_kernel;

/* Everything that poll(2) reports of fd, now. */
void say_events(const char *label, int fd);
/* "unix path …", "inet 127.0.0.1:port": a port is shown only when it is `known`. */
void say_address(const char *label, const void *address, socklen_t length, int known_port);
void say_names(const char *label, int fd, int known_port); /* both ends */
/* An int option. */
void say_option(const char *label, int fd, int level, int name);
void set_option(int fd, int level, int name, int value);

/* A local address; its length is returned. A path that begins with '@' is an abstract name. */
socklen_t unix_address(struct sockaddr_un *a, const char *path);
int unix_bound(int type, const char *path); /* a socket with that name, or the end */
int unix_connected(int type, const char *path);
int unix_listener(int type, const char *path, int backlog);

/* An address of AF_INET or AF_INET6 from text. */
socklen_t inet_address(struct sockaddr_storage *a, const char *host, int port);
int inet_bound(int type, const char *host, int port);
int inet_port(int fd); /* of its own name */
int inet_listener(const char *host, int backlog, int *port);
int inet_connected(int type, const char *host, int port);

void set_nonblocking(int fd);
/* Receives at most size bytes and shows them; flags as recv. */
long say_recv(const char *label, int fd, size_t size, int flags);
long send_text(int fd, const char *text, int flags);

#endif
