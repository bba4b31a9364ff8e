/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory for work under way: a job's workspace, what a step of a build keeps. It is locked
 * while its maker lives, so the next maker of its kind takes away what one left that was killed.
 */
#ifndef IMAGES_SCRATCH_H
#define IMAGES_SCRATCH_H

#include <limits.h>

#include "images/error.h"

struct scratch {
	char path[PATH_MAX]; /* absolute; "": there is none */
	int fd;		     /* holds the lock (flock(2)) */
};

/* In $TMPDIR, or `place` if that is not set: "sandbox-KIND-" and six characters of mkdtemp(3), mode
 * 0700. Removes those of the same kind and user that nobody holds any more. */
int scratch_make(struct scratch *s, const char *kind, const char *place, struct image_error *e);
/* With all that strangers put into it: links are not followed, and depth is no matter. Nothing for
 * one that is not there. */
int scratch_remove(struct scratch *s, struct image_error *e);

#endif
