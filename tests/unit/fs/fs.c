/* SPDX-License-Identifier: Apache-2.0
 * See fs.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fs.h"

#define P1	 (U_BASE + 0x1000)
#define P2	 (U_BASE + 0x3000)
#define STAT	 (U_BASE + 0x5000)
#define DATA	 (U_BASE + 0x6000)
#define DATA_MAX 0x8000u

static u64 text_at(u64 va, const char *s)
{
	u_write(va, s, strlen(s) + 1);
	return va;
}

long f_path(u64 nr, const char *path, u64 b, u64 c)
{
	return u_syscall(nr, text_at(P1, path), b, c);
}

long f_at(u64 nr, s64 dfd, const char *path, u64 c, u64 d)
{
	return u_syscall(nr, dfd, text_at(P1, path), c, d);
}

long f_two(u64 nr, const char *first, const char *second)
{
	return u_syscall(nr, text_at(P1, first), text_at(P2, second));
}

long f_rename2(const char *from, const char *to, u32 flags)
{
	return u_syscall(
		__NR_renameat2, AT_FDCWD, text_at(P1, from), AT_FDCWD, text_at(P2, to), flags);
}

long f_open(const char *path, int flags, int mode)
{
	return f_path(__NR_open, path, (u64)flags, (u64)mode);
}

long f_close(long fd)
{
	return u_syscall(__NR_close, fd);
}

long f_write(long fd, const char *text)
{
	return u_syscall(__NR_write, fd, text_at(DATA, text), strlen(text));
}

long f_pwrite(long fd, const char *text, s64 pos)
{
	return u_syscall(__NR_pwrite64, fd, text_at(DATA, text), strlen(text), pos);
}

long f_read(long fd, char *text, size_t n)
{
	long r;

	u_check(n - 1 <= DATA_MAX);
	r = u_syscall(__NR_read, fd, DATA, n - 1);
	text[0] = 0;
	if (r > 0) {
		u_read(text, DATA, (size_t)r);
		text[r] = 0;
	}
	return r;
}

long f_mkdir(const char *path)
{
	return f_path(__NR_mkdir, path, 0755, 0);
}

long f_unlink(const char *path)
{
	return f_path(__NR_unlink, path, 0, 0);
}

long f_rmdir(const char *path)
{
	return f_path(__NR_rmdir, path, 0, 0);
}

void f_put(const char *path, const char *text)
{
	long fd = f_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	if (fd < 0)
		u_fail(__FILE__, __LINE__, "open %s for writing gave %ld", path, fd);
	u_expect(f_write(fd, text), strlen(text));
	f_close(fd);
}

void f_holds_(const char *file, int line, const char *path, const char *text)
{
	char got[256];
	long fd = f_open(path, O_RDONLY, 0);

	if (fd < 0)
		u_fail(file, line, "open %s gave %ld", path, fd);
	if (f_read(fd, got, sizeof(got)) < 0 || strcmp(got, text))
		u_fail(file, line, "%s holds \"%s\", not \"%s\"", path, got, text);
	f_close(fd);
}

static long stat_by(u64 nr, u64 what, struct stat *st)
{
	long r = u_syscall(nr, what, STAT);

	if (!r)
		u_read(st, STAT, sizeof(*st));
	return r;
}

long f_stat(const char *path, struct stat *st)
{
	return stat_by(__NR_stat, text_at(P1, path), st);
}

long f_lstat(const char *path, struct stat *st)
{
	return stat_by(__NR_lstat, text_at(P1, path), st);
}

long f_fstat(long fd, struct stat *st)
{
	return stat_by(__NR_fstat, (u64)fd, st);
}

long f_list(long fd, char *names, size_t n)
{
	char buf[512];
	long count = 0, r;

	*names = 0;
	while ((r = u_syscall(__NR_getdents64, fd, DATA, sizeof(buf))) > 0) {
		u_read(buf, DATA, (size_t)r);
		for (long at = 0; at < r; at += *(u16 *)(buf + at + 16), count++) {
			const char *name = buf + at + 19;

			u_check(strlen(names) + strlen(name) + 2 < n);
			strcat(strcat(names, name), " ");
		}
	}
	u_expect(r, 0);
	return count;
}
