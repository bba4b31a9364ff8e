/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sys/file.h>

static int shared_fd;

static long lock_range(int fd, int cmd, short type, off_t start, off_t length)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};

	return fcntl(fd, cmd, &l);
}

static void flock_excludes_between_descriptions(void)
{
	make_file("a", "x");
	int a = open_file("a", O_RDWR), b = open_file("a", O_RDWR);

	R(flock(a, LOCK_EX | LOCK_NB));
	R(flock(b, LOCK_EX | LOCK_NB));
	R(flock(b, LOCK_SH | LOCK_NB));
	R(flock(a, LOCK_SH | LOCK_NB));
	R(flock(b, LOCK_SH | LOCK_NB));
	R(flock(a, LOCK_EX | LOCK_NB));
	R(flock(b, LOCK_UN));
	R(flock(a, LOCK_EX | LOCK_NB));
	R(flock(a, 0));
	R(flock(99, LOCK_EX));
}

static void flock_is_shared_by_dup_and_released_on_last_close(void)
{
	make_file("a", "x");
	int a = open_file("a", O_RDWR), copy = dup(a), b = open_file("a", O_RDWR);

	R(flock(a, LOCK_EX | LOCK_NB));
	R(flock(copy, LOCK_EX | LOCK_NB));
	R(close(a));
	R(flock(b, LOCK_EX | LOCK_NB));
	R(close(copy));
	R(flock(b, LOCK_EX | LOCK_NB));
}

static void flock_blocks_until_released(void)
{
	make_file("a", "x");
	int a = open_file("a", O_RDWR | O_CLOEXEC);
	R(flock(a, LOCK_EX));
	pid_t pid = fork();
	if (pid == 0) {
		close(a);
		int fd = open("a", O_RDWR);
		_exit(flock(fd, LOCK_EX | LOCK_NB) == -1 && flock(fd, LOCK_EX) == 0 ? 5 : 6);
	}
	until_asleep(pid);
	R(flock(a, LOCK_UN));
	reap("child", pid);
}

static void child_tries_record_locks(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};

	R(lock_range(shared_fd, F_SETLK, F_WRLCK, 0, 5));
	R(lock_range(shared_fd, F_SETLK, F_RDLCK, 0, 5));
	R(lock_range(shared_fd, F_SETLK, F_WRLCK, 50, 5));
	R(fcntl(shared_fd, F_GETLK, &l));
	T(l.l_pid == getppid());
	V(l.l_type == F_WRLCK);
	V(l.l_start);
	V(l.l_len);
}

static void record_lock_excludes_another_process(void)
{
	make_file("a", "0123456789");
	shared_fd = open_file("a", O_RDWR);

	R(lock_range(shared_fd, F_SETLK, F_WRLCK, 0, 10));
	R(lock_range(shared_fd, F_SETLK, F_WRLCK, 5, 10));
	in_child("child", child_tries_record_locks);
	R(lock_range(shared_fd, F_SETLK, F_UNLCK, 0, 0));
	in_child("child after unlock", child_tries_record_locks);
}

static void child_takes_whole_file(void)
{
	int fd = open("a", O_RDWR);
	R(lock_range(fd, F_SETLK, F_WRLCK, 0, 0));
}

static void record_locks_drop_when_any_descriptor_closes(void)
{
	make_file("a", "0123456789");
	int a = open_file("a", O_RDWR), b = open_file("a", O_RDONLY);

	R(lock_range(a, F_SETLK, F_WRLCK, 0, 0));
	in_child("while held", child_takes_whole_file);
	R(close(b));
	in_child("after closing another descriptor", child_takes_whole_file);
}

static void record_lock_wait_is_woken(void)
{
	make_file("a", "x");
	int a = open_file("a", O_RDWR);
	R(lock_range(a, F_SETLK, F_WRLCK, 0, 0));
	pid_t pid = fork();
	if (pid == 0) {
		int fd = open("a", O_RDWR);
		_exit(lock_range(fd, F_SETLKW, F_WRLCK, 0, 0) == 0 ? 5 : 6);
	}
	until_asleep(pid);
	R(lock_range(a, F_SETLK, F_UNLCK, 0, 0));
	reap("waiter", pid);
}

static void record_lock_needs_matching_access(void)
{
	make_file("a", "x");
	int r = open_file("a", O_RDONLY), w = open_file("a", O_WRONLY);
	R(lock_range(r, F_SETLK, F_WRLCK, 0, 0));
	R(lock_range(r, F_SETLK, F_RDLCK, 0, 0));
	R(lock_range(w, F_SETLK, F_RDLCK, 0, 0));
	R(lock_range(w, F_SETLK, F_WRLCK, 0, 0));
	R(lock_range(w, F_SETLK, 77, 0, 0));
	R(lock_range(99, F_SETLK, F_WRLCK, 0, 0));
}

static void open_file_description_locks(void)
{
	make_file("a", "x");
	int a = open_file("a", O_RDWR), b = open_file("a", O_RDWR);

	R(lock_range(a, F_OFD_SETLK, F_WRLCK, 0, 0));
	R(lock_range(b, F_OFD_SETLK, F_WRLCK, 0, 0));
	R(lock_range(a, F_OFD_SETLK, F_UNLCK, 0, 0));
	R(lock_range(b, F_OFD_SETLK, F_WRLCK, 0, 0));
}

static void lockf_uses_record_locks(void)
{
	make_file("a", "0123456789");
	int fd = open_file("a", O_RDWR);
	R(lockf(fd, F_TLOCK, 0));
	in_child("child", child_takes_whole_file);
	R(lockf(fd, F_TEST, 0));
	R(lockf(fd, F_ULOCK, 0));
	in_child("child after unlock", child_takes_whole_file);
}

const struct behaviour behaviours[] = {BEHAVIOUR(flock_excludes_between_descriptions),
	BEHAVIOUR(flock_is_shared_by_dup_and_released_on_last_close),
	BEHAVIOUR(flock_blocks_until_released), BEHAVIOUR(record_lock_excludes_another_process),
	BEHAVIOUR(record_locks_drop_when_any_descriptor_closes),
	BEHAVIOUR(record_lock_wait_is_woken), BEHAVIOUR(record_lock_needs_matching_access),
	BEHAVIOUR(open_file_description_locks), BEHAVIOUR(lockf_uses_record_locks), {0}};
