/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

static void say_device(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		say("%s: %s", path, errno_name(errno));
	else
		say("%s: %s %u:%u mode %04o", path,
			S_ISCHR(st.st_mode) ? "character device" : "other", major(st.st_rdev),
			minor(st.st_rdev), st.st_mode & 07777);
}

static void device_numbers_and_modes(void)
{
	say_device("/dev/null");
	say_device("/dev/zero");
	say_device("/dev/full");
	say_device("/dev/random");
	say_device("/dev/urandom");
	say_device("/dev/tty");
}

static void dev_null_swallows_and_ends(void)
{
	char c;
	struct pollfd p;
	int fd = R(open("/dev/null", O_RDWR | O_TRUNC | O_CREAT, 0644));
	R(write(fd, "gone", 4));
	R(read(fd, &c, 1));
	R(lseek(fd, 100, SEEK_SET));
	R(ftruncate(fd, 0));
	R(fsync(fd));
	p = (struct pollfd){fd, POLLIN | POLLOUT, 0};
	R(poll(&p, 1, 0));
	V(p.revents & (POLLIN | POLLOUT));
	R(open("/dev/null/x", O_RDONLY));
	R(open("/dev/null", O_RDONLY | O_DIRECTORY));
	P(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));
}

static void dev_zero_reads_zeros(void)
{
	char buffer[5000];
	memset(buffer, 'x', sizeof(buffer));
	int fd = R(open("/dev/zero", O_RDWR));
	R(read(fd, buffer, sizeof(buffer)));
	int nonzero = 0;
	for (size_t i = 0; i < sizeof(buffer); i++)
		nonzero += buffer[i] != 0;
	V(nonzero);
	R(write(fd, buffer, 100));
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	T(p != MAP_FAILED);
	V(p[5000]);
	p[5000] = 1;
	V(p[5000]);
}

static void dev_full_refuses_writes(void)
{
	char c = 'x';
	int fd = R(open("/dev/full", O_RDWR));
	R(write(fd, "x", 1));
	R(read(fd, &c, 1));
	V(c);
}

static void dev_urandom_gives_different_bytes(void)
{
	unsigned char a[64] = {0}, b[64] = {0};
	int fd = R(open("/dev/urandom", O_RDONLY));
	R(read(fd, a, sizeof(a)));
	R(read(fd, b, sizeof(b)));
	T(memcmp(a, b, sizeof(a)) != 0);
	fd = R(open("/dev/random", O_RDONLY));
	R(read(fd, b, 16));
	T(memcmp(a, b, 16) != 0);
}

static void getrandom_forms(void)
{
	unsigned char a[256] = {0}, b[256] = {0};
	R(getrandom(a, sizeof(a), 0));
	R(getrandom(b, sizeof(b), GRND_NONBLOCK));
	T(memcmp(a, b, sizeof(a)) != 0);
	R(getrandom(a, 16, GRND_RANDOM));
	R(getrandom(a, 0, 0));
	R(getrandom(a, 16, 0x1000));
	R(syscall(SYS_getrandom, 8L, 16L, 0L));
	R(getrandom(a, 100000 > sizeof(a) ? sizeof(a) : 0, 0));
	int values = 0, seen[256] = {0};
	for (int i = 0; i < 40; i++) {
		MUST(getrandom(a, sizeof(a), 0) == sizeof(a));
		for (size_t k = 0; k < sizeof(a); k++)
			seen[a[k]] = 1;
	}
	for (int i = 0; i < 256; i++)
		values += seen[i];
	V(values);
	R(getentropy(a, 256));
	volatile size_t big = 257;
	unsigned char c[300];
	R(getentropy(c, big));
}

static void random_differs_in_child(void)
{
	uint64_t mine, theirs = 0;
	int p[2];
	MUST(pipe(p) == 0);
	if (fork() == 0) {
		MUST(getrandom(&theirs, sizeof(theirs), 0) == sizeof(theirs));
		_exit(write(p[1], &theirs, sizeof(theirs)) == sizeof(theirs) ? 0 : 1);
	}
	MUST(getrandom(&mine, sizeof(mine), 0) == sizeof(mine));
	R(read(p[0], &theirs, sizeof(theirs)));
	T(mine != theirs);
	reap("child", -1);
}

static void dev_fd_and_std_links(void)
{
	char buffer[16] = "", path[32];
	make_file("a", "through dev fd");
	int fd = open_file("a", O_RDONLY);
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	int again = R(open(path, O_RDONLY));
	R(read(again, buffer, 15));
	S(buffer);
	dup2(fd, 0);
	memset(buffer, 0, sizeof(buffer));
	again = R(open("/dev/stdin", O_RDONLY));
	R(read(again, buffer, 15));
	S(buffer);
	R(access("/dev/stdout", W_OK));
	R(access("/dev/stderr", F_OK));
	R(open("/dev/fd/99", O_RDONLY));
}

static void devices_cannot_be_made_or_removed_by_accident(void)
{
	T(unlink("/dev/null/") < 0);
	T(rmdir("/dev/null") < 0);
	R(access("/dev/null", F_OK));
	R(open("/dev", O_WRONLY));
	R(open("/dev/no-such-device", O_RDONLY));
}

static void dev_shm_holds_shared_memory(void)
{
	char name[64];
	snprintf(name, sizeof(name), "/conformance-%d", getpid());
	int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	T(fd >= 0);
	R(ftruncate(fd, 4096));
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	T(p != MAP_FAILED);
	pid_t pid = fork();
	if (pid == 0) {
		strcpy(p, "from child");
		_exit(0);
	}
	reap("child", pid);
	S(p);
	R(shm_unlink(name));
	R(shm_unlink(name));
}

const struct behaviour behaviours[] = {BEHAVIOUR(device_numbers_and_modes),
	BEHAVIOUR(dev_null_swallows_and_ends), BEHAVIOUR(dev_zero_reads_zeros),
	BEHAVIOUR(dev_full_refuses_writes), BEHAVIOUR(dev_urandom_gives_different_bytes),
	BEHAVIOUR(getrandom_forms), BEHAVIOUR(random_differs_in_child),
	BEHAVIOUR(dev_fd_and_std_links), BEHAVIOUR(devices_cannot_be_made_or_removed_by_accident),
	BEHAVIOUR(dev_shm_holds_shared_memory), {0}};
