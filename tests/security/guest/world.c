/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/security/guest/fuzz.h"

static void map(uint64_t at, size_t n, int prot)
{
	if (mmap((void *)at, n, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != (void *)at)
		_exit(2);
}

static void make_arena(struct random *r)
{
	map(ARENA, ARENA_PAGES * 4096, PROT_READ | PROT_WRITE);
	map(ARENA_RO, 4096, PROT_READ | PROT_WRITE);
	for (int i = 0; i < 512; i++)
		((uint64_t *)ARENA_RO)[i] = random_u64(r);
	mprotect((void *)ARENA_RO, 4096, PROT_READ);
	map(ARENA_NONE, 4096, PROT_NONE);
	arena_fill(r);
}

static void put_file(const char *name, const void *data, size_t n)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0777);

	if (fd >= 0 && write(fd, data, n) < 0)
		_exit(2);
	close(fd);
}

/* Files to run: a script, and what begins as an ELF file and goes on at random. */
static void put_programs(struct random *r)
{
	uint64_t image[64];
	int in = open("/proc/self/exe", O_RDONLY);

	for (int i = 0; i < 64; i++)
		image[i] = random_u64(r) & random_u64(r) & random_u64(r);
	if (in >= 0 && pread(in, image, sizeof(image), 0) > 0)
		for (uint64_t n = random_below(r, 8); n; n--)
			((uint8_t *)image)[random_below(r, sizeof(image))] = (uint8_t)random_u64(r);
	close(in);
	put_file("elf", image, sizeof(image));
	put_file("script", "#! /bin/true x\n", 15);
}

static void make_names(void)
{
	put_file("a", "0123456789abcdef", 16);
	put_file("b", "", 0);
	mkdir("d", 0777);
	put_file("d/e", "e", 1);
	if (symlink("a", "link") || symlink("loop", "loop") || mkfifo("fifo", 0666))
		return; /* left by the last child */
}

/* Descriptors from 3 on, of every kind that there is. */
static void make_descriptors(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	sigset_t set;
	int p[2], ep;

	sigfillset(&set);
	if (pipe(p) || pipe2(p, O_NONBLOCK))
		return;
	ep = epoll_create1(0);
	epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev);
	eventfd(1, 0);
	eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	timerfd_create(CLOCK_MONOTONIC, 0);
	signalfd(-1, &set, SFD_NONBLOCK);
	memfd_create("m", MFD_ALLOW_SEALING);
	open("a", O_RDWR);
	open("a", O_RDONLY | O_DIRECT);
	open("b", O_RDWR | O_APPEND);
	open("d", O_RDONLY | O_DIRECTORY);
	open(".", O_PATH);
	open("/usr/bin", O_RDONLY | O_DIRECTORY);
	open("/bin/true", O_RDONLY);
	open("/proc/self/mem", O_RDWR);
	open("/proc/self", O_RDONLY | O_DIRECTORY);
	open("/proc/self/maps", O_RDONLY);
	open("/dev/zero", O_RDWR);
	open("/dev/urandom", O_RDWR);
	open("/dev/full", O_RDWR);
	open("/dev/tty", O_RDWR);
	open("fifo", O_RDWR | O_NONBLOCK);
	open("/proc/self/exe", O_RDONLY);
}

void world_make(struct random *r)
{
	make_names();
	put_programs(r);
	make_descriptors();
	make_arena(r);
}
