/* SPDX-License-Identifier: Apache-2.0
 * Processes that do not end, do not answer or end in the worst way: what the launcher does about
 * them, and what the next process sees of it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/security/boundary/boundary.h"
#include "tests/security/boundary/calls.h"
#include "tests/security/boundary/hostile.h"
#include "tests/security/boundary/witness.h"
#include "vmm/process/process_internal.h"

#define RUN(r, bytes, x) rig_run(r, bytes, sizeof(bytes) - 1, x)
#define RWX		 (PROT_READ | PROT_WRITE | PROT_EXEC)

static void replace(struct rig *r)
{
	process_space_destroy(r->space);
	r->space = rig_space(r);
}

/* -- what a process can do to itself -- */

/* The program makes one of the stub's calls. */
static void call(struct rig *r, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
	uint64_t f, struct process_exit *x)
{
	uint64_t site[CALL_SITES_MAX];

	assert_true(call_sites(site) > 0);
	*process_regs(r->space) = (struct stub_regs){.rax = (uint64_t)nr,
		.rdi = a,
		.rsi = b,
		.rdx = c,
		.r10 = d,
		.r8 = e,
		.r9 = f,
		.rip = site[0],
		.rsp = DATA + 2048,
		.rflags = 0x202};
	rig_go(r, x);
}

/* RAM from its 64th page on, over everything from just below the stub to `end`: wherever the
 * process goes on, signals included, it slides down to a loop. */
static void map_loop_over_stub(struct rig *r, uint64_t end, struct process_exit *x)
{
	const uint64_t begin = STUB_BASE - 4096, file = 64 * 4096;

	memset(r->ram + file, 0x90, end - begin);
	memcpy(r->ram + file + (end - begin) - 2, "\xeb\xfe", 2); /* jmp . */
	call(r, SYS_mmap, begin, end - begin, RWX, MAP_SHARED | MAP_FIXED, STUB_FD_RAM, file, x);
}

static void a_process_without_a_stub_ends(void **state)
{
	struct rig *r = *state;
	struct process_exit x;
	const struct {
		long nr;
		uint64_t addr, len;
	} list[] = {
		{SYS_munmap, 0, STUB_END},
		{SYS_munmap, STUB_BASE - 4096, STUB_END - STUB_BASE + 4096},
		{SYS_munmap, STUB_BASE - 4096, STUB_TEXT + STUB_TEXT_SIZE - STUB_BASE + 4096},
		{SYS_mprotect, STUB_BASE - 4096, STUB_END - STUB_BASE + 4096},
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		/* something mapped below, so that mprotect gets that far */
		const struct stub_op below = {
			STUB_OP_MAP, PROT_READ, STUB_BASE - 4096, 4096, STUB_FD_RAM, 0, 0};

		process_space_op(r->space, &below);
		call(r, list[i].nr, list[i].addr, list[i].len, 0, 0, 0, 0, &x);
		assert_int_equal(x.kind, PROCESS_DIED);
		replace(r);
	}
}

/* What the kernel says to the process that does it: 0 or -errno. The filter knows no descriptor. */
static int do_op(struct rig *r, enum stub_op_kind kind, int prot, int file)
{
	const struct stub_op op = {kind, (uint32_t)prot, 0x30000000, 4096, (uint32_t)file, 0, 8192};
	struct process_exit x;

	process_space_op(r->space, &op);
	RUN(r, "\x0f\x05", &x);
	return x.kind == PROCESS_OP_FAILED ? (int)(int64_t)x.error : 0;
}

/* Other sandboxes read what such a file holds: a template's memory. */
static void a_file_that_was_opened_to_read_cannot_be_written_to(void **state)
{
	struct rig *r = *state;
	char path[32];
	int fd, file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", r->ram_fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	file = process_file_add(r->vm, fd);
	assert_true(file >= STUB_FD_FIRST_FILE);
	for (int prot = 0; prot <= RWX; prot++) {
		const bool write = prot & PROT_WRITE;

		assert_int_equal(do_op(r, STUB_OP_MAP, prot, STUB_FD_RAM), 0);
		assert_int_equal(do_op(r, STUB_OP_PROTECT, RWX, 0), 0);
		do_op(r, STUB_OP_UNMAP, 0, 0);
		assert_int_equal(do_op(r, STUB_OP_MAP, prot, file), write ? -EACCES : 0);
		assert_int_equal(do_op(r, STUB_OP_PROTECT, RWX, 0), write ? -ENOMEM : -EACCES);
		do_op(r, STUB_OP_UNMAP, 0, 0);
	}
	process_file_remove(r->vm, file);
	close(fd);
}

