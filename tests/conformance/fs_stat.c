/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

static void say_times(const char *path)
{
	struct stat st;

	MUST(lstat(path, &st) == 0);
	say("%s: atime %ld.%09ld mtime %ld.%09ld", path, (long)st.st_atim.tv_sec,
		st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static bool later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec);
}

static void stat_reports_size_mode_links(void)
{
	struct stat st;
	make_file("a", "0123456789");

	R(stat("a", &st));
	V(st.st_size);
	V(st.st_nlink);
	say("mode %o", st.st_mode);
	T(st.st_uid == geteuid());
	T(st.st_gid == getegid());
	T(st.st_blksize >= 512);
	V(st.st_rdev);
	R(stat("absent", &st));
}

static void fstat_tracks_an_open_file(void)
{
	struct stat st, path;
	int fd = open_file("a", O_RDWR | O_CREAT);

	R(fstat(fd, &st));
	V(st.st_size);
	R(write(fd, "12345", 5));
	R(fstat(fd, &st));
	V(st.st_size);
	R(stat("a", &path));
	T(st.st_ino == path.st_ino && st.st_dev == path.st_dev);
	R(unlink("a"));
	R(fstat(fd, &st));
	V(st.st_nlink);
	V(st.st_size);
}

static void lstat_does_not_follow(void)
{
	struct stat st;
	make_file("a", "xyz");
	MUST(symlink("a", "l") == 0);

	R(lstat("l", &st));
	T(S_ISLNK(st.st_mode));
	V(st.st_size);
	R(stat("l", &st));
	T(S_ISREG(st.st_mode));
	V(st.st_size);
}

static void fstatat_flags(void)
{
	struct stat st;
	MUST(mkdir("d", 0755) == 0 && symlink("nowhere", "d/l") == 0);
	make_file("d/f", "abc");
	int d = open_file("d", O_RDONLY | O_DIRECTORY);
	int f = open_file("d/f", O_RDONLY);

	R(fstatat(d, "f", &st, 0));
	V(st.st_size);
	R(fstatat(d, "l", &st, 0));
	R(fstatat(d, "l", &st, AT_SYMLINK_NOFOLLOW));
	T(S_ISLNK(st.st_mode));
	R(fstatat(f, "", &st, AT_EMPTY_PATH));
	V(st.st_size);
	R(fstatat(f, "", &st, 0));
	R(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH));
	T(S_ISDIR(st.st_mode));
	R(fstatat(d, "f", &st, 0x80000000));
	R(fstatat(f, "x", &st, 0));
	R(fstatat(99, "x", &st, 0));
}

