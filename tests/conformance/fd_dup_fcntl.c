/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void dup_takes_lowest_and_clears_cloexec(void)
{
	make_file("a", "x");
	int fd = R(open("a", O_RDONLY | O_CLOEXEC));

	int copy = R(dup(fd));
	V(fcntl(fd, F_GETFD));
	V(fcntl(copy, F_GETFD));
	R(close(fd));
	R(dup(copy));
	R(dup(99));
	R(dup(-1));
}

static void dup2_replaces_target(void)
{
	char buffer[8] = "";
	make_file("a", "first");
	make_file("b", "second");
	int a = open_file("a", O_RDONLY), b = open_file("b", O_RDONLY);

	R(dup2(a, b));
	R(read(b, buffer, 7));
	S(buffer);
	R(dup2(a, 40));
	R(lseek(40, 0, SEEK_CUR));
	R(dup2(a, a));
	R(dup2(99, 99));
	R(dup2(99, a));
	R(lseek(a, 0, SEEK_CUR));
	R(dup2(a, -1));
	R(dup2(a, 1 << 30));
}

static void dup3_flags(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);

	R(dup3(fd, 20, O_CLOEXEC));
	V(fcntl(20, F_GETFD));
	R(dup3(fd, 20, 0));
	V(fcntl(20, F_GETFD));
	R(dup3(fd, fd, 0));
	R(dup3(fd, 21, O_NONBLOCK));
	R(dup3(99, 21, 0));
}

static void fcntl_dupfd_minimum(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);

	R(fcntl(fd, F_DUPFD, 10));
	R(fcntl(fd, F_DUPFD, 10));
	R(fcntl(fd, F_DUPFD_CLOEXEC, 10));
	V(fcntl(12, F_GETFD));
	R(fcntl(fd, F_DUPFD, -1));
	R(fcntl(fd, F_DUPFD, 1 << 30));
	R(fcntl(99, F_DUPFD, 0));
}

static void fcntl_setfd_and_getfd(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);

	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_SETFD, FD_CLOEXEC));
	R(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_SETFD, 0));
	R(fcntl(fd, F_GETFD));
	R(ioctl(fd, FIOCLEX));
	R(fcntl(fd, F_GETFD));
	R(ioctl(fd, FIONCLEX));
	R(fcntl(fd, F_GETFD));
	R(fcntl(99, F_GETFD));
	R(fcntl(fd, 12345));
}

static void fcntl_setfl_changes_only_status_flags(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDWR), copy = dup(fd);

	R(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY | O_TRUNC));
	int flags = fcntl(copy, F_GETFL);
	V(flags & O_ACCMODE);
	T(flags & O_APPEND);
	T(flags & O_NONBLOCK);
	show_file("a");
	R(write(fd, "appended", 8));
	show_file("a");
	R(fcntl(fd, F_SETFL, 0));
	T(fcntl(copy, F_GETFL) & O_APPEND);
}

static void close_twice_is_ebadf(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);
	R(close(fd));
	R(close(fd));
	R(close(-1));
	R(close(1 << 30));
}

static void close_range_closes_and_marks(void)
{
	make_file("a", "x");
	int fd = open_file("a", O_RDONLY);
	for (int n = 10; n < 20; n++)
		MUST(dup2(fd, n) == n);
	R(syscall(SYS_close_range, 12, 14, 0));
	R(fcntl(11, F_GETFD));
	R(fcntl(12, F_GETFD));
	R(fcntl(14, F_GETFD));
	R(fcntl(15, F_GETFD));
	R(syscall(SYS_close_range, 16, ~0U, 4));
	R(fcntl(15, F_GETFD));
	R(fcntl(16, F_GETFD));
	R(fcntl(19, F_GETFD));
	R(syscall(SYS_close_range, 5, 4, 0));
	R(syscall(SYS_close_range, 3, ~0U, 0));
	R(fcntl(3, F_GETFD));
	R(fcntl(1, F_GETFD));
}

