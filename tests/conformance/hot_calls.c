/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that a program makes from one place thousands of times, with what compilers put
 * around them: a sandbox may do something about such places, and nothing of that may show. */
#include "behave.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

enum { HOT = 200 };

/* Each takes number and three arguments, and has the address of its `syscall` as NAME_at. */
#define CALLER(name, before, after)                                                                \
	long name(long nr, long a, long b, long c);                                                \
	extern const uint8_t name##_at[];                                                          \
	__asm__(".text\n.balign 16\n.type " #name ", @function\n" #name ":\n\t" before "\n" #name  \
		"_at:\n\tsyscall\n\t" after "\n\t.size " #name ", . - " #name "\n\t.balign 16\n")
#define ARGUMENTS                                                                                  \
	"mov %rsi, %r8\n\tmov %rdi, %rax\n\tmov %r8, %rdi\n\tmov %rdx, %rsi\n\tmov %rcx, %rdx"

/* -1000 if the flags say that it failed, in the way of C libraries */
CALLER(with_comparison, ARGUMENTS, "cmp $-4096, %rax\n\tja 1f\n\tret\n1:\tmov $-1000, %rax\n\tret");
CALLER(with_short_comparison, ARGUMENTS,
	".byte 0x3d, 0x00, 0xf0, 0xff, 0xff\n\tja 1f\n\tret\n1:\tmov $-1000, %rax\n\tret");
CALLER(with_return, ARGUMENTS, "ret");
CALLER(with_jump, ARGUMENTS, ".byte 0xe9\n\t.long jumped_to - . - 4\n\tint3");
__asm__(".text\n.balign 256\n.skip 512, 0xcc\njumped_to:\n\tneg %rax\n\tret\n");
/* enters with_comparison behind its `syscall`, or at it */
long to_comparison(long nr, long a, long b, long c);
long to_syscall(long nr, long a, long b, long c);
__asm__(".text\nto_comparison:\n\tmov %rdi, %rax\n\tjmp with_comparison_at + 2\n"
	"to_syscall:\n\tmov %rdi, %rax\n\tjmp with_comparison_at\n");

static void heat(long (*call)(long, long, long, long))
{
	for (int i = 0; i < HOT; i++)
		call(SYS_close, -1, 0, 0);
}

static void results_and_flags(void)
{
	int ok = 0, failed = 0, pid = getpid();

	for (int i = 0; i < HOT; i++) {
		ok += with_comparison(SYS_getpid, 0, 0, 0) == pid;
		failed += with_comparison(SYS_close, -1, 0, 0) == -1000;
	}
	V(ok);
	V(failed);
	V(with_comparison(SYS_lseek, open_file("/dev/null", O_RDONLY), 7, SEEK_SET));
}

static void results_with_a_short_comparison(void)
{
	int ok = 0, failed = 0, pid = getpid();

	for (int i = 0; i < HOT; i++) {
		ok += with_short_comparison(SYS_getpid, 0, 0, 0) == pid;
		failed += with_short_comparison(SYS_close, -1, 0, 0) == -1000;
	}
	V(ok);
	V(failed);
}

static void a_return_follows(void)
{
	heat(with_return);
	V(with_return(SYS_close, -1, 0, 0));
	T(with_return(SYS_getpid, 0, 0, 0) == getpid());
}

static void a_jump_follows(void)
{
	heat(with_jump);
	V(with_jump(SYS_close, -1, 0, 0));
	T(with_jump(SYS_getpid, 0, 0, 0) == -getpid());
}

static void numbers_that_do_not_exist(void)
{
	heat(with_return);
	V(with_return(5000, 0, 0, 0));
	V(with_return(-1, 0, 0, 0));
	V(with_return(0x100000000 | 5000, 0, 0, 0));
	T(with_return(0x100000000 | SYS_getpid, 0, 0, 0) == getpid());
}

static void a_jump_behind_the_call(void)
{
	V(to_comparison(7, 0, 0, 0));
	heat(with_comparison);
	V(to_comparison(7, 0, 0, 0));
	V(to_comparison(-4096, 0, 0, 0));
	V(to_comparison(-4095, 0, 0, 0));
	V(with_comparison(SYS_close, -1, 0, 0));
}

static void a_jump_to_the_call(void)
{
	heat(with_comparison);
	T(to_syscall(SYS_getpid, 0, 0, 0) == getpid());
	V(to_syscall(SYS_close, -1, 0, 0));
}

static volatile long interrupted_at;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;

	(void)signal, (void)info;
	interrupted_at =
		(long)(uc->uc_mcontext.gregs[REG_RIP] - (long)(uintptr_t)with_comparison_at);
}

static void handle(int flags)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};

	MUST(sigaction(SIGUSR1, &sa, NULL) == 0);
}

static void a_handler_sees_where_it_interrupted(void)
{
	pid_t pid;

	heat(with_comparison);
	handle(0);
	pid = signal_when_asleep(SIGUSR1);
	V(with_comparison(SYS_pause, 0, 0, 0));
	V(interrupted_at);
	reap("signaller", pid);
}

