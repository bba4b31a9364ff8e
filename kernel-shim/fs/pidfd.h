/* SPDX-License-Identifier: Apache-2.0
 * Descriptors of processes (pidfd_open(2)).
 */
#ifndef FS_PIDFD_H
#define FS_PIDFD_H

#include "fs/vfs.h"

struct process;

/* A file for a process, which it is told before anybody else has it; or err_ptr(-ENOMEM). flags:
 * O_NONBLOCK or 0. */
struct file *pidfd_make(u32 flags);
void pidfd_bind(struct file *f, struct process *p);
/* The process of such a file, which may have been waited for; NULL: it is another kind of file. */
struct process *pidfd_process(struct file *f);

#endif