static void statx_basic_fields(void)
{
	struct statx sx;
	struct stat st;
	make_file("a", "1234567");

	R(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &sx));
	T((sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	R(stat("a", &st));
	T(sx.stx_ino == st.st_ino);
	T(sx.stx_size == (uint64_t)st.st_size);
	T(sx.stx_mode == st.st_mode);
	T(sx.stx_nlink == st.st_nlink);
	T(sx.stx_uid == st.st_uid && sx.stx_gid == st.st_gid);
	T(sx.stx_mtime.tv_sec == st.st_mtim.tv_sec && sx.stx_mtime.tv_nsec == st.st_mtim.tv_nsec);
	T(makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev);
	int fd = open_file("a", O_RDONLY);
	R(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
	V(sx.stx_size);
	R(statx(fd, "", 0, STATX_SIZE, &sx));
	R(statx(AT_FDCWD, "absent", 0, STATX_SIZE, &sx));
	R(statx(AT_FDCWD, "a", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_SIZE, &sx));
}

static void hard_links_share_an_inode(void)
{
	struct stat a, b, c;
	make_file("a", "x");
	make_file("c", "x");
	R(link("a", "b"));
	R(stat("a", &a));
	R(stat("b", &b));
	R(stat("c", &c));
	T(a.st_ino == b.st_ino);
	T(a.st_ino != c.st_ino);
	T(a.st_dev == c.st_dev);
	V(a.st_nlink);
	R(chmod("b", 0600));
	show_type("a");
	R(unlink("a"));
	R(stat("b", &b));
	V(b.st_nlink);
}

static void write_advances_mtime_and_ctime(void)
{
	struct stat before, after;
	int fd = open_file("a", O_RDWR | O_CREAT);

	MUST(fstat(fd, &before) == 0);
	sleep_ms(30);
	R(write(fd, "x", 1));
	MUST(fstat(fd, &after) == 0);
	T(later(after.st_mtim, before.st_mtim));
	T(later(after.st_ctim, before.st_ctim));
	before = after;
	sleep_ms(30);
	R(fchmod(fd, 0600));
	MUST(fstat(fd, &after) == 0);
	T(later(after.st_mtim, before.st_mtim));
	T(later(after.st_ctim, before.st_ctim));
}

static void create_and_unlink_advance_directory_mtime(void)
{
	struct stat before, after;
	MUST(mkdir("d", 0755) == 0 && stat("d", &before) == 0);
	sleep_ms(30);
	make_file("d/f", "x");
	MUST(stat("d", &after) == 0);
	T(later(after.st_mtim, before.st_mtim));
	before = after;
	sleep_ms(30);
	MUST(unlink("d/f") == 0 && stat("d", &after) == 0);
	T(later(after.st_mtim, before.st_mtim));
}

static void utimensat_sets_both_times(void)
{
	struct timespec t[2] = {{1000000000, 123456789}, {1500000000, 987654321}};
	make_file("a", "x");

	R(utimensat(AT_FDCWD, "a", t, 0));
	say_times("a");
	t[0].tv_sec = -5;
	t[1].tv_sec = 0;
	R(utimensat(AT_FDCWD, "a", t, 0));
	say_times("a");
	R(utimensat(AT_FDCWD, "absent", t, 0));
}

static void utimensat_now_and_omit(void)
{
	struct timespec old[2] = {{1000, 0}, {2000, 0}};
	struct timespec omit_a[2] = {{0, UTIME_OMIT}, {3000, 7}};
	struct timespec omit_both[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}};
	struct timespec now_m[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
	struct stat st;
	make_file("a", "x");

	R(utimensat(AT_FDCWD, "a", old, 0));
	say_times("a");
	R(utimensat(AT_FDCWD, "a", omit_a, 0));
	say_times("a");
	R(utimensat(AT_FDCWD, "a", omit_both, 0));
	say_times("a");
	R(utimensat(AT_FDCWD, "a", now_m, 0));
	MUST(stat("a", &st) == 0);
	V(st.st_atim.tv_sec);
	T(st.st_mtim.tv_sec > 1600000000);
	R(utimensat(AT_FDCWD, "a", NULL, 0));
	MUST(stat("a", &st) == 0);
	T(st.st_atim.tv_sec > 1600000000);
}

static void utimensat_symlink_and_fd_forms(void)
{
	struct timespec t[2] = {{1111, 1}, {2222, 2}};
	struct timespec bad[2] = {{1, 1000000000}, {2, 0}};
	make_file("a", "x");
	MUST(symlink("a", "l") == 0);
	int fd = open_file("a", O_RDONLY);

	R(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW));
	say_times("l");
	R(futimens(fd, t));
	say_times("a");
	R(utimensat(AT_FDCWD, "a", bad, 0));
	t[0].tv_sec = 3333;
	R(utimensat(AT_FDCWD, "l", t, 0));
	say_times("a");
	struct timeval tv[2] = {{44, 55}, {66, 77}};
	R(utimes("a", tv));
	say_times("a");
}

static void chmod_forms(void)
{
	make_file("a", "x");
	MUST(mkdir("d", 0755) == 0 && symlink("a", "l") == 0);
	int fd = open_file("a", O_RDONLY);

	R(chmod("a", 0600));
	show_type("a");
	R(fchmod(fd, 0751));
	show_type("a");
	R(chmod("l", 0640));
	show_type("a");
	show_type("l");
	R(fchmodat(AT_FDCWD, "a", 0604, 0));
	show_type("a");
	R(chmod("d", 01777));
	show_type("d");
	R(chmod("a", 04755));
	show_type("a");
	R(chmod("absent", 0600));
	R(fchmod(99, 0600));
	R(chmod("d", 0755));
	R(chmod("a", 0644));
}

static void write_clears_setuid_bit_for_users(void)
{
	struct stat st;
	int fd = open_file("a", O_RDWR | O_CREAT);

	R(fchmod(fd, 04755));
	R(write(fd, "x", 1));
	MUST(fstat(fd, &st) == 0);
	T(geteuid() == 0 || !(st.st_mode & S_ISUID));
	R(fchmod(fd, 0644));
}

static void chown_to_self_is_allowed(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);
	R(chown("a", getuid(), getgid()));
	R(chown("a", -1, -1));
	R(fchown(fd, getuid(), -1));
	R(lchown("a", -1, getgid()));
	R(chown("absent", -1, -1));
	R(fchownat(fd, "", -1, -1, AT_EMPTY_PATH));
}