static void registers_that_leave_no_stack_end_it(void **state)
{
	static const uint64_t rsp[] = {0, ~0ull, 1ull << 63, 1ull << 47,
		STUB_CTX + offsetof(struct stub_ctx, stack),
		STUB_CTX + offsetof(struct stub_ctx, stack) + 64, STUB_CTX + STUB_CTX_SIZE,
		STUB_CTX, STUB_TEXT + 64, 8};
	struct rig *r = *state;
	struct process_exit x;

	for (size_t i = 0; i < sizeof(rsp) / sizeof(rsp[0]); i++) {
		memcpy(r->ram + 4096, "\x0f\x05", 2);
		process_regs(r->space)->rip = CODE;
		process_regs(r->space)->rsp = rsp[i];
		rig_go(r, &x);
		assert_true(x.kind == PROCESS_DIED || x.kind == PROCESS_SIGNAL);
		if (x.kind == PROCESS_DIED)
			replace(r);
	}
	RUN(r, "\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
}

/* -- liveness -- */

static void *kick_later(void *runner)
{
	usleep(20000);
	process_kick(runner);
	return NULL;
}

/* Signals end in the program's own loop: a kick is not answered. */
static void a_process_that_ignores_a_kick_is_given_up(void **state)
{
	struct rig *r = *state;
	struct process_exit x;
	pthread_t t;

	r->vm->patience = 10;
	pthread_create(&t, NULL, kick_later, r->runner);
	map_loop_over_stub(r, STUB_TEXT + STUB_TEXT_SIZE, &x);
	pthread_join(t, NULL);
	assert_int_equal(x.kind, PROCESS_DIED);
	assert_false(process_is_gone(r->space->pidfd, 0));
	replace(r);
	RUN(r, "\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
}

/* The context is no longer the launcher's: it waits for a turn that nobody gives. */
static void a_process_that_hides_its_context_is_given_up(void **state)
{
	struct rig *r = *state;
	struct process_exit x;
	pthread_t t;

	r->vm->patience = 10;
	pthread_create(&t, NULL, kick_later, r->runner);
	map_loop_over_stub(r, STUB_CTX + STUB_CTX_SIZE, &x);
	pthread_join(t, NULL);
	assert_int_equal(x.kind, PROCESS_DIED);
}

/* Operations are the stub's own work: it need not be kicked to be late. */
static void a_process_that_does_not_do_operations_is_given_up(void **state)
{
	const struct stub_op op = {STUB_OP_MAP, PROT_READ, 0x30000000, 4096, STUB_FD_RAM, 0, 0};
	struct rig *r = *state;
	struct process_exit x;
	int ret = 0;

	r->vm->patience = 10;
	/* movl $0,STUB_CTX (turn); jmp . */
	RUN(r, "\x48\xb8\x00\x00\xe4\xff\xff\x7f\x00\x00\xc7\x00\x00\x00\x00\x00\xeb\xfe", &x);
	for (uint32_t i = 0; i <= STUB_OPS && !ret; i++)
		ret = process_space_op(r->space, &op);
	assert_int_equal(ret, -ESRCH);
}

static void on_alarm(int signo)
{
	(void)signo;
}

/* Each signal ends the launcher's sleep before it is over. */
static void a_death_is_noticed_among_signals(void **state)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct itimerspec often = {{0, 3000000}, {0, 3000000}}, never = {{0, 0}, {0, 0}};
	struct sigaction sa = {.sa_handler = on_alarm};
	struct rig *r = *state;
	struct process_exit x;
	timer_t timer;

	sigaction(SIGUSR2, &sa, NULL);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &ev, &timer), 0);
	timer_settime(timer, 0, &often, NULL);
	alarm(60); /* ends a test that hangs */
	call(r, SYS_munmap, 0, STUB_END, 0, 0, 0, 0, &x);
	alarm(0);
	timer_settime(timer, 0, &never, NULL);
	timer_delete(timer);
	assert_int_equal(x.kind, PROCESS_DIED);
}

/* User code that nobody kicks may take as long as it likes. */
static void *stop_later(void *ram)
{
	usleep(500000);
	*(volatile uint8_t *)ram = 1;
	return NULL;
}

static void a_long_run_is_not_given_up(void **state)
{
	struct rig *r = *state;
	struct process_exit x;
	pthread_t t;

	r->vm->patience = 2;
	pthread_create(&t, NULL, stop_later, r->ram);
	/* cmpb $0,DATA; je back; syscall */
	RUN(r, "\x80\x3c\x25\x00\x00\x00\x20\x00\x74\xf6\x0f\x05", &x);
	pthread_join(t, NULL);
	assert_int_equal(x.signo, SIGSYS);
}

/* -- who comes after -- */

static int pidfd_of_child(pid_t *pid)
{
	*pid = fork();
	if (!*pid) {
		pause();
		_exit(0);
	}
	return (int)syscall(SYS_pidfd_open, *pid, 0);
}

