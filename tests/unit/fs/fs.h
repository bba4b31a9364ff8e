/* SPDX-License-Identifier: Apache-2.0
 * For the tests of files and names: the core's harness, and system calls with C strings.
 */
#ifndef TESTS_FS_H
#define TESTS_FS_H

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/core/harness.h"

#define BUF (U_BASE + 0x10000) /* scratch for the tests; the helpers use what is below */

/* A call whose first, or second, argument is a path; or two paths. */
long f_path(u64 nr, const char *path, u64 b, u64 c);
long f_at(u64 nr, s64 dfd, const char *path, u64 c, u64 d);
long f_two(u64 nr, const char *first, const char *second);
long f_rename2(const char *from, const char *to, u32 flags);

long f_open(const char *path, int flags, int mode);
long f_close(long fd);
long f_write(long fd, const char *text);
long f_pwrite(long fd, const char *text, s64 pos);
long f_read(long fd, char *text, size_t n); /* ends it with NUL */
long f_mkdir(const char *path);
long f_unlink(const char *path);
long f_rmdir(const char *path);
void f_put(const char *path, const char *text); /* a new or emptied file */
#define f_holds(path, text) f_holds_(__FILE__, __LINE__, path, text)
void f_holds_(const char *file, int line, const char *path, const char *text);
long f_stat(const char *path, struct stat *st);
long f_lstat(const char *path, struct stat *st);
long f_fstat(long fd, struct stat *st);
/* Names in the order of getdents64, each followed by a space; how many. */
long f_list(long fd, char *names, size_t n);

/* The channel's service on a temporary directory with rw/ and ro/. */
extern const struct harness_host fs_host;
extern int fs_host_rw; /* descriptor of rw/, for looking behind the sandbox's back */
extern u64 fs_host_calls[CHAN_OP_COUNT];

#endif
