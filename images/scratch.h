/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory for work under way: a job's workspace, what a step of a build keeps. It is locked
 * while its maker lives, so that the next one of its kind, or gc, can take away what one left that
 * was killed.
 */
#ifndef IMAGES_SCRATCH_H
#define IMAGES_SCRATCH_H

#include <limits.h>

#include "images/error.h"

struct scratch {
	char path[PATH_MAX]; /* absolute; "": there is none */
	int fd;		     /* holds the lock (flock(2)) */
};

/* "sandbox-NAME-" and six characters of mkdtemp(3), in $TMPDIR, or `place` if that is not set. */
struct scratch_kind {
	const char *name, *place;
};
extern const struct scratch_kind scratch_job, scratch_build;

/* Removes those of this kind and user that nobody holds any more, as far as it can. */
void scratch_sweep(const struct scratch_kind *kind);
/* Mode 0700. */
int scratch_make(struct scratch *s, const struct scratch_kind *kind, struct image_error *e);
/* With all that strangers put into it: links are not followed, and depth is no matter. Nothing for
 * one that is not there. */
int scratch_remove(struct scratch *s, struct image_error *e);

#endif
