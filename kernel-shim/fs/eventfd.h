/* SPDX-License-Identifier: Apache-2.0
 * Event, timer and signal descriptors. Each maker returns a file or err_ptr.
 */
#ifndef FS_EVENTFD_H
#define FS_EVENTFD_H

#include "fs/vfs.h"

struct itimer_value;

struct file *eventfd_make(u64 count, bool semaphore, u32 flags);

struct file *timerfd_make(s32 clock, u32 flags);
bool file_is_timerfd(struct file *f);
void timerfd_get(struct file *f, struct itimer_value *v);
/* left_ns is a time on the clock if `absolute`. *old as timerfd_get gives it. */
void timerfd_set(
	struct file *f, bool absolute, const struct itimer_value *v, struct itimer_value *old);

struct file *signalfd_make(u64 mask, u32 flags);
bool file_is_signalfd(struct file *f);
void signalfd_set_mask(struct file *f, u64 mask);

#endif
