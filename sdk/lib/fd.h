/* SPDX-License-Identifier: Apache-2.0
 *
 * Descriptors that are owned: -1 is none. All are close-on-exec, and above 2, so that none is taken
 * for a standard stream.
 */
#ifndef SDK_FD_H
#define SDK_FD_H

#include <stdbool.h>

/* Takes fd over, or -1 (then errno says why). Returns it, a duplicate above 2 in its place, or -1
 * with errno. */
int fd_high(int fd);
void fd_close(int *fd);
/* Both ends; the one named nonblocking is so. 0 or -1 with errno. */
int fd_pipe(int ends[2], int nonblocking);

#endif
