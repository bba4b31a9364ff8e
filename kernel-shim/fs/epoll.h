/* SPDX-License-Identifier: Apache-2.0
 * Epoll instances.
 */
#ifndef FS_EPOLL_H
#define FS_EPOLL_H

#include "fs/vfs.h"

struct epoll;

struct epoll_user_event { /* struct epoll_event of x86-64 */
	u32 events;
	u64 data;
} __attribute__((packed));

struct file *epoll_make(u32 flags);	  /* or err_ptr */
struct epoll *file_epoll(struct file *f); /* NULL: f is none */
/* EPOLL_CTL_*; ev is NULL for DEL. */
long epoll_change(
	struct epoll *ep, u32 op, struct file *f, s32 fd, const struct epoll_user_event *ev);
/* How many events were written to the array at uevents; 0: the deadline passed; -EINTR. */
long epoll_collect(struct epoll *ep, u64 uevents, u32 max, u64 deadline);
/* f's last reference goes: nobody watches it any more (file_put calls this). */
void epoll_file_released(struct file *f);

#endif