static void umask_returns_previous(void)
{
	V(umask(027));
	V(umask(0777777));
	V(umask(022));
}

static void access_checks(void)
{
	make_file("a", "x");
	MUST(chmod("a", 0644) == 0 && mkdir("d", 0755) == 0);
	R(access("a", F_OK));
	R(access("a", R_OK | W_OK));
	R(access("a", X_OK));
	R(access("d", R_OK | W_OK | X_OK));
	R(access("absent", F_OK));
	R(access("a", 8));
	R(access("a/x", F_OK));
	MUST(symlink("nowhere", "l") == 0);
	R(access("l", F_OK));
	R(faccessat(AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW));
	R(faccessat(AT_FDCWD, "a", R_OK, AT_EACCESS));
	int d = open_file(".", O_RDONLY | O_DIRECTORY);
	R(faccessat(d, "a", R_OK, 0));
	R(faccessat(99, "a", R_OK, 0));
	R(access("/dev/null", R_OK | W_OK));
}

static void statfs_is_sane(void)
{
	struct statfs fs, ffs;
	struct statvfs vfs;
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);

	R(statfs(".", &fs));
	T(fs.f_bsize > 0);
	T(fs.f_blocks > 0 && fs.f_bfree <= fs.f_blocks && fs.f_bavail <= fs.f_bfree);
	T(fs.f_namelen == 255);
	R(fstatfs(fd, &ffs));
	T(fs.f_type == ffs.f_type && fs.f_blocks == ffs.f_blocks);
	R(statvfs(".", &vfs));
	T(vfs.f_namemax == 255);
	R(statfs("absent", &fs));
	R(statfs("a/x", &fs));
	R(fstatfs(99, &fs));
	R(statfs("/proc", &fs));
	T(fs.f_type == 0x9fa0);
}

static void sparse_file_uses_few_blocks(void)
{
	struct stat st;
	int fd = open_file("a", O_RDWR | O_CREAT);
	R(ftruncate(fd, 1 << 24));
	R(fstat(fd, &st));
	V(st.st_size);
	T(st.st_blocks * 512 < 1 << 20);
}

static void stat_of_pipe_and_device(void)
{
	struct stat st;
	int p[2];

	R(pipe(p));
	R(fstat(p[0], &st));
	T(S_ISFIFO(st.st_mode));
	V(st.st_size);
	R(stat("/dev/null", &st));
	T(S_ISCHR(st.st_mode));
	V(major(st.st_rdev));
	V(minor(st.st_rdev));
	R(stat("/", &st));
	T(S_ISDIR(st.st_mode));
}

const struct behaviour behaviours[] = {BEHAVIOUR(stat_reports_size_mode_links),
	BEHAVIOUR(fstat_tracks_an_open_file), BEHAVIOUR(lstat_does_not_follow),
	BEHAVIOUR(fstatat_flags), BEHAVIOUR(statx_basic_fields),
	BEHAVIOUR(hard_links_share_an_inode), BEHAVIOUR(write_advances_mtime_and_ctime),
	BEHAVIOUR(create_and_unlink_advance_directory_mtime), BEHAVIOUR(utimensat_sets_both_times),
	BEHAVIOUR(utimensat_now_and_omit), BEHAVIOUR(utimensat_symlink_and_fd_forms),
	BEHAVIOUR(chmod_forms), BEHAVIOUR(write_clears_setuid_bit_for_users),
	BEHAVIOUR(chown_to_self_is_allowed), BEHAVIOUR(umask_returns_previous),
	BEHAVIOUR(access_checks), BEHAVIOUR(statfs_is_sane), BEHAVIOUR(sparse_file_uses_few_blocks),
	BEHAVIOUR(stat_of_pipe_and_device), {0}};
