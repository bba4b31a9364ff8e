/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths that may not lead out of a directory, nor through a symbolic link (openat2(2)).
 */
#ifndef IMAGES_BENEATH_H
#define IMAGES_BENEATH_H

#include "images/error.h"

/* path "" is the directory itself. A descriptor; -ELOOP: a link on the way or at the end; -EXDEV:
 * out of it. */
int beneath_open(int dirfd, const char *path, int flags);
const char *beneath_why(int err); /* a word on those, or strerror's */

#endif
