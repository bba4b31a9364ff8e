/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <sys/syscall.h>

static void numbers_far_beyond_the_table_are_enosys(void)
{
	static const long numbers[] = {
		600, 999, 1000, 4095, 0x10000, 0x7fffffff, -1, -100, (long)0x8000000000000000};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		errno = 0;
		long r = syscall(numbers[i], 1, 2, 3, 4, 5, 6);
		say("call %ld: %ld %s", numbers[i], r, errno_name(errno));
	}
}

static void numbers_never_implemented_are_enosys(void)
{
	static const long numbers[] = {SYS_uselib, SYS__sysctl, SYS_create_module,
		SYS_get_kernel_syms, SYS_query_module, SYS_nfsservctl, SYS_getpmsg, SYS_putpmsg,
		SYS_afs_syscall, SYS_tuxcall, SYS_security, SYS_epoll_ctl_old, SYS_epoll_wait_old,
		SYS_vserver};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		errno = 0;
		long r = syscall(numbers[i], 0, 0, 0, 0, 0, 0);
		say("call %ld: %ld %s", numbers[i], r, errno_name(errno));
	}
}

static void x32_numbers_are_enosys(void)
{
	errno = 0;
	R(syscall(0x40000000 + SYS_getpid));
	R(syscall(0x40000000 + SYS_write, 1, "x", 1));
}

static void call_preserves_all_but_three_registers(void)
{
	uint64_t sum;
	__asm__ volatile("mov $1, %%rdi\n\t"
			 "mov $2, %%rsi\n\t"
			 "mov $3, %%rdx\n\t"
			 "mov $4, %%r10\n\t"
			 "mov $5, %%r8\n\t"
			 "mov $6, %%r9\n\t"
			 "mov $7, %%rbx\n\t"
			 "mov $8, %%r12\n\t"
			 "mov $9, %%r13\n\t"
			 "mov $10, %%r14\n\t"
			 "mov $11, %%r15\n\t"
			 "mov $39, %%eax\n\t"
			 "syscall\n\t"
			 "lea (%%rdi, %%rsi), %0\n\t"
			 "add %%rdx, %0\n\t"
			 "add %%r10, %0\n\t"
			 "add %%r8, %0\n\t"
			 "add %%r9, %0\n\t"
			 "add %%rbx, %0\n\t"
			 "add %%r12, %0\n\t"
			 "add %%r13, %0\n\t"
			 "add %%r14, %0\n\t"
			 "add %%r15, %0"
			 : "=&a"(sum)
			 :
			 : "rdi", "rsi", "rdx", "r10", "r8", "r9", "rbx", "r12", "r13", "r14",
			 "r15", "rcx", "r11", "memory", "cc");
	V((long)sum);
}

static void call_leaves_return_address_and_flags_in_rcx_and_r11(void)
{
	uint64_t rcx, r11, here;
	__asm__ volatile("mov $39, %%eax\n\t"
			 "syscall\n"
			 "1: lea 1b(%%rip), %2\n\t"
			 "mov %%rcx, %0\n\t"
			 "mov %%r11, %1"
			 : "=&r"(rcx), "=&r"(r11), "=&r"(here)
			 :
			 : "rax", "rcx", "r11", "memory", "cc");
	T(rcx == here);
	T((r11 & 0x202) == 0x202);
}

static void call_preserves_vector_registers(void)
{
	double in = 3.5, out;
	long r;
	__asm__ volatile("movsd %2, %%xmm1\n\t"
			 "movsd %2, %%xmm14\n\t"
			 "syscall\n\t"
			 "addsd %%xmm1, %%xmm14\n\t"
			 "movsd %%xmm14, %1"
			 : "=a"(r), "=m"(out)
			 : "m"(in), "0"(39L)
			 : "xmm1", "xmm14", "rcx", "r11", "memory");
	T(r == getpid());
	say("%.1f", out);
}

static void call_with_unusual_flags_set(void)
{
	long r;
	__asm__ volatile(
		"pushfq; orq $0x40400, (%%rsp); popfq; syscall; pushfq; andq $~0x40400, (%%rsp); "
		"popfq"
		: "=a"(r)
		: "0"(39L)
		: "rcx", "r11", "memory", "cc");
	T(r == getpid());
}

const struct behaviour behaviours[] = {BEHAVIOUR(numbers_far_beyond_the_table_are_enosys),
	BEHAVIOUR(numbers_never_implemented_are_enosys), BEHAVIOUR(x32_numbers_are_enosys),
	BEHAVIOUR(call_preserves_all_but_three_registers),
	BEHAVIOUR(call_leaves_return_address_and_flags_in_rcx_and_r11),
	BEHAVIOUR(call_preserves_vector_registers), BEHAVIOUR(call_with_unusual_flags_set), {0}};
