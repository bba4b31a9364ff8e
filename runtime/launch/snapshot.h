/* SPDX-License-Identifier: Apache-2.0
 *
 * To go on from a snapshot: a configuration out of its file, with all that was granted opened
 * again.
 */
#ifndef LAUNCH_SNAPSHOT_H
#define LAUNCH_SNAPSHOT_H

#include "runtime/launch/launch.h"
#include "runtime/snapshot/file.h"

struct launch_restored {
	struct snapshot_file file;
	struct launch_config config; /* backend, caps and home are the caller's to fill in */
};

/* Reads and checks all of fd's file, which stays the caller's and open until the launch has begun.
 * 0, or -errno with what is to be said of the file in why. */
int launch_restore_open(struct launch_restored *r, int fd, char *why, size_t why_size);
/* Is this the host for it? config's backend, caps and home are there. As above. */
int launch_restore_fits(const struct launch_restored *r, char *why, size_t why_size);
void launch_restore_close(struct launch_restored *r);

#endif
