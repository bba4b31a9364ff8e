/* SPDX-License-Identifier: Apache-2.0
 * /proc and /dev.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

static char text[16384];

static bool has_line(const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (!strncmp(p, line, n))
			return true;
	}
	return false;
}

static long slurp(const char *path)
{
	return io_slurp(path, text, sizeof(text));
}

static void link_is(const char *path, const char *want)
{
	char got[256] = {0};
	long n;

	u_write(IO_BUF, path, strlen(path) + 1);
	n = u_syscall(__NR_readlink, IO_BUF, A, 200);
	u_check(n > 0 && n < 200);
	u_read(got, A, (size_t)n);
	if (strcmp(got, want))
		u_fail(__FILE__, __LINE__, "%s leads to %s, not %s", path, got, want);
}

static void describes_itself(void *arg)
{
	long pid = u_syscall(__NR_getpid);
	char line[64];
	int fields = 0;

	snprintf(line, sizeof(line), "%ld", pid);
	link_is("/proc/self", line);
	snprintf(line, sizeof(line), "%ld (", pid);
	u_check(slurp("/proc/self/stat") > 0);
	u_check(!strncmp(text, line, strlen(line)));
	for (char *p = text; *p; p++)
		fields += *p == ' ' || *p == '\n';
	u_expect(fields, 52);
	u_check(slurp("/proc/self/status") > 0);
	u_check(has_line("State:\tR (running)"));
	u_check(has_line("Threads:\t1"));
	u_check(slurp("/proc/self/statm") > 0);
	u_check(slurp("/proc/self/maps") > 0);
	u_check(has_line("10000000-10100000 rw"));
	u_check(slurp("/proc/self/smaps") > 0);
	u_check(slurp("/proc/self/limits") > 0);
	u_check(has_line("Max open files            "));
	u_check(slurp("/proc/self/mounts") > 0);
	u_check(has_line("none /proc proc rw,relatime 0 0"));
	u_check(slurp("/proc/self/mountinfo") > 0);
	u_check(slurp("/proc/thread-self/comm") > 0);
	link_is("/proc/self/cwd", "/");
	u_expect(slurp("/proc/1"), -ENOENT);
	u_expect(slurp("/proc/02"), -ENOENT);
}

static void test_self(void **state)
{
	run_program(describes_itself, EXITED(0));
}

static void describes_files(void *arg)
{
	char line[64];
	int fd[2];
	long again, ev;

	io_pipe(fd, 0);
	u_expect(io_write(fd[1], "x", 1), 1);
	u_check(slurp("/proc/self/fdinfo/0") > 0);
	u_check(has_line("flags:\t0"));
	ev = u_syscall(__NR_eventfd2, 0, 0);
	snprintf(line, sizeof(line), "/proc/self/fd/%ld", ev);
	link_is(line, "anon_inode:[eventfd]");
	u_expect(io_open(line, O_RDWR), -ENXIO);
	/* a pipe can be opened once more */
	snprintf(line, sizeof(line), "/proc/self/fd/%d", fd[1]);
	again = io_open(line, O_WRONLY);
	u_check(again >= 0);
	u_expect(io_write(again, "y", 1), 1);
	u_expect(io_read(fd[0], line, 8), 2);
	u_expect(slurp("/proc/self/fd/77"), -ENOENT);
	u_check(io_open("/proc/self/fd", O_RDONLY | O_DIRECTORY) >= 0);
}

static void test_files(void **state)
{
	run_program(describes_files, EXITED(0));
}

static void exits_at_once(void *arg)
{
}

static void shows_the_dead(void *arg)
{
	char path[32];
	long pid = u_fork(exits_at_once, NULL);

	u_sleep(5 * MSEC);
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	u_check(slurp(path) > 0);
	u_check(strstr(text, ") Z ") != NULL);
	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	u_check(slurp(path) > 0);
	u_check(has_line("State:\tZ (zombie)"));
	snprintf(path, sizeof(path), "/proc/%ld/maps", pid);
	u_expect(slurp(path), 0);
	u_syscall(__NR_wait4, pid, 0, 0, 0);
	u_expect(slurp(path), -ENOENT);
}

static void test_zombie(void **state)
{
	run_program(shows_the_dead, EXITED(0));
}

static void describes_the_machine(void *arg)
{
	static const char *const files[] = {"cpuinfo", "meminfo", "stat", "uptime", "loadavg",
		"version", "filesystems", "swaps", "devices", "vmstat", "sys/kernel/hostname",
		"sys/kernel/random/uuid", "sys/fs/nr_open", "sys/vm/overcommit_memory"};
	char path[64], id[64];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%s", files[i]);
		if (slurp(path) <= 0)
			u_fail(__FILE__, __LINE__, "%s is empty", path);
	}
	u_expect(slurp("/proc/sys/kernel/random/boot_id"), 37);
	memcpy(id, text, 38);
	u_expect(slurp("/proc/sys/kernel/random/boot_id"), 37);
	u_check(!strcmp(id, text));
	u_expect(slurp("/proc/sys/kernel/random/generation"), 2);
	u_check(slurp("/proc/meminfo") > 0);
	u_check(has_line("MemTotal:       "));
	u_check(slurp("/proc/cpuinfo") > 0);
	u_check(has_line("processor\t: 0"));
	u_expect(slurp("/proc/cmdline"), 1);
}

static void test_machine(void **state)
{
	run_program(describes_the_machine, EXITED(0));
}

static void devices(void *arg)
{
	char buf[32] = "full";
	long fd = io_open("/dev/null", O_RDWR);

	u_check(fd >= 0);
	u_expect(io_write(fd, "x", 1), 1);
	u_expect(io_read(fd, buf, 8), 0);
	fd = io_open("/dev/zero", O_RDWR);
	u_expect(io_read(fd, buf, 8), 8);
	u_expect(buf[0] | buf[7], 0);
	u_check(u_syscall(__NR_mmap, 0, 4096, 3, 2 /* private */, fd, 0) > 0);
	fd = io_open("/dev/full", O_RDWR);
	u_expect(io_write(fd, "x", 1), -ENOSPC);
	fd = io_open("/dev/urandom", O_RDONLY);
	u_expect(io_read(fd, buf, 32), 32);
	u_expect(io_open("/dev/tty", O_RDWR), -ENXIO);
	u_check(io_open("/dev/ptmx", O_RDWR) >= 0);
	u_expect(io_open("/dev/kvm", O_RDWR), -ENOENT);
	link_is("/dev/stdin", "/proc/self/fd/0");
	fd = io_open("/dev/shm/x", O_RDWR | O_CREAT);
	u_check(fd >= 0);
	u_expect(io_write(fd, "abc", 3), 3);
	u_expect(slurp("/dev/shm/x"), -EACCES); /* mode 0 */
}

static void test_devices(void **state)
{
	run_program(devices, EXITED(0));
}

TESTS(proc, cmocka_unit_test(test_self), cmocka_unit_test(test_files),
	cmocka_unit_test(test_zombie), cmocka_unit_test(test_machine),
	cmocka_unit_test(test_devices));