static void an_interrupted_call_is_restarted(void)
{
	char text[8] = "";
	int ends[2];
	pid_t pid;

	MUST(pipe(ends) == 0);
	heat(with_comparison);
	handle(SA_RESTART);
	pid = fork();
	if (pid == 0) {
		until_asleep(getppid());
		kill(getppid(), SIGUSR1);
		until_asleep(getppid());
		_exit(write(ends[1], "late", 4) == 4 ? 0 : 1);
	}
	V(with_comparison(SYS_read, ends[0], (long)text, sizeof(text)));
	V(interrupted_at);
	S(text);
	reap("writer", pid);
}

static volatile sig_atomic_t awaited;

static void it_came(int sig)
{
	awaited = 0;
}

/* The next is set when the last has come and the program goes on: on a machine so busy that a
 * handler takes longer than the time between signals, an interval timer would let nothing else run.
 */
static void a_signal_at_any_moment(void)
{
	struct sigaction sa = {.sa_handler = it_came, .sa_flags = SA_RESTART};
	int64_t end = now_ns(CLOCK_MONOTONIC) + 5000000000;
	int wrong = 0;

	heat(with_comparison);
	MUST(sigaction(SIGALRM, &sa, NULL) == 0);
	for (int i = 0; i < 20000 && now_ns(CLOCK_MONOTONIC) < end; i++) {
		if (!awaited) {
			const struct itimerval soon = {{0, 0}, {0, 30 + i % 300}};

			awaited = 1;
			MUST(setitimer(ITIMER_REAL, &soon, NULL) == 0);
		}
		wrong += with_comparison(SYS_close, -1, 0, 0) != -1000;
		wrong += with_comparison(SYS_getuid, 0, 0, 0) != getuid();
	}
	V(wrong);
}

static void in_a_child_and_after_it(void)
{
	int ok = 0;

	heat(with_comparison);
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			heat(with_short_comparison);
			_exit(with_comparison(SYS_getpid, 0, 0, 0) == getpid() &&
						with_short_comparison(SYS_close, -1, 0, 0) == -1000
					? 7
					: 8);
		}
		reap("child", pid);
		ok += with_comparison(SYS_getpid, 0, 0, 0) == getpid();
	}
	V(ok);
}

static uint8_t *page_of(const uint8_t *at)
{
	return (uint8_t *)((uintptr_t)at & ~4095ul);
}

/* Debuggers and tracers that live in the process do this. */
static void text_made_writable_is_the_programs_own(void)
{
	uint8_t *page = page_of(with_comparison_at), *at = page + (with_comparison_at - page);

	heat(with_comparison);
	MUST(mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
	say_bytes("bytes", at, 8);
	V(with_comparison(SYS_close, -1, 0, 0));
	at[3] = 0x3d;
	at[4] = 0; /* cmp $-4096 becomes cmp $-65536 + 4096: all that is above is a failure */
	at[5] = 0;
	V(with_comparison(SYS_close, -1, 0, 0));
	MUST(mprotect(page, 8192, PROT_READ | PROT_EXEC) == 0);
	heat(with_comparison);
	V(with_comparison(SYS_close, -1, 0, 0));
}

static void other_code_at_the_same_place(void)
{
	/* mov %rdi,%rax; syscall; cmp $-4096,%rax; ret -- and mov $42,%eax; ret */
	static const uint8_t first[] = {0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0x0f, 0x05, 0x48, 0x3d,
		0x00, 0xf0, 0xff, 0xff, 0xc3},
			     second[] = {0xb8, 0x2a, 0, 0, 0, 0xeb, 0x05, 0xcc, 0xcc, 0xcc, 0xcc,
				     0xcc, 0x90, 0x90, 0xc3};
	int fd = open_file("code", O_RDWR | O_CREAT), prot = PROT_READ | PROT_EXEC;
	long (*call)(long, long);
	void *p;

	MUST(pwrite(fd, first, sizeof(first), 0) == sizeof(first));
	MUST(pwrite(fd, second, sizeof(second), 4096) == sizeof(second));
	p = mmap(NULL, 4096, prot, MAP_PRIVATE, fd, 0);
	MUST(p != MAP_FAILED);
	call = (long (*)(long, long))(uintptr_t)p;
	for (int i = 0; i < HOT; i++)
		call(SYS_close, -1);
	V(call(SYS_close, -1));
	MUST(mmap(p, 4096, prot, MAP_PRIVATE | MAP_FIXED, fd, 4096) == p);
	V(call(SYS_close, -1));
	MUST(mmap(p, 4096, prot, MAP_PRIVATE | MAP_FIXED, fd, 0) == p);
	for (int i = 0; i < HOT; i++)
		call(SYS_close, -1);
	V(call(SYS_close, -1));
}

const struct behaviour behaviours[] = {BEHAVIOUR(results_and_flags),
	BEHAVIOUR(results_with_a_short_comparison), BEHAVIOUR(a_return_follows),
	BEHAVIOUR(a_jump_follows), BEHAVIOUR(numbers_that_do_not_exist),
	BEHAVIOUR(a_jump_behind_the_call), BEHAVIOUR(a_jump_to_the_call),
	BEHAVIOUR(a_handler_sees_where_it_interrupted), BEHAVIOUR(an_interrupted_call_is_restarted),
	BEHAVIOUR(a_signal_at_any_moment), BEHAVIOUR(in_a_child_and_after_it),
	BEHAVIOUR(text_made_writable_is_the_programs_own), BEHAVIOUR(other_code_at_the_same_place),
	{0}};
