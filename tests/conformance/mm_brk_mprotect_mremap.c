/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { PAGE = 4096 };

static sigjmp_buf escape;
static volatile int caught_signal, caught_code;
static void *volatile caught_address;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	caught_signal = signal;
	caught_code = info->si_code;
	caught_address = info->si_addr;
	siglongjmp(escape, 1);
}

static void say_touch(const char *label, volatile char *p, bool write)
{
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	caught_signal = 0;
	MUST(sigaction(SIGSEGV, &sa, NULL) == 0 && sigaction(SIGBUS, &sa, NULL) == 0);
	if (sigsetjmp(escape, 1) == 0) {
		if (write)
			*p = 'w';
		else
			(void)*p;
	}
	if (!caught_signal)
		say("%s: %s", label, write ? "written" : "read");
	else
		say("%s: %s code %d, address %s", label, signal_name(caught_signal), caught_code,
			caught_address == (void *)p ? "matches" : "differs");
}

static char *anonymous(size_t pages)
{
	char *p = mmap(
		NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p != MAP_FAILED);
	return p;
}

static char *raw_brk(char *to)
{
	return (char *)syscall(SYS_brk, to);
}

static void brk_grows_shrinks_and_zeroes(void)
{
	char *start = raw_brk(NULL);
	char *top = (char *)(((uintptr_t)start + 2 * PAGE) & ~(uintptr_t)(PAGE - 1));

	T(raw_brk(top) == top);
	V(top[-1]);
	top[-1] = 'x';
	T(raw_brk(top + 100 * PAGE) == top + 100 * PAGE);
	V(top[-1]);
	V(top[99 * PAGE]);
	top[50 * PAGE] = 'y';
	T(raw_brk(top) == top);
	say_touch("beyond the break", top + 50 * PAGE, false);
	T(raw_brk(top + 100 * PAGE) == top + 100 * PAGE);
	V(top[50 * PAGE]);
	T(raw_brk(NULL) == top + 100 * PAGE);
}

static void brk_refuses_nonsense(void)
{
	char *now = raw_brk(NULL);
	T(raw_brk((char *)1) == now);
	T(raw_brk((char *)(uintptr_t)0x7fffffffffff) == now);
	T(raw_brk((char *)~(uintptr_t)0) == now);
	T(raw_brk(now + 10) == now + 10);
	T(raw_brk(NULL) == now + 10);
}

static void brk_is_copied_by_fork(void)
{
	char *start = raw_brk(NULL);
	raw_brk(start + 2 * PAGE);
	start[PAGE] = 'p';
	pid_t pid = fork();
	if (pid == 0) {
		start[PAGE] = 'c';
		_exit(raw_brk(start + 20 * PAGE) == start + 20 * PAGE ? 0 : 1);
	}
	reap("child", pid);
	V(start[PAGE]);
	T(raw_brk(NULL) == start + 2 * PAGE);
}

static void malloc_small_and_large(void)
{
	static char *p[500];
	size_t wrong = 0;
	for (size_t i = 0; i < 500; i++) {
		size_t size = (i * 7919) % 40000 + 1;
		p[i] = malloc(size);
		MUST(p[i] != NULL);
		memset(p[i], (int)i, size);
	}
	for (size_t i = 0; i < 500; i++) {
		size_t size = (i * 7919) % 40000 + 1;
		for (size_t k = 0; k < size; k += 97)
			wrong += p[i][k] != (char)i;
		free(p[i]);
	}
	V(wrong);
	char *big = calloc(1, 64 << 20);
	T(big != NULL);
	V(big[32 << 20]);
	free(big);
}

static void mprotect_read_only_faults_with_accerr(void)
{
	char *p = anonymous(3);
	p[PAGE] = 'a';
	R(mprotect(p + PAGE, PAGE, PROT_READ));
	say_touch("read", p + PAGE, false);
	say_touch("write", p + PAGE + 123, true);
	say_touch("page before", p, true);
	say_touch("page after", p + 2 * PAGE, true);
	R(mprotect(p + PAGE, PAGE, PROT_READ | PROT_WRITE));
	say_touch("write again", p + PAGE + 123, true);
	V(p[PAGE]);
}

