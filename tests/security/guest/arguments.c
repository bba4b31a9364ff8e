/* SPDX-License-Identifier: Apache-2.0
 * Arguments of random system calls: mostly such as a program could use, so that the call goes far,
 * with something wrong in them.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/security/guest/fuzz.h"

#define NUMBERS 470u

/* By these the child could end, stop or starve the one that watches it. */
static int names_processes(uint64_t nr)
{
	static const uint16_t list[] = {SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo,
		SYS_rt_tgsigqueueinfo, SYS_pidfd_open, SYS_prlimit64, SYS_process_vm_writev,
		SYS_ptrace, SYS_setpriority, SYS_sched_setaffinity, SYS_sched_setscheduler,
		SYS_sched_setattr, SYS_sched_setparam};

	for (unsigned i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		if (list[i] == nr)
			return 1;
	return 0;
}

/* Calls after which there is nothing left to try are rare. */
static int ends_it(uint64_t nr)
{
	return nr == SYS_exit || nr == SYS_exit_group || nr == SYS_rt_sigreturn ||
	       nr == SYS_execve || nr == SYS_execveat || nr == SYS_arch_prctl || nr == SYS_munmap ||
	       nr == SYS_vfork || nr == SYS_fork || nr == SYS_clone || nr == SYS_clone3 ||
	       nr == SYS_seccomp || nr == SYS_pause || nr == SYS_setitimer;
}

uint64_t fuzz_number(struct random *r)
{
	uint64_t nr;

	do
		nr = random_below(r, NUMBERS);
	while (ends_it(nr) && random_below(r, 20));
	return nr;
}

static uint64_t edge(struct random *r)
{
	static const uint64_t list[] = {0, 1, 2, 7, 8, 15, 16, 63, 64, 255, 4095, 4096, 4097, 65535,
		65536, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
		1ull << 63, ~0ull, ~0ull - 1, ~0ull - 4095, 0x7ffff000, 0x7fffffffe000,
		0x7ffffffff000, 0x800000000000, 0xffff800000000000};

	return list[random_below(r, sizeof(list) / sizeof(list[0]))] + random_below(r, 3) - 1;
}

static uint64_t pointer(struct random *r)
{
	switch (random_below(r, 16)) {
	case 0: /* the last bytes of what can be written, of what can be read */
		return ARENA_RO - random_below(r, 64);
	case 1:
		return ARENA_NONE - random_below(r, 64);
	case 2:
		return ARENA_RO + random_below(r, 4096);
	case 3:
		return ARENA_END + random_below(r, 4096);
	case 4:
		return edge(r);
	case 5:
		return 0;
	default:
		return ARENA + random_below(r, ARENA_PAGES * 64) * 64;
	}
}

static uint64_t value(struct random *r)
{
	switch (random_below(r, 8)) {
	case 0:
		return edge(r);
	case 1:
		return 1ull << random_below(r, 64);
	case 2:
		return random_u64(r) >> random_below(r, 64);
	case 3:
	case 4:
		return random_below(r, 40); /* a descriptor, a number, a signal */
	case 5:
		return random_below(r, 8192);
	default:
		return pointer(r);
	}
}

void fuzz_arguments(struct random *r, uint64_t nr, uint64_t a[6])
{
	for (int i = 0; i < 6; i++)
		a[i] = value(r);
	if (random_below(r, 4)) /* what most calls have first */
		a[0] = random_below(r, 3) ? random_below(r, 40) : pointer(r);
	if (random_below(r, 3) == 0)
		a[1] = pointer(r);
	if (names_processes(nr)) {
		a[0] = random_below(r, 2) ? (uint64_t)getpid() : 0x7ffffff0;
		a[1] = nr == SYS_tgkill || nr == SYS_rt_tgsigqueueinfo ? a[0] : a[1];
	}
	if (nr == SYS_ioctl && random_below(r, 2))
		a[1] = 0x5400 + random_below(r, 0x60);
	if ((nr == SYS_mmap || nr == SYS_mremap) && random_below(r, 8))
		a[1] &= 0xffffff;
	if (nr == SYS_mmap && random_below(r, 2))
		a[3] = 0x22 | (random_below(r, 2) << 4); /* private, anonymous, perhaps fixed */
}

/* -- the arena -- */

static const char *const names[] = {"a", "b", "d", "d/e", ".", "..", "/", "", "/tmp/fuzz/a", "link",
	"loop", "fifo", "/proc/self/mem", "/proc/self/fd/4", "/proc/self/maps", "/proc/1/stat",
	"/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/pts/0", "/proc/self/exe",
	"/bin/true", "script", "/etc/passwd", "/proc/sys/kernel/pid_max", "/proc/self/../..", "a/b",
	"/usr/bin", "elf"};

static void put_name(struct random *r, uint8_t *at)
{
	const char *n = names[random_below(r, sizeof(names) / sizeof(names[0]))];

	strcpy((char *)at, n);
}

static void put_struct(struct random *r, uint8_t *at)
{
	for (int i = 0; i < 8; i++) {
		uint64_t v = value(r);

		memcpy(at + i * 8, &v, 8);
	}
}

void arena_fill(struct random *r)
{
	for (uint64_t at = ARENA; at < ARENA_RO; at += 64) {
		uint8_t *p = (uint8_t *)at;

		switch (random_below(r, 4)) {
		case 0:
			put_name(r, p);
			break;
		case 1:
			for (int i = 0; i < 8; i++) {
				uint64_t v = random_u64(r) & random_u64(r);

				memcpy(p + i * 8, &v, 8);
			}
			break;
		default:
			put_struct(r, p);
		}
	}
}
