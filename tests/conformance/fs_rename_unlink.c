/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sys/syscall.h>

enum { NOREPLACE = 1, EXCHANGE = 2 };

static long rename2(const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void rename_moves_file(void)
{
	make_file("a", "contents");
	R(rename("a", "b"));
	show_file("a");
	show_file("b");
	R(rename("a", "c"));
	R(rename("b", "absent/b"));
	R(rename("b", "b/c"));
}

static void rename_replaces_file(void)
{
	make_file("a", "new");
	make_file("b", "old");
	int fd = open_file("b", O_RDONLY);
	char buffer[8] = "";
	struct stat st;

	R(rename("a", "b"));
	show_file("b");
	show_file("a");
	R(read(fd, buffer, 7));
	S(buffer);
	R(fstat(fd, &st));
	V(st.st_nlink);
}

static void rename_between_file_and_directory(void)
{
	make_file("f", "x");
	MUST(mkdir("d", 0755) == 0);
	R(rename("f", "d"));
	R(rename("d", "f"));
	R(rename("f", "d/"));
	R(rename("f/", "g"));
	R(rename("f", "d/f"));
	show_file("d/f");
}

static void rename_directory_over_directory(void)
{
	MUST(mkdir("a", 0755) == 0 && mkdir("empty", 0755) == 0 && mkdir("full", 0755) == 0);
	make_file("a/f", "x");
	make_file("full/g", "y");
	R(rename("a", "full"));
	R(rename("a", "empty"));
	show_file("empty/f");
	show_type("a");
	R(rename("empty/", "renamed/"));
	show_file("renamed/f");
}

static void rename_directory_into_itself(void)
{
	MUST(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	R(rename("a", "a/b/c"));
	R(rename("a", "a/a"));
	R(rename("a/b", "a"));
	R(rename("a", "a"));
	R(rename("a/.", "x"));
	R(rename("a/..", "x"));
	R(rename("a", "."));
	R(rename(".", "x"));
}

static void rename_to_hard_link_does_nothing(void)
{
	make_file("a", "x");
	MUST(link("a", "b") == 0);
	R(rename("a", "b"));
	show_file("a");
	show_file("b");
	R(rename("a", "a"));
	show_file("a");
}

static void rename_moves_symlink_not_target(void)
{
	make_file("f", "x");
	make_file("g", "y");
	MUST(symlink("f", "l") == 0);
	R(rename("l", "m"));
	show_type("m");
	show_file("m");
	R(rename("g", "m"));
	show_type("m");
	show_file("f");
}

static void renameat2_noreplace(void)
{
	make_file("a", "x");
	make_file("b", "y");
	R(rename2("a", "b", NOREPLACE));
	R(rename2("a", "c", NOREPLACE));
	R(rename2("a", "d", NOREPLACE));
	show_file("b");
	show_file("c");
	R(rename2("b", "c", 0x80));
	R(rename2("b", "c", NOREPLACE | EXCHANGE));
}

static void renameat2_exchange(void)
{
	make_file("a", "file");
	MUST(mkdir("d", 0755) == 0);
	R(rename2("a", "d", EXCHANGE));
	show_type("a");
	show_file("d");
	R(rename2("a", "absent", EXCHANGE));
}

static void renameat_between_directory_fds(void)
{
	MUST(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
	make_file("a/f", "moved");
	int a = open_file("a", O_RDONLY | O_DIRECTORY);
	int b = open_file("b", O_RDONLY | O_DIRECTORY);

	R(renameat(a, "f", b, "g"));
	show_file("b/g");
	R(renameat(a, "f", b, "h"));
	R(renameat(99, "f", b, "h"));
}

static void rename_directory_updates_dotdot(void)
{
	MUST(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0 && mkdir("a/d", 0755) == 0);
	make_file("b/mark", "in b");
	R(rename("a/d", "b/d"));
	show_file("b/d/../mark");
	struct stat st;
	R(stat("a", &st));
	V(st.st_nlink);
	R(stat("b", &st));
	V(st.st_nlink);
}

static void unlink_while_open_keeps_contents(void)
{
	char buffer[32] = "";
	make_file("a", "still here");
	int fd = open_file("a", O_RDWR);
	struct stat st;

	R(unlink("a"));
	R(access("a", F_OK));
	R(read(fd, buffer, 31));
	S(buffer);
	R(write(fd, " and more", 9));
	R(fstat(fd, &st));
	V(st.st_size);
	V(st.st_nlink);
	make_file("a", "another");
	memset(buffer, 0, sizeof(buffer));
	R(pread(fd, buffer, 31, 0));
	S(buffer);
	show_file("a");
}

static void unlink_refusals(void)
{
	MUST(mkdir("d", 0755) == 0);
	make_file("f", "x");
	R(unlink("d"));
	R(unlink("absent"));
	R(unlink("f/"));
	R(unlink("."));
	R(unlink("/"));
	R(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR));
	R(unlinkat(AT_FDCWD, "d", 0));
	R(unlinkat(AT_FDCWD, "d", 0x1000));
	R(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	R(unlink("f"));
}

static void unlink_removes_symlink_not_target(void)
{
	make_file("f", "x");
	MUST(symlink("f", "l") == 0);
	R(unlink("l"));
	show_type("l");
	show_file("f");
}

static void link_refusals(void)
{
	make_file("a", "x");
	make_file("b", "y");
	MUST(mkdir("d", 0755) == 0);
	R(link("a", "b"));
	R(link("absent", "c"));
	R(link("d", "e"));
	R(link("a", "d"));
	R(link("a", "absent/c"));
	R(link("a", "c/"));
	R(link("a", "d/c"));
	show_file("d/c");
}

static void linkat_symlink_follow(void)
{
	make_file("f", "target");
	MUST(symlink("f", "l") == 0);
	R(linkat(AT_FDCWD, "l", AT_FDCWD, "same", 0));
	R(linkat(AT_FDCWD, "l", AT_FDCWD, "followed", AT_SYMLINK_FOLLOW));
	show_type("same");
	show_type("followed");
	struct stat st;
	R(stat("f", &st));
	V(st.st_nlink);
}

static void write_through_hard_link(void)
{
	make_file("a", "one");
	MUST(link("a", "b") == 0);
	int fd = open_file("b", O_WRONLY | O_APPEND);
	R(write(fd, "-two", 4));
	show_file("a");
	R(truncate("a", 2));
	show_file("b");
}

static void mkdirat_symlinkat_mknodat(void)
{
	MUST(mkdir("d", 0755) == 0);
	int d = open_file("d", O_RDONLY | O_DIRECTORY);
	char text[16] = "";

	R(mkdirat(d, "sub", 0700));
	R(symlinkat("target", d, "link"));
	R(mkfifoat(d, "fifo", 0600));
	R(mknodat(d, "plain", S_IFREG | 0640, 0));
	R(mknodat(d, "plain", S_IFREG | 0640, 0));
	R(readlinkat(d, "link", text, sizeof(text)));
	S(text);
	show_type("d/sub");
	show_type("d/link");
	show_type("d/fifo");
	show_type("d/plain");
	R(mkdirat(99, "x", 0755));
	R(symlinkat("x", 99, "y"));
}

/* Of a file that one may read only: what fs.protected_hardlinks says. */
static void link_to_anothers_file_is_as_the_setting_says(void)
{
	int setting = open_file("/proc/sys/fs/protected_hardlinks", O_RDONLY);
	char c = 0;

	MUST(read(setting, &c, 1) == 1);
	make_file("roots", "contents");
	MUST(chmod(".", 0777) == 0);
	if (getuid() == 0)
		MUST(setuid(1000) == 0);
	else
		c = '0'; /* the file is our own */
	T(link("roots", "mine") == (c == '0' ? 0 : -1));
	T(c == '0' || errno == EPERM);
}

const struct behaviour behaviours[] = {BEHAVIOUR(rename_moves_file),
	BEHAVIOUR(rename_replaces_file), BEHAVIOUR(rename_between_file_and_directory),
	BEHAVIOUR(rename_directory_over_directory), BEHAVIOUR(rename_directory_into_itself),
	BEHAVIOUR(rename_to_hard_link_does_nothing), BEHAVIOUR(rename_moves_symlink_not_target),
	BEHAVIOUR(renameat2_noreplace), BEHAVIOUR(renameat2_exchange),
	BEHAVIOUR(renameat_between_directory_fds), BEHAVIOUR(rename_directory_updates_dotdot),
	BEHAVIOUR(unlink_while_open_keeps_contents), BEHAVIOUR(unlink_refusals),
	BEHAVIOUR(unlink_removes_symlink_not_target), BEHAVIOUR(link_refusals),
	BEHAVIOUR(link_to_anothers_file_is_as_the_setting_says), BEHAVIOUR(linkat_symlink_follow),
	BEHAVIOUR(write_through_hard_link), BEHAVIOUR(mkdirat_symlinkat_mknodat), {0}};
