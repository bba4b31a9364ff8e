/* SPDX-License-Identifier: Apache-2.0
 * Between the files of socket calls.
 */
#ifndef SYS_SOCKET_H
#define SYS_SOCKET_H

#include "core/types.h"

struct file;
struct sock_addr;

/* The file of a socket, a reference; or err_ptr(-EBADF, -ENOTSOCK). */
struct file *sock_get(s32 fd);
/* fn of the socket that descriptor a[0] is. */
long sock_call(const u64 *a, long (*fn)(struct file *f, const u64 *a));
int sock_addr_get(struct sock_addr *a, u64 uaddr, s32 len);
/* ulen holds the program's room and gets the address's true length. */
int sock_addr_put(const struct sock_addr *a, u64 uaddr, u64 ulen);

#endif
