/* SPDX-License-Identifier: Apache-2.0
 * Contexts, and the processes that have them: a context may be written to until its process is
 * gone, and a new process has no filter yet when it maps its own. So none is given away before:
 * what the old process wrote could else become a return address of the new one.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/process/process_internal.h"

#define DEATH_MS 1000 /* a killed process takes its memory down first */

struct stub_ctx *process_context(struct process_vm *vm, uint32_t number)
{
	return (struct stub_ctx *)(vm->control + STUB_FILE_CTX + (size_t)number * STUB_SLOT_SIZE);
}

void process_contexts_init(struct process_vm *vm)
{
	memset(vm->free, 0xff, sizeof(vm->free));
}

static void give_back(struct process_vm *vm, uint32_t number)
{
	vm->free[number / 64] |= 1ull << (number % 64);
}

static int take_free(struct process_vm *vm)
{
	for (uint32_t i = 0; i < SPACES_MAX / 64; i++) {
		int bit;

		if (!vm->free[i])
			continue;
		bit = __builtin_ctzll(vm->free[i]);
		vm->free[i] &= vm->free[i] - 1;
		return (int)i * 64 + bit;
	}
	return -EAGAIN;
}

bool process_is_gone(int pidfd, int wait_ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, wait_ms) > 0;
}

/* Contexts of those that have died since. */
static void reap(struct process_vm *vm)
{
	struct process_space **at = &vm->dying, *s;

	while ((s = *at)) {
		if (!process_is_gone(s->pidfd, 0)) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		close(s->pidfd);
		give_back(vm, s->number);
		free(s);
	}
}

int process_context_take(struct process_vm *vm)
{
	int number;

	reap(vm);
	number = take_free(vm);
	if (number >= 0 || !vm->dying || !process_is_gone(vm->dying->pidfd, DEATH_MS))
		return number;
	reap(vm);
	return take_free(vm);
}

void process_context_unused(struct process_vm *vm, uint32_t number)
{
	give_back(vm, number);
}

/* Gone when this returns: the zygote, which is told to end next, reaps them and so has their times.
 */
void process_spaces_end(struct process_vm *vm)
{
	for (struct process_space *s; (s = vm->idle);) {
		vm->idle = s->next;
		process_space_kill(s);
	}
	for (struct process_space *s; (s = vm->dying);) {
		vm->dying = s->next;
		process_is_gone(s->pidfd, DEATH_MS);
		close(s->pidfd);
		free(s);
	}
	vm->nidle = 0;
}

void process_space_kill(struct process_space *s)
{
	process_turn_forget(s);
	syscall(SYS_pidfd_send_signal, s->pidfd, SIGKILL, NULL, 0);
	s->next = s->vm->dying;
	s->vm->dying = s;
}
