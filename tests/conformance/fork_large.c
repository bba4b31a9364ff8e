/* SPDX-License-Identifier: Apache-2.0 */
/* fork of a process with much memory. The sandbox has less than twice as much (test_behaviour.py),
 * so that whoever copies it, at once or bit by bit, runs out.
 */
#include "behave.h"

#include <sys/mman.h>

enum { PAGE = 4096, CHILDREN = 4, STRIDE = 64, OWN = 500 };
static const size_t SIZE = 1ul << 30;

static uint64_t *page_at(char *memory, size_t i)
{
	return (uint64_t *)(void *)(memory + i * PAGE);
}

static char *touched(void)
{
	char *p = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p != MAP_FAILED);
	for (size_t i = 0; i < SIZE / PAGE; i++)
		*page_at(p, i) = i * 0x9e3779b97f4a7c15u + 1;
	return p;
}

static long wrong_pages(char *p)
{
	long wrong = 0;

	for (size_t i = 0; i < SIZE / PAGE; i += STRIDE)
		wrong += *page_at(p, i) != i * 0x9e3779b97f4a7c15u + 1;
	return wrong;
}

static void a_child_of_a_large_process_shares_its_memory(void)
{
	char *p = touched();
	pid_t pid = fork();

	if (pid == 0)
		_exit(wrong_pages(p) != 0);
	reap("child", pid);
	V(wrong_pages(p));
}

/* All at once, each with some pages of its own. */
static void children_of_a_large_process_share_its_memory(void)
{
	char *p = touched();
	int hold[2], ready[2];
	char c;

	MUST(pipe(hold) == 0 && pipe(ready) == 0);
	for (int k = 0; k < CHILDREN; k++) {
		pid_t pid = fork();

		MUST(pid >= 0);
		if (pid)
			continue;
		close(hold[1]);
		long wrong = wrong_pages(p);
		for (size_t i = 0; i < OWN; i++)
			*page_at(p, i * 500) = (uint64_t)k;
		MUST(write(ready[1], "r", 1) == 1 && read(hold[0], &c, 1) == 0);
		for (size_t i = 0; i < OWN; i++)
			wrong += *page_at(p, i * 500) != (uint64_t)k;
		_exit(wrong != 0);
	}
	for (int k = 0; k < CHILDREN; k++)
		MUST(read(ready[0], &c, 1) == 1);
	V(wrong_pages(p));
	close(hold[1]);
	for (int k = 0; k < CHILDREN; k++)
		reap("child", -1);
	V(wrong_pages(p));
}

/* What the parent writes after the fork is its own; what the child had is gone when it is. */
static void a_large_parent_goes_on_writing(void)
{
	char *p = touched();

	for (int round = 1; round <= 3; round++) {
		pid_t pid = fork();

		MUST(pid >= 0);
		if (pid == 0)
			_exit(wrong_pages(p) != 0);
		for (size_t i = 0; i < OWN; i++)
			page_at(p, i)[1] = (uint64_t)round;
		reap("child", pid);
	}
	V(wrong_pages(p));
	V((long)page_at(p, 5)[1]);
}

const struct behaviour behaviours[] = {BEHAVIOUR(a_child_of_a_large_process_shares_its_memory),
	BEHAVIOUR(children_of_a_large_process_share_its_memory),
	BEHAVIOUR(a_large_parent_goes_on_writing), {0}};