static void mprotect_none_faults_on_read(void)
{
	char *p = anonymous(1);
	p[7] = 'k';
	R(mprotect(p, PAGE, PROT_NONE));
	say_touch("read", p + 7, false);
	say_touch("write", p + 7, true);
	R(mprotect(p, PAGE, PROT_READ));
	V(p[7]);
}

static void unmapped_faults_with_maperr(void)
{
	char *p = anonymous(1);
	R(munmap(p, PAGE));
	say_touch("unmapped read", p + 5, false);
	say_touch("unmapped write", p + 6, true);
	say_touch("null page", (char *)16, false);
	say_touch("high user", (char *)0x7fffffffe000, false);
}

static void kernel_addresses_fault(void)
{
	say_touch("kernel half", (char *)0xffffffff81000000, false);
	say_touch("kernel half write", (char *)0xffff888000000000, true);
	say_touch("last byte", (char *)~(uintptr_t)0, false);
}

static void mprotect_refusals(void)
{
	char *p = anonymous(4);
	R(mprotect(p + 1, PAGE, PROT_READ));
	R(mprotect(p, 0, PROT_READ));
	R(munmap(p + 2 * PAGE, PAGE));
	R(mprotect(p, 4 * PAGE, PROT_READ));
	R(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	R(mprotect(p, PAGE, 0x1234));
	int ro;
	make_file("a", "x");
	ro = open_file("a", O_RDONLY);
	char *s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, ro, 0);
	R(mprotect(s, PAGE, PROT_READ | PROT_WRITE));
}

