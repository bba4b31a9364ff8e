/* SPDX-License-Identifier: Apache-2.0 */
#include "behave.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum {
	WAIT = 0,
	WAKE = 1,
	REQUEUE = 3,
	CMP_REQUEUE = 4,
	WAKE_OP = 5,
	WAIT_BITSET = 9,
	WAKE_BITSET = 10,
	PRIVATE = 128,
	REALTIME = 256,
	WAITERS = 4
};

static volatile uint32_t word, other;
static volatile int woken;

static long futex(volatile uint32_t *uaddr, int op, uint32_t value, const struct timespec *limit)
{
	return syscall(SYS_futex, uaddr, op, value, limit, NULL, 0);
}

static long futex6(volatile uint32_t *uaddr, int op, uint32_t value, uintptr_t value2,
	volatile uint32_t *uaddr2, uint32_t value3)
{
	return syscall(SYS_futex, uaddr, op, value, value2, uaddr2, value3);
}

static void *waiter(void *bits)
{
	long r;

	if (bits)
		r = futex6(&word, WAIT_BITSET | PRIVATE, 0, 0, NULL, (uint32_t)(uintptr_t)bits);
	else
		r = futex(&word, WAIT | PRIVATE, 0, NULL);
	if (r == 0)
		__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void expect_woken(int count)
{
	for (int i = 0; i < 500 && woken < count; i++)
		sleep_ms(10);
	/* Time for one too many to show itself. */
	sleep_ms(30);
	say("woken: %d", woken);
}

/* A waiter cannot announce that it sleeps, so waking is repeated until the count is reached. */
static long wake_exactly(volatile uint32_t *uaddr, int op, int count, uint32_t bits)
{
	long total = 0;

	for (int i = 0; i < 500 && total < count; i++) {
		long n = futex6(uaddr, op | PRIVATE, (uint32_t)(count - total), 0, NULL, bits);
		if (n < 0)
			return n;
		total += n;
		if (total < count)
			sleep_ms(10);
	}
	return total;
}

static void futex_wait_value_mismatch_is_eagain(void)
{
	word = 5;
	R(futex(&word, WAIT | PRIVATE, 4, NULL));
	R(futex(&word, WAIT, 4, NULL));
	R(futex6(&word, WAIT_BITSET, 4, 0, NULL, ~0U));
}

static void futex_wait_times_out(void)
{
	struct timespec limit = {0, 50000000};
	int64_t start = now_ns(CLOCK_MONOTONIC);
	R(futex(&word, WAIT | PRIVATE, 0, &limit));
	T(now_ns(CLOCK_MONOTONIC) - start >= 50000000);
	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_nsec += 30000000;
	if (limit.tv_nsec >= 1000000000) {
		limit.tv_sec++;
		limit.tv_nsec -= 1000000000;
	}
	R(futex6(&word, WAIT_BITSET | PRIVATE, 0, (uintptr_t)&limit, NULL, ~0U));
	limit.tv_sec = 0;
	R(futex6(&word, WAIT_BITSET | PRIVATE, 0, (uintptr_t)&limit, NULL, ~0U));
	clock_gettime(CLOCK_REALTIME, &limit);
	R(futex6(&word, WAIT_BITSET | PRIVATE | REALTIME, 0, (uintptr_t)&limit, NULL, ~0U));
}

static void futex_refusals(void)
{
	struct timespec bad = {0, 1000000000}, negative = {-1, 0};
	char *bytes = (char *)&word;
	R(futex(&word, WAIT, 0, &bad));
	R(futex(&word, WAIT, 0, &negative));
	R(futex((uint32_t *)(bytes + 1), WAIT, 0, NULL));
	R(futex((uint32_t *)8, WAIT, 0, NULL));
	R(futex((uint32_t *)8, WAKE, 1, NULL));
	R(futex(&word, 77, 0, NULL));
	R(futex6(&word, WAIT_BITSET, 0, 0, NULL, 0));
	R(futex6(&word, WAKE_BITSET, 1, 0, NULL, 0));
	R(futex(&word, WAKE, 10, NULL));
}

static void futex_wake_counts_waiters(void)
{
	pthread_t t[WAITERS];
	for (int i = 0; i < WAITERS; i++)
		MUST(pthread_create(&t[i], NULL, waiter, NULL) == 0);
	R(wake_exactly(&word, WAKE, 1, 0));
	expect_woken(1);
	R(wake_exactly(&word, WAKE, 2, 0));
	expect_woken(3);
	R(wake_exactly(&word, WAKE, 1, 0));
	expect_woken(4);
	R(futex(&word, WAKE | PRIVATE, 100, NULL));
	for (int i = 0; i < WAITERS; i++)
		pthread_join(t[i], NULL);
}

static void futex_bitset_selects_waiters(void)
{
	pthread_t a, b;
	MUST(pthread_create(&a, NULL, waiter, (void *)1) == 0);
	MUST(pthread_create(&b, NULL, waiter, (void *)2) == 0);
	until_threads_asleep();
	R(futex6(&word, WAKE_BITSET | PRIVATE, 10, 0, NULL, 4));
	R(wake_exactly(&word, WAKE_BITSET, 1, 2));
	pthread_join(b, NULL);
	V(woken);
	R(wake_exactly(&word, WAKE_BITSET, 1, 1));
	pthread_join(a, NULL);
	V(woken);
}

static void futex_requeue_moves_waiters(void)
{
	pthread_t t[WAITERS];
	for (int i = 0; i < WAITERS; i++)
		MUST(pthread_create(&t[i], NULL, waiter, NULL) == 0);
	R(futex6(&word, CMP_REQUEUE | PRIVATE, 1, 1, &other, 5));
	long moved = 0;
	for (int i = 0; i < 500 && moved < WAITERS; i++) {
		long n = futex6(&word, CMP_REQUEUE | PRIVATE, 0, WAITERS, &other, 0);
		MUST(n >= 0);
		moved += n;
		sleep_ms(10);
	}
	V(moved);
	V(woken);
	R(futex(&word, WAKE | PRIVATE, 10, NULL));
	R(futex(&other, WAKE | PRIVATE, 1, NULL));
	expect_woken(1);
	R(futex(&other, WAKE | PRIVATE, 10, NULL));
	expect_woken(4);
	for (int i = 0; i < WAITERS; i++)
		pthread_join(t[i], NULL);
}

static void futex_wake_op_modifies_second_word(void)
{
	/* other += 3; wake on it too when it was 0 */
	uint32_t add = 1u << 28 | 0u << 24 | 3u << 12 | 0u;
	R(futex6(&word, WAKE_OP | PRIVATE, 1, 1, &other, add));
	V(other);
	/* other = 9 */
	R(futex6(&word, WAKE_OP | PRIVATE, 1, 1, &other, 0u << 28 | 9u << 12));
	V(other);
	/* other |= 1 << 8 */
	R(futex6(&word, WAKE_OP | PRIVATE, 1, 1, &other, 10u << 28 | 8u << 12));
	V(other);
}

static void futex_between_processes_in_shared_memory(void)
{
	volatile uint32_t *shared =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	if (pid == 0) {
		while (shared[0] == 0)
			futex(shared, WAIT, 0, NULL);
		_exit((int)shared[0]);
	}
	until_asleep(pid);
	shared[0] = 7;
	R(futex(shared, WAKE, 1, NULL));
	reap("child", pid);
}

static void futex_in_shared_file_at_two_addresses(void)
{
	make_file("a", "");
	int fd = open_file("a", O_RDWR);
	MUST(ftruncate(fd, 4096) == 0);
	volatile uint32_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	volatile uint32_t *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t pid = fork();
	if (pid == 0) {
		while (p[0] == 0)
			futex(p, WAIT, 0, NULL);
		_exit((int)p[0]);
	}
	long n = 0;
	for (int i = 0; i < 300 && n == 0; i++) {
		sleep_ms(10);
		n = futex(q, WAKE, 1, NULL);
	}
	V(n);
	q[0] = 6;
	futex(q, WAKE, 1, NULL);
	reap("child", pid);
}

static void on_signal(int signal)
{
	(void)signal;
}

static void futex_wait_is_interrupted_by_signal(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	struct timespec limit = {10, 0};
	sigaction(SIGUSR1, &sa, NULL);
	pid_t pid = signal_when_asleep(SIGUSR1);
	R(futex(&word, WAIT | PRIVATE, 0, &limit));
	reap("signaller", pid);
}

static pthread_mutex_t robust;

static void *die_holding(void *unused)
{
	pthread_mutex_lock(&robust);
	return unused;
}

static void robust_mutex_reports_dead_owner(void)
{
	pthread_mutexattr_t attr;
	pthread_t t;
	pthread_mutexattr_init(&attr);
	E(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	E(pthread_mutex_init(&robust, &attr));
	MUST(pthread_create(&t, NULL, die_holding, NULL) == 0);
	pthread_join(t, NULL);
	E(pthread_mutex_lock(&robust));
	E(pthread_mutex_consistent(&robust));
	E(pthread_mutex_unlock(&robust));
	E(pthread_mutex_lock(&robust));
}

static void robust_mutex_of_killed_process(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *m =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	E(pthread_mutex_init(m, &attr));
	pid_t pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		kill(getpid(), SIGKILL);
	}
	reap("owner", pid);
	E(pthread_mutex_lock(m));
	E(pthread_mutex_unlock(m));
	E(pthread_mutex_lock(m));
}

static void *signal_late(void *argument)
{
	until_asleep(getpid());
	futex((volatile uint32_t *)argument, WAKE | PRIVATE, 1, NULL);
	return NULL;
}

static void futex_private_and_shared_do_not_mix_in_results(void)
{
	pthread_t t;
	struct timespec limit = {10, 0};
	MUST(pthread_create(&t, NULL, signal_late, (void *)&word) == 0);
	R(futex(&word, WAIT | PRIVATE, 0, &limit));
	pthread_join(t, NULL);
	void *head = NULL;
	size_t length = 0;
	R(syscall(SYS_get_robust_list, 0, &head, &length));
	T(head != NULL);
	V(length);
	R(syscall(SYS_set_robust_list, head, 5L));
}

static void try_memory(const char *label, int prot, int flags, int fd, bool write_first)
{
	int now = write_first ? PROT_READ | PROT_WRITE : prot;
	volatile uint32_t *p = mmap(NULL, 4096, now, flags, fd, 0);

	MUST(p != MAP_FAILED);
	if (write_first) {
		*p = 1;
		MUST(mprotect((void *)(uintptr_t)p, 4096, prot) == 0);
	}
	say("%s", label);
	R(futex(p, WAKE, 1, NULL));
	R(futex(p, WAKE | PRIVATE, 1, NULL));
	R(futex(p, WAIT, 77, NULL));
	R(futex(p, WAIT | PRIVATE, 77, NULL));
	R(futex6(p, REQUEUE, 1, 1, &other, 0));
	R(futex6(&other, REQUEUE, 1, 1, p, 0));
	MUST(munmap((void *)(uintptr_t)p, 4096) == 0);
}

/* Without FUTEX_PRIVATE_FLAG the page is looked up, even for a wake that looks at no value. */
static void futex_on_all_kinds_of_memory(void)
{
	const int anonymous = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
	int fd, empty;

	make_file("words", "0123");
	make_file("empty", "");
	fd = open_file("words", O_RDWR);
	empty = open_file("empty", O_RDWR);
	try_memory("no access", PROT_NONE, anonymous, -1, false);
	try_memory("no access any more", PROT_NONE, anonymous, -1, true);
	try_memory("read only", PROT_READ, anonymous, -1, false);
	try_memory("read only now", PROT_READ, anonymous, -1, true);
	try_memory("writable", rw, anonymous, -1, false);
	try_memory("shared", rw, MAP_SHARED | MAP_ANONYMOUS, -1, false);
	try_memory("shared, read only", PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, false);
	try_memory("file", rw, MAP_SHARED, fd, false);
	try_memory("file, read only", PROT_READ, MAP_SHARED, fd, false);
	try_memory("file, private", rw, MAP_PRIVATE, fd, false);
	try_memory("file, private, read only", PROT_READ, MAP_PRIVATE, fd, false);
	try_memory("file, private, read only now", PROT_READ, MAP_PRIVATE, fd, true);
	try_memory("past the end of a file", rw, MAP_SHARED, empty, false);
	R(futex((void *)16, WAKE, 1, NULL));
	R(futex((void *)16, WAKE | PRIVATE, 1, NULL));
	R(futex((void *)(1ul << 63), WAKE, 1, NULL));
	R(futex((void *)(1ul << 63), WAKE | PRIVATE, 1, NULL));
}

static void *wait_shared(void *p)
{
	struct timespec limit = {5, 0};

	return (void *)futex(p, WAIT, 0, &limit);
}

/* What is only read from a file is the file, in a private mapping too. */
static void futex_in_a_private_view_of_a_file(void)
{
	volatile uint32_t *shared, *view, *copy;
	void *result = "none";
	pthread_t thread;
	int fd;

	make_file("words", "");
	fd = open_file("words", O_RDWR);
	MUST(ftruncate(fd, 4096) == 0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	view = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	copy = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	MUST(pthread_create(&thread, NULL, wait_shared, (void *)(uintptr_t)shared) == 0);
	until_threads_asleep();
	R(futex(copy, WAKE, 1, NULL));
	for (int i = 0; i < 400 && futex(view, WAKE, 1, NULL) == 0; i++)
		sleep_ms(10);
	pthread_join(thread, &result);
	V(result == NULL);
}

const struct behaviour behaviours[] = {BEHAVIOUR(futex_wait_value_mismatch_is_eagain),
	BEHAVIOUR(futex_wait_times_out), BEHAVIOUR(futex_refusals),
	BEHAVIOUR(futex_wake_counts_waiters), BEHAVIOUR(futex_bitset_selects_waiters),
	BEHAVIOUR(futex_requeue_moves_waiters), BEHAVIOUR(futex_wake_op_modifies_second_word),
	BEHAVIOUR(futex_between_processes_in_shared_memory),
	BEHAVIOUR(futex_in_shared_file_at_two_addresses),
	BEHAVIOUR(futex_wait_is_interrupted_by_signal), BEHAVIOUR(robust_mutex_reports_dead_owner),
	BEHAVIOUR(robust_mutex_of_killed_process),
	BEHAVIOUR(futex_private_and_shared_do_not_mix_in_results),
	BEHAVIOUR(futex_on_all_kinds_of_memory), BEHAVIOUR(futex_in_a_private_view_of_a_file), {0}};
