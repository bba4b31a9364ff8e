/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>

enum { SIZE = 65536 };

static char stack_area[SIZE], second_area[SIZE];
static volatile sig_atomic_t count;
static sigjmp_buf escape;

static bool on_stack(const void *p, const char *area)
{
	return (const char *)p >= area && (const char *)p < area + SIZE;
}

static void where(int signal)
{
	char here;
	(void)signal;
	count++;
	say("handler on alternate stack: %d", on_stack(&here, stack_area));
	stack_t ss;
	MUST(sigaltstack(NULL, &ss) == 0);
	say("flags in handler: %d", ss.ss_flags);
}

static void use(char *area, int flags)
{
	stack_t ss = {.ss_sp = area, .ss_size = SIZE, .ss_flags = flags};

	R(sigaltstack(&ss, NULL));
}

static void handle(int signal, void (*fn)(int), int flags)
{
	struct sigaction sa = {.sa_handler = fn, .sa_flags = flags};

	MUST(sigaction(signal, &sa, NULL) == 0);
}

static void altstack_used_only_with_onstack(void)
{
	use(stack_area, 0);
	handle(SIGUSR1, where, 0);
	raise(SIGUSR1);
	handle(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
}

static void altstack_query_and_disable(void)
{
	stack_t ss, off = {.ss_flags = SS_DISABLE};
	R(sigaltstack(NULL, &ss));
	V(ss.ss_flags);
	use(stack_area, 0);
	R(sigaltstack(NULL, &ss));
	V(ss.ss_flags);
	T(ss.ss_sp == stack_area);
	V(ss.ss_size);
	R(sigaltstack(&off, &ss));
	T(ss.ss_sp == stack_area);
	handle(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
}

static void altstack_refusals(void)
{
	stack_t small = {.ss_sp = stack_area, .ss_size = 1024};
	stack_t odd = {.ss_sp = stack_area, .ss_size = SIZE, .ss_flags = 0x55};
	R(sigaltstack(&small, NULL));
	R(sigaltstack(&odd, NULL));
	stack_t *volatile bad = (stack_t *)8;
	R(sigaltstack(bad, NULL));
}

static void change_inside(int signal)
{
	(void)signal;
	use(second_area, 0);
}

static void altstack_cannot_change_while_in_use(void)
{
	use(stack_area, 0);
	handle(SIGUSR1, change_inside, SA_ONSTACK);
	raise(SIGUSR1);
	use(second_area, 0);
}

static void nested_handler(int signal)
{
	char here;
	say("nested on same alternate stack: %d", on_stack(&here, stack_area));
	if (signal == SIGUSR1)
		raise(SIGUSR2);
}

static void altstack_is_shared_by_nested_handlers(void)
{
	use(stack_area, 0);
	handle(SIGUSR1, nested_handler, SA_ONSTACK);
	handle(SIGUSR2, nested_handler, SA_ONSTACK);
	raise(SIGUSR1);
}

static void overflowed(int signal)
{
	char here;
	count++;
	say("%s on alternate stack: %d", signal_name(signal), on_stack(&here, stack_area));
	siglongjmp(escape, 1);
}

static void recurse(int depth)
{
	volatile char frame[4096];
	frame[0] = (char)depth;
	if (depth >= 0)
		recurse(depth + 1);
	frame[1] = frame[0];
}

static void stack_overflow_is_handled_on_altstack(void)
{
	use(stack_area, 0);
	handle(SIGSEGV, overflowed, SA_ONSTACK);
	for (int i = 0; i < 2; i++)
		if (sigsetjmp(escape, 1) == 0)
			recurse(0);
	V(count);
}

static void overflow_without_altstack(void)
{
	handle(SIGSEGV, overflowed, 0);
	recurse(0);
}

static void stack_overflow_without_altstack_kills(void)
{
	in_child("overflow", overflow_without_altstack);
}

static void altstack_survives_fork_not_new_thread_helper(void)
{
	stack_t ss;
	MUST(sigaltstack(NULL, &ss) == 0);
	_exit(ss.ss_flags == 0 && ss.ss_sp == stack_area ? 0 : 1);
}

static void *thread_view(void *unused)
{
	stack_t ss;
	MUST(sigaltstack(NULL, &ss) == 0);
	say("in new thread: flags %d", ss.ss_flags);
	return unused;
}

static void altstack_survives_fork_not_new_thread(void)
{
	pthread_t t;
	use(stack_area, 0);
	in_child("child has it", altstack_survives_fork_not_new_thread_helper);
	MUST(pthread_create(&t, NULL, thread_view, NULL) == 0);
	pthread_join(t, NULL);
}

static void autodisarm_disables_during_handler(void)
{
	use(stack_area, (int)(1U << 31));
	handle(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
	raise(SIGUSR1);
}

static void unusable_stack(void)
{
	char *p = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	use(p, 0);
	handle(SIGUSR1, where, SA_ONSTACK);
	raise(SIGUSR1);
	say("not reached");
}

static void unwritable_altstack_kills(void)
{
	in_child("handler", unusable_stack);
}

const struct behaviour behaviours[] = {BEHAVIOUR(altstack_used_only_with_onstack),
	BEHAVIOUR(altstack_query_and_disable), BEHAVIOUR(altstack_refusals),
	BEHAVIOUR(altstack_cannot_change_while_in_use),
	BEHAVIOUR(altstack_is_shared_by_nested_handlers),
	BEHAVIOUR(stack_overflow_is_handled_on_altstack),
	BEHAVIOUR(stack_overflow_without_altstack_kills),
	BEHAVIOUR(altstack_survives_fork_not_new_thread),
	BEHAVIOUR(autodisarm_disables_during_handler), BEHAVIOUR(unwritable_altstack_kills), {0}};
