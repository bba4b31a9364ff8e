/* SPDX-License-Identifier: Apache-2.0 */
/* Restartable sequences: registering, and what an interruption does to a critical section. */
#include "behave.h"

#include <linux/rseq.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define SIGNATURE 0x53053053u

static struct rseq *area(void)
{
	return (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
}

static void libc_registers(void)
{
	V(__rseq_size > 0);
	T((int)area()->cpu_id >= 0);
}

static void refused(void)
{
	static struct rseq mine __attribute__((aligned(32)));

	R(syscall(SYS_rseq, &mine, 32, 0, SIGNATURE));
	R(syscall(SYS_rseq, area(), 32, 0, SIGNATURE));
	R(syscall(SYS_rseq, area(), 32, 0, 1));
	R(syscall(SYS_rseq, area(), 32, RSEQ_FLAG_UNREGISTER, 1));
	R(syscall(SYS_rseq, &mine, 32, RSEQ_FLAG_UNREGISTER, SIGNATURE));
	R(syscall(SYS_rseq, area(), 32, 8, SIGNATURE));
}

static void registered_again(void)
{
	R(syscall(SYS_rseq, area(), 32, RSEQ_FLAG_UNREGISTER, SIGNATURE));
	V((int)area()->cpu_id);
	R(syscall(SYS_rseq, (char *)area() + 1, 32, 0, SIGNATURE));
	R(syscall(SYS_rseq, area(), 16, 0, SIGNATURE));
	R(syscall(SYS_rseq, area(), 32, 0, SIGNATURE));
	T((int)area()->cpu_id >= 0);
}

/* Stays in a critical section until it is aborted: true. */
static int spin_until_aborted(uint32_t spins)
{
	int aborted = 0;

	__asm__ volatile(
		"	.pushsection __rseq_cs, \"aw\"\n"
		"	.balign 32\n"
		"3:	.long 0, 0\n"
		"	.quad 1f, 2f - 1f, 4f\n"
		"	.popsection\n"
		"	leaq 3b(%%rip), %%rax\n"
		"	movq %%rax, %[cs]\n"
		"1:	decl %[spins]\n"
		"	jnz 1b\n"
		"2:	jmp 5f\n"
		"	.byte 0x0f, 0xb9, 0x3d\n" /* ud1, with the signature as its operand */
		"	.long 0x53053053\n"
		"4:	movl $1, %[aborted]\n"
		"5:\n"
		: [aborted] "+r"(aborted), [spins] "+r"(spins), [cs] "=m"(area()->rseq_cs)
		:
		: "rax", "memory", "cc");
	return aborted;
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
	alarms++;
}

static void start_alarm(void)
{
	const struct itimerval soon = {{0, 0}, {0, 20000}};

	signal(SIGALRM, on_alarm);
	MUST(setitimer(ITIMER_REAL, &soon, NULL) == 0);
}

/* Losing the processor aborts as well; the longest there is ends in any case. */
static void a_signal_aborts(void)
{
	int aborts = 0;

	start_alarm();
	while (!alarms)
		aborts += spin_until_aborted(~0u);
	T(aborts > 0);
	T(area()->rseq_cs == 0);
}

static void left_alone(void)
{
	V(spin_until_aborted(1));
}

static struct rseq_cs broken __attribute__((aligned(32)));

static void wait_with_broken_section(void)
{
	area()->rseq_cs = (uintptr_t)&broken;
	start_alarm();
	while (!alarms)
		;
}

static void bad_version(void)
{
	broken = (struct rseq_cs){.version = 1};
	wait_with_broken_section();
}

static void bad_signature(void)
{
	static const char nothing[64];

	broken = (struct rseq_cs){.start_ip = (uintptr_t)wait_with_broken_section & ~0xffful,
		.post_commit_offset = 4096,
		.abort_ip = (uintptr_t)nothing + 32};
	wait_with_broken_section();
}

static void bad_pointer(void)
{
	area()->rseq_cs = 8;
	start_alarm();
	while (!alarms)
		;
}

static void broken_sections_kill(void)
{
	in_child("version", bad_version);
	in_child("signature", bad_signature);
	in_child("pointer", bad_pointer);
}

const struct behaviour behaviours[] = {BEHAVIOUR(libc_registers), BEHAVIOUR(refused),
	BEHAVIOUR(registered_again), BEHAVIOUR(a_signal_aborts), BEHAVIOUR(left_alone),
	BEHAVIOUR(broken_sections_kill), {0}};
