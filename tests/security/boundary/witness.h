/* SPDX-License-Identifier: Apache-2.0
 * What the host's kernel knows of a process and a system call could have changed: ids, signal
 * masks, capabilities, mappings, descriptors, limits, children.
 */
#ifndef TEST_SECURITY_WITNESS_H
#define TEST_SECURITY_WITNESS_H

#include <sys/types.h>

struct witness {
	char text[65536];
};

pid_t witness_pid(int pidfd);
void witness_take(struct witness *w, pid_t pid);
/* The first line in which they differ, of b; NULL: none. */
const char *witness_difference(const struct witness *a, const struct witness *b);

#endif
