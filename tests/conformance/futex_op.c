/* SPDX-License-Identifier: Apache-2.0 */
/* FUTEX_WAKE_OP: every operation, every comparison, and what is none. */
#include "behave.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static long wake_op(uint32_t *word, uint32_t *other, uint32_t op)
{
	return syscall(SYS_futex, word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 1, other, op);
}

static void operations(void)
{
	for (uint32_t op = 0; op < 8; op++) {
		uint32_t word = 0, other = 6;

		V(op);
		R(wake_op(&word, &other, FUTEX_OP(op, 3, FUTEX_OP_CMP_EQ, 0)));
		V(other);
	}
}

static void operations_on_a_bit(void)
{
	for (uint32_t op = 0; op < 5; op++) {
		uint32_t word = 0, other = 0x35;

		V(op);
		R(wake_op(&word, &other,
			FUTEX_OP((op | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_EQ, 0)));
		V(other);
	}
}

static void arguments_have_a_sign(void)
{
	uint32_t word = 0, other = 5;

	R(wake_op(&word, &other, FUTEX_OP(FUTEX_OP_ADD, 0xfffu, FUTEX_OP_CMP_LT, 0xfffu)));
	V((int)other);
	R(wake_op(&word, &other, FUTEX_OP(FUTEX_OP_SET, 0x800u, FUTEX_OP_CMP_GT, 0x800u)));
	V((int)other);
}

/* Whoever waits for the second word is woken when the old value compares as said. */
static long wakes_second(uint32_t cmp, uint32_t old, uint32_t arg)
{
	uint32_t *words =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct timespec limit = {20, 0};
	long woken;
	pid_t pid;

	MUST(words != MAP_FAILED);
	words[1] = old;
	pid = fork();
	MUST(pid >= 0);
	if (!pid)
		_exit(syscall(SYS_futex, &words[1], FUTEX_WAIT, old, &limit, NULL, 0) ? 1 : 0);
	until_asleep(pid);
	/* adding nothing leaves the value to whoever comes late */
	woken = syscall(SYS_futex, &words[0], FUTEX_WAKE_OP, 1, 1, &words[1],
		FUTEX_OP(FUTEX_OP_ADD, 0, cmp, arg));
	while (syscall(SYS_futex, &words[1], FUTEX_WAKE, 1) == 0 && woken <= 0)
		sleep_ms(1);
	MUST(waitpid(pid, NULL, 0) == pid);
	munmap(words, 4096);
	return woken;
}

static void comparisons(void)
{
	for (uint32_t cmp = FUTEX_OP_CMP_EQ; cmp <= FUTEX_OP_CMP_GE; cmp++) {
		V(cmp);
		R(wakes_second(cmp, 4, 5));
		R(wakes_second(cmp, 5, 5));
		R(wakes_second(cmp, 6, 5));
	}
}

static void bad_comparison(void)
{
	uint32_t word = 0, other = 1;

	R(wake_op(&word, &other, FUTEX_OP(FUTEX_OP_ADD, 1, 6, 0)));
	V(other);
	R(wake_op(&word, &other, FUTEX_OP(FUTEX_OP_ADD, 1, 15, 0)));
	V(other);
}

static void bad_memory(void)
{
	uint32_t word = 0;
	uint32_t *readonly = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(readonly != MAP_FAILED);
	R(wake_op(&word, (uint32_t *)8, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
	R(wake_op((uint32_t *)8, &word, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
	R(wake_op(&word, (uint32_t *)((char *)&word + 1),
		FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
	R(wake_op(&word, readonly, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)));
}

static void requeue_refused(void)
{
	uint32_t word = 3, other = 0;

	R(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &other, 4));
	R(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, 1, &other, 3));
	R(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, -1, 1, &other, 3));
	R(syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE, 1, -1, &other, 3));
	R(syscall(SYS_futex, &word, FUTEX_REQUEUE, 1, 1, (void *)8, 0));
	R(syscall(SYS_futex, (void *)8, FUTEX_REQUEUE, 1, 1, &other, 0));
}

const struct behaviour behaviours[] = {BEHAVIOUR(operations), BEHAVIOUR(operations_on_a_bit),
	BEHAVIOUR(arguments_have_a_sign), BEHAVIOUR(comparisons), BEHAVIOUR(bad_comparison),
	BEHAVIOUR(bad_memory), BEHAVIOUR(requeue_refused), {0}};
