/* SPDX-License-Identifier: Apache-2.0
 *
 * The core with a stand-in for everything around it: user programs are C functions, the channel is
 * a function, time is a number that only the harness moves. One kernel to a run, from boot to EXIT.
 *
 * A program runs on a stack of its own. To the kernel it has registers and an address space as any
 * program has: U_BASE..U_BASE+U_SIZE is mapped, and reading and writing it goes through the page
 * tables and takes the page faults. C variables are shared by all programs of a run: use them to
 * watch, not to test memory.
 */
#ifndef TESTS_CORE_HARNESS_H
#define TESTS_CORE_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <asm/errno.h>
#include <asm/unistd.h>

#include "core/task.h"

#define U_BASE	0x10000000ull
#define U_SIZE	0x100000ull
#define U_STACK (U_BASE + U_SIZE - 64) /* rsp of the first task */

#define MSEC 1000000ull

/* -- from the test: outside the kernel -- */
typedef void (*u_fn)(void *arg);
/* Boots, runs fn as the first program, fails the test unless it ends with this wait status and
 * every u_check on the way held. */
void run_program(u_fn fn, int wait_status);
#define EXITED(code) ((code) << 8)
#define KILLED(sig)  (sig)

/* Files of a host: open is told where RAM is, and gives the handles of the directories to be
 * mounted on /rw and /ro. The program then has the ids of whoever runs the tests. */
struct harness_host {
	void (*open)(u8 *ram, u64 ram_size, u32 *rw, u32 *ro);
	void (*call)(struct chan_msg *m, u8 *data);
	void (*close)(void);
};

/* Set before run_program, reset after it. */
struct harness_options {
	const struct harness_host *host;
	bool root; /* the program's user is 0 */
	u32 pids_max;
	u64 rlimit_sigpending;
	bool console; /* the program's session has a terminal, its group in the foreground */
};
extern struct harness_options harness;
extern u64 harness_kicks; /* that the home was told of */

/* -- from a program -- */
long u_syscall_(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
#define u_syscall(...) U_SYSCALL_(__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define U_SYSCALL_(nr, a, b, c, d, e, f, ...)                                                      \
	u_syscall_(nr, (u64)(a), (u64)(b), (u64)(c), (u64)(d), (u64)(e), (u64)(f))
/* fork, vfork, clone: the child begins in fn and, when that returns, exits with 0. */
long u_fork(u_fn fn, void *arg);
long u_vfork(u_fn fn, void *arg);
long u_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls, u_fn fn, void *arg);
#define U_THREAD 0x10f00u			 /* CLONE_VM FS FILES SIGHAND THREAD */
void u_exit(int code) __attribute__((noreturn)); /* exit_group */
void u_sleep(u64 ns);
void u_spin(u64 ns); /* uses the processor */
/* A trap of the processor; returns when somebody moved rip past it (u_after). */
void u_fault(u32 vector, u64 error, u64 addr);
struct task *u_task(void);
u64 u_here(void);  /* address of the instruction that this function traps with */
u64 u_after(void); /* and of the one after it */
/* Runs fn in the kernel, in this task's context, as a system call would. */
long u_kernel(long (*fn)(struct task *t, u64 arg), u64 arg);
/* The program was replaced (exec): from its next instruction on the task runs fn. */
u64 u_entry(u_fn fn, void *arg);

/* User memory, byte for byte, with faults. */
void u_read(void *dst, u64 va, size_t n);
void u_write(u64 va, const void *src, size_t n);
u32 u_get32(u64 va);
u64 u_get64(u64 va);
void u_put32(u64 va, u32 v);
void u_put64(u64 va, u64 v);
void u_put64s(u64 va, u64 a, u64 b); /* a pair: a timespec, a timeval */
void u_zero(u64 va, size_t n);

/* rt_sigaction with fn as the handler; info and uc are user addresses. It returns through
 * rt_sigreturn. */
typedef void (*u_handler)(s32 sig, u64 info, u64 uc);
long u_sigaction(s32 sig, u_handler fn, u64 flags, sigmask mask);
long u_sigignore(s32 sig);

/* Ends the run with a message unless the condition holds. */
void u_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
#define u_check(cond)                                                                              \
	do {                                                                                       \
		if (!(cond))                                                                       \
			u_fail(__FILE__, __LINE__, "expected: %s", #cond);                         \
	} while (0)
#define u_never(what_happened) u_fail(__FILE__, __LINE__, "%s", what_happened)
#define u_expect(expr, want)                                                                       \
	do {                                                                                       \
		long got_ = (long)(expr), want_ = (long)(want);                                    \
		if (got_ != want_)                                                                 \
			u_fail(__FILE__, __LINE__, "%s: expected %ld (%#lx), got %ld (%#lx)",      \
				#expr, want_, want_, got_, got_);                                  \
	} while (0)

/* -- the host's side -- */
u32 host_stops(void);			       /* CHAN_OP_STOP so far */
const char *host_log(void);		       /* the last line of CHAN_OP_LOG */
void host_event(u32 kind, u32 value, u64 tag); /* the next WAIT gives it */

/* heap.c: the kernel's heap is malloc, so that the sanitizer sees it */
extern u64 heap_live;	 /* blocks */
extern u64 heap_fail_at; /* n: the n-th allocation from now on fails; 0: none */
void heap_free_all(void);

/* The tests of each file; another binary may name its own. */
#ifndef CORE_GROUPS
#define CORE_GROUPS(X)                                                                             \
	X(process)                                                                                 \
	X(wait) X(thread) X(futex) X(signal) X(sigframe) X(timer) X(ids) X(limits) X(memory)
#endif

#define X(noun)                                                                                    \
	extern const struct CMUnitTest noun##_tests[];                                             \
	extern const size_t noun##_count;
CORE_GROUPS(X)
#undef X
#define TESTS(noun, ...)                                                                           \
	const struct CMUnitTest noun##_tests[] = {__VA_ARGS__};                                    \
	const size_t noun##_count = sizeof(noun##_tests) / sizeof(noun##_tests[0])

#endif