/* With a process that takes its time to die in the place of the killed one. */
static void a_context_is_not_given_away_before_its_process_is_gone(void **state)
{
	static int taken[SPACES_MAX];
	struct rig *r = *state;
	struct process_space *s = calloc(1, sizeof(*s));
	uint32_t n = 0;
	pid_t pid;
	int number;

	s->vm = r->vm;
	s->number = (uint32_t)process_context_take(r->vm);
	s->pidfd = pidfd_of_child(&pid);
	assert_true(s->pidfd >= 0);
	s->next = r->vm->dying;
	r->vm->dying = s;
	number = (int)s->number;
	while ((taken[n] = process_context_take(r->vm)) >= 0) {
		assert_int_not_equal(taken[n], number);
		n++;
	}
	assert_int_equal(n, SPACES_MAX - 2); /* one more is the rig's own */
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(process_context_take(r->vm), number);
	assert_null(r->vm->dying);
	process_context_unused(r->vm, (uint32_t)number);
	while (n)
		process_context_unused(r->vm, (uint32_t)taken[--n]);
}

/* A killed process that writes to its context to the end does not disturb its successors. */
static void the_next_process_is_not_disturbed(void **state)
{
	struct rig *r = *state;
	struct process_exit x;

	for (int i = 0; i < 50; i++) {
		struct process_space *hostile = r->space;

		HOSTILE_RUN(r, turner, &x);
		hostile->dead = true; /* whatever it said: it runs on */
		replace(r);
		RUN(r, "\xb8\x27\x00\x00\x00\x0f\x05", &x); /* mov $39,%eax; syscall */
		assert_int_equal(x.kind, PROCESS_SIGNAL);
		assert_int_equal(x.signo, SIGSYS);
		assert_int_equal(process_regs(r->space)->rax, 39);
	}
}

/* A process whose stub is gone does not serve the next program, although nobody has noticed. */
static void a_process_that_cannot_serve_is_not_used_again(void **state)
{
	const struct stub_op all = {STUB_OP_UNMAP, 0, 0, STUB_END, 0, 0, 0};
	struct rig *r = *state;
	struct process_stats before, after;
	struct process_exit x;

	RUN(r, "\x0f\x05", &x);
	process_stats(r->vm, &before);
	process_space_destroy(r->space); /* idle, with what empties it queued */
	r->vm->idle->ctx->ops[0] = all;	 /* as if the program had broken it */
	r->space = rig_space(r);
	RUN(r, "\x0f\x05", &x);
	assert_int_equal(x.signo, SIGSYS);
	process_stats(r->vm, &after);
	assert_int_equal(after.spawned, before.spawned + 1);
}

static unsigned descriptors_of(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	d = opendir(path);
	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void deaths_leave_nothing_behind(void **state)
{
	struct rig *r = *state;
	unsigned own = 0, zygotes = 0;
	struct process_exit x;

	for (int i = 0; i < 60; i++) {
		if (i == 20) {
			own = descriptors_of(getpid());
			zygotes = descriptors_of(r->vm->zygote_pid);
		}
		call(r, SYS_munmap, 0, STUB_END, 0, 0, 0, 0, &x);
		assert_int_equal(x.kind, PROCESS_DIED);
		replace(r);
		RUN(r, "\x0f\x05", &x);
		assert_int_equal(x.signo, SIGSYS);
	}
	/* a few may be dying still */
	assert_in_range(descriptors_of(getpid()), own - 4, own + 4);
	assert_int_equal(descriptors_of(r->vm->zygote_pid), zygotes);
}

/* -- memory -- */

/* The same page in more and more places costs page tables, which are the host's memory. */
static void addresses_are_limited(void **state)
{
	struct rig *r = *state;
	struct process_exit x;
	uint64_t at = 0x100000000, mapped = 0;

	do {
		const struct stub_op map = {
			STUB_OP_MAP, PROT_READ, at, RAM_SIZE, STUB_FD_RAM, 0, 0};

		process_space_op(r->space, &map);
		RUN(r, "\x0f\x05", &x);
		at += 2 * RAM_SIZE;
		mapped += RAM_SIZE;
	} while (x.kind == PROCESS_SIGNAL && mapped < 1ull << 36);
	assert_int_equal(x.kind, PROCESS_OP_FAILED);
	assert_int_equal((int64_t)x.error, -ENOMEM);
	assert_in_range(mapped, 15ull << 30, 17ull << 30);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

const struct CMUnitTest life_tests[] = {
	TEST(a_process_without_a_stub_ends),
	TEST(a_file_that_was_opened_to_read_cannot_be_written_to),
	TEST(registers_that_leave_no_stack_end_it),
	TEST(a_process_that_ignores_a_kick_is_given_up),
	TEST(a_process_that_hides_its_context_is_given_up),
	TEST(a_process_that_does_not_do_operations_is_given_up),
	TEST(a_death_is_noticed_among_signals),
	TEST(a_long_run_is_not_given_up),
	TEST(a_context_is_not_given_away_before_its_process_is_gone),
	TEST(the_next_process_is_not_disturbed),
	TEST(a_process_that_cannot_serve_is_not_used_again),
	TEST(deaths_leave_nothing_behind),
	TEST(addresses_are_limited),
};
const size_t life_tests_count = sizeof(life_tests) / sizeof(life_tests[0]);
