/* SPDX-License-Identifier: Apache-2.0
 * For the tests of sockets: the core's harness, and socket calls with C buffers.
 */
#ifndef TESTS_NET_H
#define TESTS_NET_H

#include <string.h>

#include "net/uapi.h"
#include "tests/unit/core/harness.h"

/* User addresses that the helpers leave alone; their own buffers lie above. */
#define A	U_BASE
#define B	(U_BASE + 0x1000)
#define NET_BUF (U_BASE + 0x20000)
#define NET_MAX 0x40000u

void n_pair(int type, long fd[2]);
long n_socket(int family, int type);
/* A path, or "@name". */
long n_unix(u64 nr, long fd, const char *path);
/* 127.0.0.1 or another address of version 4, most significant byte first. */
long n_inet(u64 nr, long fd, u32 ip, u16 port);
u16 n_port(long fd);
#define LOOPBACK 0x7f000001u
/* A listener on loopback, and a connection to it: fd[0] connected, fd[1] accepted. */
long n_listen(u32 backlog);
void n_connected(long listener, long fd[2]);
long n_send(long fd, const void *data, size_t n, u32 flags);
long n_recv(long fd, void *data, size_t n, u32 flags);
long n_close(long fd);
/* One message with these descriptors along. */
long n_send_fds(long fd, const char *text, const int *fds, u32 n);
/* One message; up to max descriptors that came along. *n: how many did. */
long n_recv_fds(long fd, char *text, size_t size, int *fds, u32 max, u32 *n);
void n_setopt(long fd, int name, u32 value);
u32 n_poll(long fd); /* every event, now */

/* Runs fn with the first allocation failing, then the second, and so on until it needs no more.
 * fn has to close what it opens; nothing may be left of it in the heap or in pages. */
void n_without_memory(u_fn fn);

#endif