static void descriptor_limit_is_emfile(void)
{
	struct rlimit limit = {16, 16};
	int opened = 0, p[2];
	make_file("a", "x");

	R(setrlimit(RLIMIT_NOFILE, &limit));
	while (open("a", O_RDONLY) >= 0)
		opened++;
	say("errno %s", errno_name(errno));
	V(opened);
	R(dup(0));
	R(pipe(p));
	R(fcntl(0, F_DUPFD, 16));
	R(dup2(0, 16));
	R(dup2(0, 15));
	R(close(15));
	R(pipe(p));
	R(dup(0));
}

static void fionread_counts_bytes(void)
{
	int p[2], count = -1;
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDONLY);

	R(ioctl(fd, FIONREAD, &count));
	V(count);
	MUST(lseek(fd, 4, SEEK_SET) == 4);
	R(ioctl(fd, FIONREAD, &count));
	V(count);
	MUST(pipe(p) == 0);
	R(ioctl(p[0], FIONREAD, &count));
	V(count);
	MUST(write(p[1], "abc", 3) == 3);
	R(ioctl(p[0], FIONREAD, &count));
	V(count);
}

static void fionbio_sets_nonblocking(void)
{
	int p[2], on = 1;
	char c;

	MUST(pipe(p) == 0);
	R(ioctl(p[0], FIONBIO, &on));
	T(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	R(read(p[0], &c, 1));
	on = 0;
	R(ioctl(p[0], FIONBIO, &on));
	T(fcntl(p[0], F_GETFL) & O_NONBLOCK);
	R(ioctl(99, FIONBIO, &on));
	R(ioctl(p[0], 0x12345678, &on));
}

static void descriptors_above_a_thousand(void)
{
	make_file("a", "high");
	char buffer[8] = "";
	int fd = open_file("a", O_RDONLY);
	R(dup2(fd, 1000));
	R(read(1000, buffer, 7));
	S(buffer);
	R(close(1000));
	int count = 0;
	while (count < 900 && dup(fd) >= 0)
		count++;
	V(count);
}

static void fork_copies_descriptor_table(void)
{
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDONLY);
	pid_t pid = fork();
	if (pid == 0) {
		close(fd);
		_exit(open("a", O_RDONLY) == fd ? 0 : 1);
	}
	reap("child closes and reopens", pid);
	char c = 0;
	R(read(fd, &c, 1));
	V(c);
}

static void memfd_behaves_like_a_file(void)
{
	char buffer[8] = "", name[64];
	struct stat st;
	int fd = R(memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	R(write(fd, "hello", 5));
	R(pread(fd, buffer, 7, 1));
	S(buffer);
	R(ftruncate(fd, 100));
	R(fstat(fd, &st));
	V(st.st_size);
	V(st.st_nlink);
	V(fcntl(fd, F_GETFD));
	R(fcntl(fd, F_GET_SEALS));
	R(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK));
	R(ftruncate(fd, 200));
	R(ftruncate(fd, 10));
	R(write(fd, "again", 5));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	R(open(name, O_RDONLY));
	R(memfd_create("name", 0x8000));
}

const struct behaviour behaviours[] = {BEHAVIOUR(dup_takes_lowest_and_clears_cloexec),
	BEHAVIOUR(dup2_replaces_target), BEHAVIOUR(dup3_flags), BEHAVIOUR(fcntl_dupfd_minimum),
	BEHAVIOUR(fcntl_setfd_and_getfd), BEHAVIOUR(fcntl_setfl_changes_only_status_flags),
	BEHAVIOUR(close_twice_is_ebadf), BEHAVIOUR(close_range_closes_and_marks),
	BEHAVIOUR(descriptor_limit_is_emfile), BEHAVIOUR(fionread_counts_bytes),
	BEHAVIOUR(fionbio_sets_nonblocking), BEHAVIOUR(descriptors_above_a_thousand),
	BEHAVIOUR(fork_copies_descriptor_table), BEHAVIOUR(memfd_behaves_like_a_file), {0}};
