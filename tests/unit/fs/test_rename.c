/* SPDX-License-Identifier: Apache-2.0
 * rename(2), link(2), unlink(2), rmdir(2): every rule in memory; test_hostfs.c has the host's.
 */
#include <linux/fs.h>

#include "fs.h"

static struct stat st;

static void renames(void *arg)
{
	f_put("/a", "a");
	f_put("/b", "b");
	f_mkdir("/d");
	f_mkdir("/d/sub");
	f_mkdir("/e");
	f_two(__NR_link, "/a", "/a2");
	u_expect(f_two(__NR_rename, "/none", "/x"), -ENOENT);
	u_expect(f_two(__NR_rename, "/a", "/none/x"), -ENOENT);
	u_expect(f_two(__NR_rename, "/a", "/d"), -EISDIR);
	u_expect(f_two(__NR_rename, "/d", "/a"), -ENOTDIR);
	u_expect(f_two(__NR_rename, "/a/", "/x"), -ENOTDIR);
	u_expect(f_two(__NR_rename, "/a", "/x/"), -ENOTDIR);
	u_expect(f_two(__NR_rename, "/d", "/d/sub/x"), -EINVAL);
	u_expect(f_two(__NR_rename, "/d/sub", "/d"), -ENOTEMPTY);
	u_expect(f_two(__NR_rename, "/e", "/d"), -ENOTEMPTY);
	u_expect(f_two(__NR_rename, "/d/.", "/x"), -EBUSY);
	u_expect(f_two(__NR_rename, "/", "/x"), -EBUSY);
	u_expect(f_two(__NR_rename, "/a", "/a2"), 0); /* one file: nothing happens */
	u_expect(f_stat("/a", &st), 0);
	u_expect(st.st_nlink, 2);
	u_expect(f_two(__NR_rename, "/a", "/b"), 0);
	f_holds("/b", "a");
	u_expect(f_stat("/a", &st), -ENOENT);
	u_expect(f_two(__NR_rename, "/d", "/e"), 0); /* over an empty directory */
	u_expect(f_stat("/e/sub", &st), 0);
	u_expect(f_two(__NR_rename, "/e/", "/moved/"), 0);
	u_expect(f_stat("/moved/sub", &st), 0);
}

static void rename_flags(void *arg)
{
	f_put("/a", "a");
	f_mkdir("/d");
	f_put("/d/in", "in");
	u_expect(f_rename2("/a", "/d", RENAME_NOREPLACE), -EEXIST);
	u_expect(f_rename2("/a", "/none", RENAME_EXCHANGE), -ENOENT);
	u_expect(f_rename2("/a", "/x", RENAME_EXCHANGE | RENAME_NOREPLACE), -EINVAL);
	u_expect(f_rename2("/a", "/x", 64), -EINVAL);
	u_expect(f_rename2("/a", "/d", RENAME_EXCHANGE), 0);
	f_holds("/d", "a");
	f_holds("/a/in", "in");
	u_expect(f_rename2("/a", "/a/in", RENAME_EXCHANGE), -EINVAL);
	u_expect(f_rename2("/a/in", "/a", RENAME_EXCHANGE), -EINVAL);
	f_mkdir("/p");
	f_mkdir("/p/q");
	u_expect(f_rename2("/a/in", "/p/q", RENAME_EXCHANGE), 0);
	f_holds("/p/q", "in");
	u_expect(f_stat("/a", &st), 0);
	u_expect(st.st_nlink, 3);
	u_expect(f_stat("/p", &st), 0);
	u_expect(st.st_nlink, 2);
	u_expect(f_rename2("/d", "/new", RENAME_NOREPLACE), 0);
}

static void removal(void *arg)
{
	char text[16];
	long fd, dir;

	f_mkdir("/d");
	f_put("/d/f", "still here");
	u_expect(f_unlink("/d"), -EISDIR);
	u_expect(f_rmdir("/d/f"), -ENOTDIR);
	u_expect(f_rmdir("/d"), -ENOTEMPTY);
	u_expect(f_rmdir("/d/."), -EINVAL);
	u_expect(f_rmdir("/d/.."), -ENOTEMPTY);
	u_expect(f_rmdir("/"), -EBUSY);
	u_expect(f_unlink("/d/f/"), -ENOTDIR);
	u_expect(f_unlink("/none"), -ENOENT);
	u_expect(f_at(__NR_unlinkat, AT_FDCWD, "/d", 1, 0), -EINVAL);
	fd = f_open("/d/f", O_RDONLY, 0);
	dir = f_open("/d", O_RDONLY | O_DIRECTORY, 0);
	u_expect(f_unlink("/d/f"), 0);
	u_expect(f_fstat(fd, &st), 0);
	u_expect(st.st_nlink, 0);
	u_expect(f_read(fd, text, sizeof(text)), 10);
	u_expect(f_at(__NR_unlinkat, AT_FDCWD, "/d", AT_REMOVEDIR, 0), 0);
	u_expect(u_syscall(__NR_getdents64, dir, BUF, 100), -ENOENT);
	u_expect(f_at(__NR_openat, dir, "new", O_CREAT | O_WRONLY, 0644), -ENOENT);
	u_expect(f_mkdir("/d/"), 0);
	u_expect(f_mkdir("/d"), -EEXIST);
	u_expect(f_mkdir("/d/."), -EEXIST);
	u_expect(f_mkdir("/"), -EEXIST);
}

static void hard_links(void *arg)
{
	f_put("/a", "one");
	f_mkdir("/d");
	u_expect(f_two(__NR_link, "/a", "/d/b"), 0);
	u_expect(f_two(__NR_link, "/a", "/d/b"), -EEXIST);
	u_expect(f_two(__NR_link, "/a", "/d/c/"), -ENOENT);
	u_expect(f_two(__NR_link, "/d", "/e"), -EPERM);
	u_expect(f_two(__NR_link, "/none", "/e"), -ENOENT);
	f_put("/a", "two");
	f_holds("/d/b", "two");
	u_expect(f_unlink("/a"), 0);
	f_holds("/d/b", "two");
	u_expect(f_stat("/d/b", &st), 0);
	u_expect(st.st_nlink, 1);
	/* a link to a link, not to what it names */
	u_expect(f_two(__NR_symlink, "nowhere", "/s"), 0);
	u_expect(f_two(__NR_link, "/s", "/s2"), 0);
	u_expect(f_lstat("/s2", &st), 0);
	u_check(S_ISLNK(st.st_mode) && st.st_nlink == 2);
}

#define RUN(fn)                                                                                    \
	static void test_##fn(void **state)                                                        \
	{                                                                                          \
		run_program(fn, EXITED(0));                                                        \
	}
RUN(renames)
RUN(rename_flags)
RUN(removal)
RUN(hard_links)

TESTS(rename, cmocka_unit_test(test_renames), cmocka_unit_test(test_rename_flags),
	cmocka_unit_test(test_removal), cmocka_unit_test(test_hard_links));
