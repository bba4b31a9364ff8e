/* SPDX-License-Identifier: Apache-2.0
 * Waiting for several files at once.
 */
#ifndef FS_POLL_H
#define FS_POLL_H

#include "fs/vfs.h"

#define POLL_ALWAYS (POLL_ERR | POLL_HUP) /* reported though nobody asked */

struct poll_slot {
	struct file *f; /* NULL: ignored */
	u32 events;	/* wanted, POLL_ALWAYS included */
	u32 revents;
	struct wait_entry wait;
};

/* Events of a file; one without a poll operation is always ready. q as in file_ops.poll. */
u32 file_poll(struct file *f, struct waitq **q);
/* Waits until a file has an event that its slot wants; fills in revents. How many have; 0: the
 * deadline (CLOCK_MONOTONIC ns) passed; -EINTR. */
long poll_slots(struct poll_slot *slots, u32 n, u64 deadline);

#endif
