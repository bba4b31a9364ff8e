/* SPDX-License-Identifier: Apache-2.0
 * The walk: links, "..", mounts, limits, and which error says what.
 */
#include <stdio.h>
#include <linux/openat2.h>

#include "fs.h"

static struct stat st;

static void walk_errors(void *arg)
{
	char name[300], path[5000];

	f_put("/f", "x");
	f_mkdir("/d");
	u_expect(f_stat("", &st), -ENOENT);
	u_expect(f_stat("/none", &st), -ENOENT);
	u_expect(f_stat("/none/x", &st), -ENOENT);
	u_expect(f_stat("/f/x", &st), -ENOTDIR);
	u_expect(f_stat("/f/", &st), -ENOTDIR);
	u_expect(f_stat("/f/..", &st), -ENOTDIR);
	u_expect(f_stat("/d/", &st), 0);
	u_expect(f_stat("/d/.", &st), 0);
	u_expect(f_stat("//d//..//f", &st), 0);
	u_expect(f_stat("/../../f", &st), 0);
	memset(name, 'n', sizeof(name));
	name[0] = '/';
	name[256] = 0;
	u_expect(f_stat(name, &st), -ENOENT);
	name[256] = 'n';
	name[257] = 0;
	u_expect(f_stat(name, &st), -ENAMETOOLONG);
	memset(path, '/', sizeof(path));
	path[4096] = 0;
	u_expect(f_stat(path, &st), -ENAMETOOLONG);
	path[4095] = 0;
	u_expect(f_stat(path, &st), 0);
}

static void links(void *arg)
{
	char from[16], to[16];

	f_mkdir("/d");
	f_put("/d/f", "inside");
	u_expect(f_two(__NR_symlink, "d", "/l"), 0);
	u_expect(f_two(__NR_symlink, "f", "/d/self"), 0);
	u_expect(f_two(__NR_symlink, "/d/f", "/abs"), 0);
	u_expect(f_two(__NR_symlink, "d/", "/slash"), 0);
	u_expect(f_two(__NR_symlink, "abs/", "/wrong"), 0);
	f_holds("/l/f", "inside");
	f_holds("/l/self", "inside");
	f_holds("/abs", "inside");
	u_expect(f_lstat("/l", &st), 0);
	u_check(S_ISLNK(st.st_mode) && st.st_size == 1);
	u_expect(f_lstat("/l/", &st), 0);
	u_check(S_ISDIR(st.st_mode));
	u_expect(f_stat("/slash", &st), 0);
	u_expect(f_stat("/wrong", &st), -ENOTDIR);
	u_expect(f_stat("/l/../abs", &st), 0); /* ".." of where the link led */
	/* 40 links are followed, not 41 */
	for (int i = 0; i < 41; i++) {
		snprintf(to, sizeof(to), i ? "/c%d" : "/abs", i - 1);
		snprintf(from, sizeof(from), "/c%d", i);
		u_expect(f_two(__NR_symlink, i ? to : "/d/f", from), 0);
	}
	u_expect(f_stat("/c39", &st), 0);
	u_expect(f_stat("/c40", &st), -ELOOP);
	u_expect(f_two(__NR_symlink, "/loop", "/loop"), 0);
	u_expect(f_stat("/loop", &st), -ELOOP);
	u_expect(f_open("/loop", O_RDONLY | O_NOFOLLOW, 0), -ELOOP);
	u_expect(f_two(__NR_symlink, "", "/empty"), -ENOENT);
}

static void cwd_is(const char *want)
{
	char got[64];
	long n = u_syscall(__NR_getcwd, BUF, sizeof(got));

	u_check(n > 0);
	u_read(got, BUF, (size_t)n);
	if (strcmp(got, want))
		u_fail(__FILE__, __LINE__, "getcwd says %s, not %s", got, want);
}

