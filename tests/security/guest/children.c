/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/security/guest/fuzz.h"

/* rax only: a new process or thread that a call made ends here, for its stack may be anywhere. */
static long call6(
	uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("mov %%rax, %%rbx\n\t"
			 "syscall\n\t"
			 "test %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "cmp $56, %%rbx\n\t" /* clone, fork, vfork */
			 "jb 2f\n\t"
			 "cmp $58, %%rbx\n\t"
			 "jbe 3f\n\t"
			 "2: cmp $435, %%rbx\n\t" /* clone3 */
			 "jne 1f\n\t"
			 "3: mov $60, %%eax\n\t"
			 "xor %%edi, %%edi\n\t"
			 "syscall\n\t"
			 "1:"
			 : "=a"(ret)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rbx", "rcx", "r11", "memory", "cc");
	return ret;
}

static long call(uint64_t nr, const uint64_t a[6])
{
	return call6(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void child_calls(struct random *r)
{
	for (int i = 0; i < 2000; i++) {
		uint64_t nr = fuzz_number(r), a[6];

		fuzz_arguments(r, nr, a);
		if (!(i & 63))
			arena_fill(r);
		__atomic_fetch_add(fuzz_count, 1, __ATOMIC_RELAXED);
		call(nr, a);
	}
}

/* -- bytes -- */

static uint8_t *code;

static void on_fault(int signo, siginfo_t *si, void *uc_arg)
{
	(void)signo;
	(void)si;
	(void)uc_arg;
	_exit(1);
}

/* Instructions that are interesting are put in between. */
static void put_code(struct random *r, uint8_t *p, size_t n)
{
	static const char *const pieces[] = {"\x0f\x05", "\xcd\x80", "\x0f\x34", "\xcc", "\xf1",
		"\x0f\x0b", "\x48\xcf", "\xcb", "\x9d", "\x0f\x01\xd0", "\x0f\xae\x28",
		"\x0f\x01\xef", "\xf4", "\xfa", "\x0f\x01\xf9", "\x0f\xa2", "\x8e\xd8", "\x8e\xe0",
		"\x0f\xc7\x0f", "\xf3\x48\x0f\xae\xd0", "\xf3\x48\x0f\xae\xd8", "\xc8\xff\xff\x1f",
		"\x0f\x1f\x84", "\xf3\xa4", "\xc5\xfc\x28"};

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)random_u64(r);
	for (size_t i = 0; i + 8 < n; i += 1 + random_below(r, 12)) {
		const char *s = pieces[random_below(r, sizeof(pieces) / sizeof(pieces[0]))];

		memcpy(p + i, s, strlen(s));
	}
}

void child_bytes(struct random *r)
{
	struct sigaction sa;
	stack_t ss;

	code = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
		-1, 0);
	if (code == MAP_FAILED)
		return;
	put_code(r, code, 65536);
	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_fault;
	sa.sa_flags = SA_SIGINFO | (random_below(r, 2) ? SA_ONSTACK : 0);
	ss.ss_sp = (void *)ARENA;
	ss.ss_size = 32768;
	ss.ss_flags = 0;
	sigaltstack(&ss, NULL);
	if (random_below(r, 2))
		for (int s = 1; s < 32; s++)
			sigaction(s, &sa, NULL);
	for (int tries = 0; tries < 20; tries++) {
		uint8_t *at = code + random_below(r, 65000);
		pid_t pid = fork();

		if (!pid) {
			uint64_t a = random_u64(r), b = random_u64(r) >> random_below(r, 64);

			__asm__ volatile("jmp *%0" ::"r"(at), "a"(fuzz_number(r)), "D"(a), "S"(b),
					 "d"(ARENA + 64), "c"(random_below(r, 100))
					 : "memory");
			__builtin_unreachable();
		}
		usleep(500);
	}
}

/* -- threads -- */

static void *changer(void *arg)
{
	struct random r = *(struct random *)arg;

	for (;;) {
		uint64_t at = ARENA + random_below(&r, ARENA_PAGES * 512) * 8;

		*(volatile uint64_t *)at = random_u64(&r) >> random_below(&r, 64);
	}
	return NULL;
}

static void *caller(void *arg)
{
	struct random r = *(struct random *)arg;

	for (;;)
		child_calls(&r);
	return NULL;
}

void child_threads(struct random *r)
{
	static struct random seeds[4];
	pthread_t t;

	for (int i = 0; i < 4; i++) {
		seeds[i] = random_seeded(random_u64(r));
		if (pthread_create(&t, NULL, i < 1 ? changer : caller, &seeds[i]))
			break;
	}
	child_calls(r);
}
