/* SPDX-License-Identifier: Apache-2.0
 * For the tests of pipes, polling, /dev and /proc: the core's harness, and system calls with C
 * buffers.
 */
#ifndef TESTS_IO_H
#define TESTS_IO_H

#include "tests/unit/core/harness.h"

/* User addresses that the helpers leave alone; their own buffer lies above. */
#define A      U_BASE
#define B      (U_BASE + 0x1000)
#define IO_BUF (U_BASE + 0x20000)
#define IO_MAX 0x20000u

long io_write(long fd, const void *data, size_t n);
long io_read(long fd, void *data, size_t n);
/* A whole file as a string; at most n - 1 bytes. Its length or -errno. */
long io_slurp(const char *path, char *text, size_t n);
long io_open(const char *path, int flags);
void io_pipe(int fd[2], int flags);

#endif