static void working_directory(void *arg)
{
	cwd_is("/");
	f_mkdir("/a");
	f_mkdir("/a/b");
	u_expect(f_path(__NR_chdir, "a/b", 0, 0), 0);
	cwd_is("/a/b");
	u_expect(f_two(__NR_rename, "/a", "/z"), 0);
	cwd_is("/z/b");
	u_expect(f_rmdir("/z/b"), 0);
	u_expect(u_syscall(__NR_getcwd, BUF, 64), -ENOENT);
	u_expect(f_open("new", O_CREAT | O_WRONLY, 0644), -ENOENT);
	u_expect(f_mkdir("new"), -ENOENT);
	u_expect(f_stat(".", &st), 0);
	u_expect(f_path(__NR_chdir, "..", 0, 0), 0);
	cwd_is("/z");
	u_expect(u_syscall(__NR_getcwd, BUF, 2), -ERANGE);
	f_put("/file", "");
	u_expect(f_path(__NR_chdir, "/file", 0, 0), -ENOTDIR);
}

static void mounts(void *arg)
{
	struct stat root;

	u_expect(f_stat("/", &root), 0);
	u_expect(f_stat("/proc", &st), 0);
	u_check(st.st_dev != root.st_dev);
	u_expect(f_stat("/proc/..", &st), 0);
	u_check(st.st_dev == root.st_dev && st.st_ino == root.st_ino);
	u_expect(f_rmdir("/proc"), -EBUSY);
	u_expect(f_two(__NR_rename, "/proc", "/x"), -EBUSY);
	f_put("/f", "");
	u_expect(f_two(__NR_link, "/f", "/dev/f"), -EXDEV);
	u_expect(f_two(__NR_rename, "/f", "/dev/f"), -EXDEV);
	u_expect(f_path(__NR_chdir, "/proc", 0, 0), 0);
	cwd_is("/proc");
}

static long open2(s64 dfd, const char *path, u64 flags, u64 resolve)
{
	const u64 how[3] = {flags, 0, resolve};

	u_write(BUF, how, sizeof(how));
	return f_at(__NR_openat2, dfd, path, BUF, sizeof(how));
}

static void resolve_flags(void *arg)
{
	long d;

	f_mkdir("/d");
	f_mkdir("/d/e");
	f_put("/d/f", "d");
	f_put("/f", "root");
	f_two(__NR_symlink, "/f", "/d/abs");
	f_two(__NR_symlink, "../f", "/d/up");
	f_two(__NR_symlink, "f", "/d/ok");
	d = f_open("/d", O_RDONLY | O_DIRECTORY, 0);
	u_check(d >= 0);
	u_expect(open2(d, "abs", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
	u_expect(open2(d, "/d/f", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
	u_expect(open2(d, "up", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
	u_expect(open2(d, "..", O_RDONLY, RESOLVE_BENEATH), -EXDEV);
	u_check(open2(d, "e/../f", O_RDONLY, RESOLVE_BENEATH) >= 0);
	u_check(open2(d, "abs", O_RDONLY, RESOLVE_IN_ROOT) >= 0); /* /d/f */
	u_check(open2(d, "up", O_RDONLY, RESOLVE_IN_ROOT) >= 0);
	u_expect(open2(d, "ok", O_RDONLY, RESOLVE_NO_SYMLINKS), -ELOOP);
	u_expect(open2(AT_FDCWD, "/proc/version", O_RDONLY, RESOLVE_NO_XDEV), -EXDEV);
	u_expect(open2(AT_FDCWD, "/proc/self/exe", O_RDONLY, RESOLVE_NO_MAGICLINKS), -ELOOP);
	u_expect(open2(d, "f", O_RDONLY, 1 << 20), -EINVAL);
	u_expect(open2(d, "f", 1ull << 40, 0), -EINVAL);
	u_expect(open2(d, "f", O_RDONLY, RESOLVE_BENEATH | RESOLVE_IN_ROOT), -EINVAL);
}

#define RUN(fn)                                                                                    \
	static void test_##fn(void **state)                                                        \
	{                                                                                          \
		run_program(fn, EXITED(0));                                                        \
	}
RUN(walk_errors)
RUN(links)
RUN(working_directory)
RUN(resolve_flags)

static void test_mounts(void **state)
{
	harness.root = true; /* or the sticky "/" answers first */
	run_program(mounts, EXITED(0));
}

TESTS(namei, cmocka_unit_test(test_walk_errors), cmocka_unit_test(test_links),
	cmocka_unit_test(test_working_directory), cmocka_unit_test(test_mounts),
	cmocka_unit_test(test_resolve_flags));
