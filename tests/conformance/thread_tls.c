/* SPDX-License-Identifier: Apache-2.0 */
/* Thread-local storage, and every register file, across switches between threads. */
#include "behave.h"

#include <cpuid.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { THREADS = 4, ROUNDS = 300 };

static __thread int initialised = 7;
static __thread int zeroed;
static __thread char large[8000];
static int failures;

static void run(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		MUST(pthread_create(&t[i], NULL, fn, (void *)(i + 1)) == 0);
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_join(t[i], NULL) == 0);
	V(failures);
}

static void fail(void)
{
	__atomic_fetch_add(&failures, 1, __ATOMIC_SEQ_CST);
}

static void *use_tls(void *me)
{
	if (initialised != 7 || zeroed != 0 || large[4000] != 0)
		fail();
	initialised = zeroed = (int)(long)me;
	memset(large, (int)(long)me, sizeof(large));
	for (int i = 0; i < ROUNDS; i++) {
		sched_yield();
		if (initialised != (long)me || zeroed != (long)me || large[i * 20] != (long)me)
			fail();
	}
	return NULL;
}

static void tls_is_private_to_each_thread(void)
{
	run(use_tls);
	V(initialised);
	V(zeroed);
}

static void tls_is_copied_by_fork(void)
{
	initialised = 50;
	pid_t pid = fork();
	if (pid == 0)
		_exit(initialised++);
	reap("child saw", pid);
	V(initialised);
}

static void *errno_user(void *me)
{
	for (int i = 0; i < ROUNDS; i++) {
		errno = (int)(long)me;
		sched_yield();
		if (errno != (long)me)
			fail();
	}
	return NULL;
}

static void errno_is_private_to_each_thread(void)
{
	run(errno_user);
}

static pthread_key_t key;

static void count_destructor(void *value)
{
	__atomic_fetch_add(&failures, (int)(long)value, __ATOMIC_SEQ_CST);
}

static void *use_key(void *me)
{
	pthread_setspecific(key, me);
	sched_yield();
	if (pthread_getspecific(key) != me)
		failures = 1000;
	return NULL;
}

static void key_destructors_run(void)
{
	MUST(pthread_key_create(&key, count_destructor) == 0);
	run(use_key);
}

/* Busy, so that the switch happens at any instruction rather than in a call. */
static void *hold_sse(void *me)
{
	double want = (double)(long)me;
	for (int round = 0; round < ROUNDS; round++) {
		double got;
		__asm__ volatile("movsd %1, %%xmm7\n\t"
				 "movsd %1, %%xmm15\n\t"
				 "mov $20000, %%ecx\n"
				 "1: dec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "addsd %%xmm15, %%xmm7\n\t"
				 "movsd %%xmm7, %0"
				 : "=m"(got)
				 : "m"(want)
				 : "ecx", "xmm7", "xmm15", "cc");
		if (got != 2 * want)
			fail();
	}
	return NULL;
}

static void sse_registers_survive_preemption(void)
{
	run(hold_sse);
}

static void *hold_x87(void *me)
{
	double want = (double)(long)me;
	for (int round = 0; round < ROUNDS; round++) {
		double got;
		__asm__ volatile("fldl %1\n\t"
				 "fldl %1\n\t"
				 "mov $20000, %%ecx\n"
				 "1: dec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "faddp\n\t"
				 "fstpl %0"
				 : "=m"(got)
				 : "m"(want)
				 : "ecx", "cc", "st", "st(1)");
		if (got != 2 * want)
			fail();
	}
	return NULL;
}

static void x87_registers_survive_preemption(void)
{
	run(hold_x87);
}

static bool has_avx(void)
{
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return false;
	__asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & 6) == 6;
}

static void *hold_avx(void *me)
{
	uint64_t want[4], got[4];
	for (int i = 0; i < 4; i++)
		want[i] = (uint64_t)(long)me * 0x0101010101010101u + (uint64_t)i;
	for (int round = 0; round < ROUNDS; round++) {
		__asm__ volatile("vmovdqu %1, %%ymm9\n\t"
				 "mov $20000, %%ecx\n"
				 "1: dec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "vmovdqu %%ymm9, %0\n\t"
				 "vzeroupper"
				 : "=m"(got)
				 : "m"(want)
				 : "ecx", "xmm9", "cc", "memory");
		if (memcmp(want, got, sizeof(want)) != 0)
			fail();
	}
	return NULL;
}

static void avx_registers_survive_preemption(void)
{
	/* Only a machine that offers AVX to programs must keep it; the rest pass with 0 failures.
	 */
	if (has_avx())
		run(hold_avx);
	else
		V(failures);
}

