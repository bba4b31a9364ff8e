/* SPDX-License-Identifier: Apache-2.0
 *
 * --upper of `sandbox run`: a directory of archives N.tar, one of each sandbox that ended (empty:
 * one that never began), and `flat.erofs`: the image with all of them on it, made by `sandbox image
 * stack`.
 */
#ifndef RUN_UPPER_H
#define RUN_UPPER_H

#include "runtime/cli/run_options.h"

/* Makes DIR if need be. *keep_fd: the next archive, open for writing; *flat_fd: what to run instead
 * of the image, or -1 if there is no archive yet. 0, or the exit code: said. */
int run_upper_open(const struct run_options *o, int *keep_fd, int *flat_fd);

#endif
