/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the page goes. The program that is profiled may be able to write there too: what it puts in
 * the way is replaced, never opened or followed, and what was there stays until the page is whole.
 */
#ifndef PROFILE_OUTPUT_H
#define PROFILE_OUTPUT_H

#include <stddef.h>

struct output {
	const char *path, *name; /* name: the last part of path */
	int dir;		 /* where a file of that name is made; or -1 */
	int fd;			 /* what is no file (a pipe, a terminal), written as it is; or -1 */
};

/* Before anything runs. 0, or -errno; -ELOOP: it is a symbolic link. */
int output_begin(struct output *o, const char *path);
/* 0, or -errno: then all is as it was. */
int output_put(const struct output *o, const char *bytes, size_t n);
void output_end(struct output *o);

#endif
