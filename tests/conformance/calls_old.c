/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that newer ones have replaced and that old programs still make. */
#include "behave.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <utime.h>

static void show_times(const char *path)
{
	struct stat st;

	MUST(lstat(path, &st) == 0);
	V(st.st_atim.tv_sec);
	V(st.st_atim.tv_nsec);
	V(st.st_mtim.tv_sec);
	V(st.st_mtim.tv_nsec);
}

static void show_recent(const char *path)
{
	struct stat st;

	MUST(lstat(path, &st) == 0);
	T(labs(time(NULL) - st.st_mtime) < 100);
	T(labs(time(NULL) - st.st_atime) < 100);
}

static void times_in_seconds(void)
{
	const struct utimbuf at = {1000, 2000};

	make_file("f", "text");
	R(syscall(SYS_utime, "f", &at));
	show_times("f");
	R(syscall(SYS_utime, "f", NULL));
	show_recent("f");
	R(syscall(SYS_utime, "missing", &at));
	R(syscall(SYS_utime, "f", 8));
	R(syscall(SYS_utime, 8, &at));
	R(syscall(SYS_utime, "", &at));
}

static void times_in_microseconds(void)
{
	struct timeval at[2] = {{1000, 11}, {2000, 999999}};

	make_file("f", "text");
	R(symlink("f", "link"));
	R(syscall(SYS_utimes, "link", at));
	show_times("f");
	R(syscall(SYS_utimes, "f", NULL));
	show_recent("f");
	at[0].tv_usec = 1000000;
	R(syscall(SYS_utimes, "f", at));
	at[0].tv_usec = -1;
	R(syscall(SYS_utimes, "f", at));
	R(syscall(SYS_utimes, "f", 8));
	R(syscall(SYS_utimes, "missing", NULL));
}

static void times_below_a_directory(void)
{
	const struct timeval at[2] = {{1000, 11}, {2000, 22}};
	int dir;

	MUST(mkdir("d", 0755) == 0);
	make_file("d/f", "text");
	dir = open_file("d", O_RDONLY | O_DIRECTORY);
	R(syscall(SYS_futimesat, dir, "f", at));
	show_times("d/f");
	R(syscall(SYS_futimesat, open_file("d/f", O_RDWR), NULL, NULL));
	show_recent("d/f");
	R(syscall(SYS_futimesat, 99, "f", at));
	R(syscall(SYS_futimesat, 99, NULL, at));
	R(syscall(SYS_futimesat, dir, "missing", at));
}

static void times_of_others_as_user(void)
{
	const struct timeval at[2] = {{1000, 11}, {2000, 22}};

	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(syscall(SYS_utimes, "theirs", at));
	R(syscall(SYS_utimes, "theirs", NULL));
	R(syscall(SYS_utime, "writable", NULL));
	R(syscall(SYS_utimes, "writable", at));
}

static void times_of_others(void)
{
	make_file("theirs", "text");
	make_file("writable", "text");
	MUST(chmod("writable", 0666) == 0);
	in_child("user", times_of_others_as_user);
}

static void clock_is_not_ours(void)
{
	const struct timespec ts = {1000, 0}, bad = {0, 1000000000};
	const struct timeval tv = {1000, 0}, bad_tv = {0, 1000000};
	const struct timezone tz = {0, 0};

	MUST(setgid(1234) == 0 && setuid(1234) == 0);
	R(clock_settime(CLOCK_REALTIME, &ts));
	R(clock_settime(CLOCK_REALTIME, &bad));
	R(clock_settime(CLOCK_MONOTONIC, &ts));
	R(clock_settime(CLOCK_PROCESS_CPUTIME_ID, &ts));
	R(clock_settime(99, &ts));
	R(syscall(SYS_clock_settime, CLOCK_REALTIME, 8));
	R(syscall(SYS_settimeofday, &tv, NULL));
	R(syscall(SYS_settimeofday, &bad_tv, NULL));
	R(syscall(SYS_settimeofday, NULL, &tz));
	R(syscall(SYS_settimeofday, 8, NULL));
}