static void mprotect_no_exec_faults(void)
{
	char *p = anonymous(1);
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
	p[0] = (char)0xc3;
	caught_signal = 0;
	MUST(sigaction(SIGSEGV, &sa, NULL) == 0);
	if (sigsetjmp(escape, 1) == 0)
		((void (*)(void))(uintptr_t)p)();
	say("execute: %s code %d", caught_signal ? signal_name(caught_signal) : "ran", caught_code);
	T(caught_address == p);
	R(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	((void (*)(void))(uintptr_t)p)();
	say("returned");
}

static void mprotect_splits_and_merges(void)
{
	char *p = anonymous(16);
	for (int i = 0; i < 16; i += 2)
		MUST(mprotect(p + i * PAGE, PAGE, PROT_READ) == 0);
	say_touch("even page", p + 4 * PAGE, true);
	say_touch("odd page", p + 5 * PAGE, true);
	R(mprotect(p, 16 * PAGE, PROT_READ | PROT_WRITE));
	for (int i = 0; i < 16; i++)
		p[i * PAGE] = (char)i;
	V(p[15 * PAGE]);
}

static void mprotect_after_fork_is_private(void)
{
	char *p = anonymous(1);
	pid_t pid = fork();
	if (pid == 0) {
		if (mprotect(p, PAGE, PROT_NONE) != 0)
			_exit(1);
		_exit(0);
	}
	reap("child", pid);
	say_touch("parent write", p, true);
}

static void mremap_grows_and_keeps_contents(void)
{
	char *p = anonymous(2);
	memset(p, 'm', 2 * PAGE);
	char *q = mremap(p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
	T(q != MAP_FAILED);
	V(q[0]);
	V(q[2 * PAGE - 1]);
	V(q[2 * PAGE]);
	q[64 * PAGE - 1] = 'e';
	V(q[64 * PAGE - 1]);
}

static void mremap_shrinks_in_place(void)
{
	char *p = anonymous(8);
	memset(p, 's', 8 * PAGE);
	T(mremap(p, 8 * PAGE, 3 * PAGE, 0) == p);
	V(p[3 * PAGE - 1]);
	say_touch("cut off", p + 3 * PAGE, false);
}

static void mremap_without_maymove_may_fail(void)
{
	char *p = anonymous(4);
	P(mremap(p, PAGE, 2 * PAGE, 0));
	p[PAGE] = 'n';
	V(p[PAGE]);
	R(munmap(p + 3 * PAGE, PAGE));
	char *q = mremap(p + 2 * PAGE, PAGE, 2 * PAGE, 0);
	T(q == p + 2 * PAGE);
}

static void mremap_fixed_moves(void)
{
	char *p = anonymous(2), *target = anonymous(4);
	memset(p, 'f', 2 * PAGE);
	memset(target, 't', 4 * PAGE);
	char *q = mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE);
	T(q == target + PAGE);
	V(target[0]);
	V(target[PAGE]);
	V(target[3 * PAGE]);
	say_touch("old place", p, false);
}

static void mremap_refusals(void)
{
	char *p = anonymous(2);
	P(mremap(p + 1, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
	P(mremap(p, PAGE, 0, MREMAP_MAYMOVE));
	P(mremap(p, 2 * PAGE, 4 * PAGE, 0x80));
	P(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_FIXED, p + 2 * PAGE));
	P(mremap(p, 2 * PAGE, 2 * PAGE, MREMAP_FIXED | MREMAP_MAYMOVE, p + PAGE));
	R(munmap(p, 2 * PAGE));
	P(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE));
}

static void mremap_of_shared_file_mapping(void)
{
	make_file("a", "");
	int fd = open_file("a", O_RDWR);
	MUST(ftruncate(fd, 4 * PAGE) == 0);
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p[0] = 'A';
	char *q = mremap(p, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	T(q != MAP_FAILED);
	q[3 * PAGE] = 'D';
	char c = 0;
	R(pread(fd, &c, 1, 3 * PAGE));
	V(c);
	V(q[0]);
}

static void madvise_dontneed_zeroes_anonymous(void)
{
	char *p = anonymous(3);
	memset(p, 'd', 3 * PAGE);
	R(madvise(p + PAGE, PAGE, MADV_DONTNEED));
	V(p[PAGE - 1]);
	V(p[PAGE]);
	V(p[2 * PAGE - 1]);
	V(p[2 * PAGE]);
	p[PAGE] = 'n';
	V(p[PAGE]);
}

static void madvise_dontneed_rereads_private_file(void)
{
	make_file("a", "original");
	int fd = open_file("a", O_RDWR);
	char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	p[0] = 'X';
	V(p[0]);
	R(madvise(p, PAGE, MADV_DONTNEED));
	V(p[0]);
}

static void madvise_other_advice(void)
{
	char *p = anonymous(2);
	R(madvise(p, PAGE, MADV_NORMAL));
	R(madvise(p, PAGE, MADV_SEQUENTIAL));
	R(madvise(p, PAGE, MADV_RANDOM));
	R(madvise(p, PAGE, MADV_WILLNEED));
	R(madvise(p, PAGE, MADV_FREE));
	R(madvise(p, PAGE, MADV_DONTFORK));
	R(madvise(p, PAGE, MADV_DOFORK));
	R(madvise(p + 1, PAGE, MADV_NORMAL));
	R(madvise(p, PAGE, 9999));
	R(munmap(p, 2 * PAGE));
	R(madvise(p, PAGE, MADV_DONTNEED));
}

static void stack_grows_on_demand(void)
{
	enum { SIZE = 4 << 20 };
	volatile char big[SIZE];
	long sum = 0;
	for (long i = SIZE - 1; i >= 0; i -= PAGE) {
		big[i] = 1;
		sum += big[i];
	}
	V(sum);
}

const struct behaviour behaviours[] = {BEHAVIOUR(brk_grows_shrinks_and_zeroes),
	BEHAVIOUR(brk_refuses_nonsense), BEHAVIOUR(brk_is_copied_by_fork),
	BEHAVIOUR(malloc_small_and_large), BEHAVIOUR(mprotect_read_only_faults_with_accerr),
	BEHAVIOUR(mprotect_none_faults_on_read), BEHAVIOUR(unmapped_faults_with_maperr),
	BEHAVIOUR(kernel_addresses_fault), BEHAVIOUR(mprotect_refusals),
	BEHAVIOUR(mprotect_no_exec_faults), BEHAVIOUR(mprotect_splits_and_merges),
	BEHAVIOUR(mprotect_after_fork_is_private), BEHAVIOUR(mremap_grows_and_keeps_contents),
	BEHAVIOUR(mremap_shrinks_in_place), BEHAVIOUR(mremap_without_maymove_may_fail),
	BEHAVIOUR(mremap_fixed_moves), BEHAVIOUR(mremap_refusals),
	BEHAVIOUR(mremap_of_shared_file_mapping), BEHAVIOUR(madvise_dontneed_zeroes_anonymous),
	BEHAVIOUR(madvise_dontneed_rereads_private_file), BEHAVIOUR(madvise_other_advice),
	BEHAVIOUR(stack_grows_on_demand), {0}};