static void *hold_general(void *me)
{
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t sum;
		__asm__ volatile("mov %1, %%rbx\n\t"
				 "lea 1(%%rbx), %%r8\n\t"
				 "lea 2(%%rbx), %%r9\n\t"
				 "lea 3(%%rbx), %%r12\n\t"
				 "lea 4(%%rbx), %%r13\n\t"
				 "lea 5(%%rbx), %%r14\n\t"
				 "lea 6(%%rbx), %%r15\n\t"
				 "std\n\t"
				 "mov $20000, %%ecx\n"
				 "1: dec %%ecx\n\t"
				 "jnz 1b\n\t"
				 "pushfq\n\t"
				 "pop %%rsi\n\t"
				 "cld\n\t"
				 "and $0x400, %%esi\n\t"
				 "add %%rbx, %%rsi\n\t"
				 "add %%r8, %%rsi\n\t"
				 "add %%r9, %%rsi\n\t"
				 "add %%r12, %%rsi\n\t"
				 "add %%r13, %%rsi\n\t"
				 "add %%r14, %%rsi\n\t"
				 "add %%r15, %%rsi\n\t"
				 "mov %%rsi, %0"
				 : "=r"(sum)
				 : "r"(me)
				 : "rbx", "rcx", "rsi", "r8", "r9", "r12", "r13", "r14", "r15",
				 "cc", "memory");
		if (sum != (uint64_t)(long)me * 7 + 21 + 0x400)
			fail();
	}
	return NULL;
}

static void general_registers_and_flags_survive_preemption(void)
{
	run(hold_general);
}

static void *hold_rounding(void *me)
{
	unsigned csr = 0x1f80 | (unsigned)((long)me & 3) << 13, got;
	unsigned short cw = (unsigned short)(0x037f | ((long)me & 3) << 10), got_cw;
	__asm__ volatile("ldmxcsr %0; fldcw %1" ::"m"(csr), "m"(cw));
	for (int round = 0; round < ROUNDS; round++) {
		sched_yield();
		__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(got), "=m"(got_cw));
		if ((got & 0x6000) != (csr & 0x6000) || got_cw != cw)
			fail();
	}
	csr = 0x1f80;
	__asm__ volatile("ldmxcsr %0; fninit" ::"m"(csr));
	return NULL;
}

static void rounding_modes_are_private_to_each_thread(void)
{
	run(hold_rounding);
}

static void new_program_has_default_fpu_state(void)
{
	unsigned csr;
	unsigned short cw;
	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(csr), "=m"(cw));
	say("mxcsr %#x, control word %#x", csr & 0xffc0, cw);
	say("%.6f", sqrt((double)(initialised - 5)));
}

static void fpu_state_is_inherited_by_fork(void)
{
	unsigned csr = 0x1f80 | 1u << 13;
	__asm__ volatile("ldmxcsr %0" ::"m"(csr));
	pid_t pid = fork();
	if (pid == 0) {
		__asm__ volatile("stmxcsr %0" : "=m"(csr));
		_exit((int)(csr >> 13 & 3));
	}
	reap("child rounding mode", pid);
}

static void arch_prctl_sets_and_reads_fs_and_gs(void)
{
	enum { SET_GS = 0x1001, SET_FS = 0x1002, GET_FS = 0x1003, GET_GS = 0x1004 };
	static uint64_t area[4] = {11, 22, 33, 44};
	uint64_t fs = 0, gs = 1, self, value;
	R(syscall(SYS_arch_prctl, GET_FS, &fs));
	__asm__("mov %%fs:0, %0" : "=r"(self));
	T(fs == self);
	R(syscall(SYS_arch_prctl, SET_GS, area));
	R(syscall(SYS_arch_prctl, GET_GS, &gs));
	T(gs == (uint64_t)(uintptr_t)area);
	__asm__("mov %%gs:8, %0" : "=r"(value));
	V(value);
	sleep_ms(20);
	__asm__ volatile("mov %%gs:16, %0" : "=r"(value));
	V(value);
	R(syscall(SYS_arch_prctl, SET_GS, 0xffff800000000000u));
	R(syscall(SYS_arch_prctl, GET_FS, (void *)8));
	R(syscall(SYS_arch_prctl, 0x9999, 0L));
}

static volatile int cleared = 1;
static char clone_stack[65536] __attribute__((aligned(16)));

static int short_life(void *unused)
{
	(void)unused;
	syscall(SYS_exit, 0);
	return 0;
}

static void clear_tid_zeroes_and_wakes_at_exit(void)
{
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
		    CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID;
	volatile pid_t tid = 0;
	T(clone(short_life, clone_stack + sizeof(clone_stack), flags, NULL, &tid, NULL, &cleared) >
		0);
	T(tid > 0);
	while (cleared)
		syscall(SYS_futex, &cleared, 0, 1, NULL, NULL, 0);
	V(cleared);
	T(syscall(SYS_set_tid_address, &cleared) == getpid());
}

const struct behaviour behaviours[] = {BEHAVIOUR(tls_is_private_to_each_thread),
	BEHAVIOUR(tls_is_copied_by_fork), BEHAVIOUR(errno_is_private_to_each_thread),
	BEHAVIOUR(key_destructors_run), BEHAVIOUR(sse_registers_survive_preemption),
	BEHAVIOUR(x87_registers_survive_preemption), BEHAVIOUR(avx_registers_survive_preemption),
	BEHAVIOUR(general_registers_and_flags_survive_preemption),
	BEHAVIOUR(rounding_modes_are_private_to_each_thread),
	BEHAVIOUR(new_program_has_default_fpu_state), BEHAVIOUR(fpu_state_is_inherited_by_fork),
	BEHAVIOUR(arch_prctl_sets_and_reads_fs_and_gs),
	BEHAVIOUR(clear_tid_zeroes_and_wakes_at_exit), {0}};