static void setting_the_clock(void)
{
	in_child("user", clock_is_not_ours);
}

static void reading_the_clock(void)
{
	struct timeval tv;
	struct timezone tz = {99, 99};
	time_t t = 0;

	R(syscall(SYS_gettimeofday, &tv, &tz));
	T(labs(time(NULL) - tv.tv_sec) < 100);
	V(tz.tz_minuteswest);
	R(syscall(SYS_gettimeofday, NULL, NULL));
	R(syscall(SYS_gettimeofday, 8, NULL));
	R(syscall(SYS_gettimeofday, NULL, 8));
	T(syscall(SYS_time, &t) - t == 0 && t > 1000000000);
	R(syscall(SYS_time, 8));
}

static void descriptors_without_flags(void)
{
	sigset_t mask;
	uint64_t value = 0;
	int fd;

	fd = (int)R(syscall(SYS_eventfd, 5));
	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_GETFL));
	R(read(fd, &value, 8));
	V(value);
	fd = (int)R(syscall(SYS_epoll_create, 1));
	R(fcntl(fd, F_GETFD));
	R(syscall(SYS_epoll_create, 0));
	R(syscall(SYS_epoll_create, -1));
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
	fd = (int)R(syscall(SYS_signalfd, -1, &mask, 8));
	R(fcntl(fd, F_GETFD));
	R(syscall(SYS_signalfd, -1, &mask, 4));
	R(syscall(SYS_signalfd, 0, &mask, 8));
	R(syscall(SYS_signalfd, 99, &mask, 8));
	R(syscall(SYS_signalfd, -1, 8, 8));
	fd = (int)R(syscall(SYS_inotify_init));
	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_GETFL));
	R(syscall(SYS_creat, "made", 0640));
	R(syscall(SYS_dup2, 99, 5));
}

/* struct linux_dirent: the name is followed by the type, at the record's end. */
struct old_dirent {
	unsigned long ino, off;
	unsigned short len;
	char name[];
};

static void list_old(int dir, size_t size)
{
	char buf[1024] __attribute__((aligned(8))), names[1024][8] = {{0}};
	int n = 0;
	long got;

	while ((got = syscall(SYS_getdents, dir, buf, size)) > 0) {
		for (long at = 0; at < got;) {
			struct old_dirent *d = (struct old_dirent *)(buf + at);

			snprintf(names[n++], 8, "%s:%d", d->name, buf[at + d->len - 1]);
			at += d->len;
		}
	}
	qsort(names, (size_t)n, 8, (int (*)(const void *, const void *))strcmp);
	for (int i = 0; i < n; i++)
		S(names[i]);
	V(got);
}

static void directory_records(void)
{
	char small[8];
	int dir;

	MUST(mkdir("d", 0755) == 0 && mkdir("d/sub", 0755) == 0);
	make_file("d/f", "text");
	MUST(symlink("f", "d/l") == 0);
	dir = open_file("d", O_RDONLY | O_DIRECTORY);
	list_old(dir, 1024);
	R(lseek(dir, 0, SEEK_SET));
	list_old(dir, 48);
	R(lseek(dir, 0, SEEK_SET));
	R(syscall(SYS_getdents, dir, small, sizeof(small)));
	R(syscall(SYS_getdents, dir, 8, 1024));
	R(syscall(SYS_getdents, 99, NULL, 1024));
	R(syscall(SYS_getdents, open_file("d/f", O_RDONLY), NULL, 1024));
}

const struct behaviour behaviours[] = {BEHAVIOUR(times_in_seconds),
	BEHAVIOUR(times_in_microseconds), BEHAVIOUR(times_below_a_directory),
	BEHAVIOUR(times_of_others), BEHAVIOUR(setting_the_clock), BEHAVIOUR(reading_the_clock),
	BEHAVIOUR(descriptors_without_flags), BEHAVIOUR(directory_records), {0}};
