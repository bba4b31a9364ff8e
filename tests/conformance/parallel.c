/* SPDX-License-Identifier: Apache-2.0
 * What only shows when threads run at the same time. Waits are bounded, so that a lost wake-up is a
 * difference and not a hang.
 */
#include "behave.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>

enum { PAGE = 4096, PAGES = 16, SIGHTINGS = 20 };
#define SECOND 1000000000ll

static volatile int stop;
static volatile long counter;
static volatile int ball;

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	MUST(pthread_create(t, NULL, fn, arg) == 0);
}

static void finish(pthread_t t)
{
	MUST(pthread_join(t, NULL) == 0);
}

static char *pages(size_t n)
{
	char *p = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p != MAP_FAILED);
	return p;
}

static bool within(int64_t since, int seconds)
{
	return now_ns(CLOCK_MONOTONIC) - since < seconds * SECOND;
}

/* -- do they? -- */

static void *spin(void *unused)
{
	while (!stop)
		counter++;
	return unused;
}

/* Somebody else counts while we look, and too little time passes for a turn of theirs in between:
 * so both run. Only that it happens is asked, for the machine may have other things to do. */
static bool counts_meanwhile(volatile long *word)
{
	int64_t since = now_ns(CLOCK_MONOTONIC);
	int seen = 0;

	while (seen < SIGHTINGS && within(since, 20)) {
		int64_t t = now_ns(CLOCK_MONOTONIC);
		long before = *word;

		for (volatile int i = 0; i < 200; i++)
			;
		if (*word != before && now_ns(CLOCK_MONOTONIC) - t < SECOND / 1000)
			seen++;
	}
	return seen == SIGHTINGS;
}

static void threads_overlap(void)
{
	pthread_t t;

	start(&t, spin, NULL);
	T(counts_meanwhile(&counter));
	stop = 1;
	finish(t);
}

static void processes_overlap(void)
{
	volatile long *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();

	while (!pid)
		++*shared;
	T(counts_meanwhile(shared));
	R(kill(pid, SIGKILL));
	reap("child", pid);
}

/* -- locks -- */

enum { LOCKERS = 4, LOCKINGS = 5000 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void *lock_and_count(void *unused)
{
	for (int i = 0; i < LOCKINGS; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return unused;
}

static void mutex_under_contention(void)
{
	pthread_t t[LOCKERS];

	for (int i = 0; i < LOCKERS; i++)
		start(&t[i], lock_and_count, NULL);
	for (int i = 0; i < LOCKERS; i++)
		finish(t[i]);
	V(counter);
}

static void *answer(void *unused)
{
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 1000; i++) {
		while (ball % 2 == 0)
			pthread_cond_wait(&changed, &mutex);
		ball++;
		pthread_cond_signal(&changed);
	}
	pthread_mutex_unlock(&mutex);
	return unused;
}

static void condition_goes_back_and_forth(void)
{
	pthread_t t;

	start(&t, answer, NULL);
	pthread_mutex_lock(&mutex);
	for (int i = 0; i < 1000; i++) {
		while (ball % 2)
			pthread_cond_wait(&changed, &mutex);
		ball++;
		pthread_cond_signal(&changed);
	}
	pthread_mutex_unlock(&mutex);
	finish(t);
	V(ball);
}

static pthread_barrier_t barrier;

static void *meet(void *unused)
{
	for (int i = 1; i <= 500; i++) {
		__atomic_fetch_add(&counter, 1, __ATOMIC_SEQ_CST);
		pthread_barrier_wait(&barrier);
		if (counter != i * LOCKERS)
			say("round %d: %ld", i, counter);
		pthread_barrier_wait(&barrier);
	}
	return unused;
}

static void barriers_hold(void)
{
	pthread_t t[LOCKERS];

	pthread_barrier_init(&barrier, NULL, LOCKERS);
	for (int i = 0; i < LOCKERS; i++)
		start(&t[i], meet, NULL);
	for (int i = 0; i < LOCKERS; i++)
		finish(t[i]);
	V(counter);
}

static void *echo(void *ends)
{
	int *fd = ends;
	char c;

	while (read(fd[0], &c, 1) == 1)
		if (write(fd[1], &c, 1) != 1)
			break;
	return NULL;
}

static void pipes_go_back_and_forth(void)
{
	int there[2], back[2], ends[2], sum = 0;
	pthread_t t;
	char c;

	MUST(!pipe(there) && !pipe(back));
	ends[0] = there[0];
	ends[1] = back[1];
	start(&t, echo, ends);
	for (int i = 0; i < 1000; i++) {
		c = (char)(i & 7);
		if (write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1)
			sum += c;
	}
	close(there[1]);
	finish(t);
	V(sum);
}

/* -- memory that changes under another thread -- */

static char *area;

/* Always from the first page to the last, so that at no moment two differ by more than one, and no
 * page is ahead of one before it. */
static void *write_pages(void *unused)
{
	for (long i = 1; !stop; i++)
		for (int k = 0; k < PAGES; k++)
			*(volatile long *)(area + k * PAGE) = i;
	return unused;
}

static long page_word(int k)
{
	return *(volatile long *)(area + k * PAGE);
}

static int snapshot_is_consistent(void)
{
	long first = page_word(0), seen[PAGES];

	for (int k = 0; k < PAGES; k++) {
		seen[k] = page_word(k);
		if (first - seen[k] > 1 || (k && seen[k] > seen[k - 1]))
			return 1;
	}
	sleep_ms(1);
	for (int k = 0; k < PAGES; k++)
		if (seen[k] != page_word(k))
			return 2;
	return 0;
}

static void fork_while_another_writes(void)
{
	int bad = 0, status;
	pthread_t t;

	area = pages(PAGES);
	start(&t, write_pages, NULL);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(snapshot_is_consistent());
		waitpid(pid, &status, 0);
		bad += status != 0;
	}
	stop = 1;
	finish(t);
	V(bad);
}

enum { ADDS = 300000 };

static void *add(void *unused)
{
	for (int i = 0; i < ADDS; i++)
		__atomic_fetch_add((long *)area, 1, __ATOMIC_RELAXED);
	return unused;
}

static void no_write_is_lost_when_pages_are_copied(void)
{
	pthread_t t[2];

	area = pages(1);
	start(&t[0], add, NULL);
	start(&t[1], add, NULL);
	for (int i = 0; i < 40; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(0);
		waitpid(pid, NULL, 0);
	}
	finish(t[0]);
	finish(t[1]);
	V(*(long *)area);
}

static volatile int faults;

static void wait_out_the_fault(int sig)
{
	(void)sig;
	faults++;
	if (stop)
		_exit(3);
	sched_yield();
}

static void catch_faults(void)
{
	struct sigaction sa = {.sa_handler = wait_out_the_fault};

	sigaction(SIGSEGV, &sa, NULL);
}

static void *write_always(void *unused)
{
	while (!stop)
		(*(volatile long *)area)++;
	return unused;
}

/* Once mprotect has returned, nobody writes. */
static void mprotect_while_another_writes(void)
{
	int moved = 0;
	pthread_t t;

	area = pages(1);
	catch_faults();
	start(&t, write_always, NULL);
	for (int i = 0; i < 100; i++) {
		long v;

		mprotect(area, PAGE, PROT_READ);
		v = *(volatile long *)area;
		for (int k = 0; k < 20000; k++)
			moved += *(volatile long *)area != v;
		mprotect(area, PAGE, PROT_READ | PROT_WRITE);
		while (*(volatile long *)area == v)
			;
	}
	stop = 1;
	finish(t);
	V(moved);
}

/* Once munmap has returned, what was there may be anybody's. */
static void munmap_while_another_writes(void)
{
	int dirty = 0;
	pthread_t t;

	area = pages(1);
	catch_faults();
	start(&t, write_always, NULL);
	for (int i = 0; i < 100; i++) {
		char *other;

		munmap(area, PAGE);
		other = mmap(area + (64 << 20), PAGE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*(volatile char *)other = 0;
		for (int k = 0; k < 20000; k++)
			dirty += *(volatile long *)other != 0;
		MUST(mmap(area, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
		munmap(other, PAGE);
		while (!*(volatile long *)area)
			;
	}
	stop = 1;
	finish(t);
	V(dirty);
}

static void *allocate(void *unused)
{
	for (int i = 0; i < 300; i++) {
		size_t n = (size_t)(i % 7 + 1);
		char *p = pages(n);

		for (size_t k = 0; k < n; k++)
			counter += p[k * PAGE];
		memset(p, 1, n * PAGE);
		munmap(p, n * PAGE);
	}
	return unused;
}

static void mappings_come_and_go(void)
{
	pthread_t t[LOCKERS];

	for (int i = 0; i < LOCKERS; i++)
		start(&t[i], allocate, NULL);
	for (int i = 0; i < LOCKERS; i++)
		finish(t[i]);
	V(counter);
}

/* -- signals to threads that compute -- */

static volatile int taken;

static void note(int sig)
{
	(void)sig;
	taken++;
}

static bool taken_reaches(int n)
{
	int64_t since = now_ns(CLOCK_MONOTONIC);

	while (taken < n)
		if (!within(since, 10))
			return false;
	return true;
}

static void signals_to_a_computing_thread(void)
{
	struct sigaction sa = {.sa_handler = note};
	int missed = 0;
	pthread_t t;

	sigaction(SIGUSR1, &sa, NULL);
	start(&t, spin, NULL);
	for (int i = 1; i <= 100 && !missed; i++) {
		pthread_kill(t, SIGUSR1);
		missed += !taken_reaches(i);
	}
	stop = 1;
	finish(t);
	V(missed);
	V(taken);
}

static void itimer_while_all_compute(void)
{
	struct itimerval each = {{0, 10000}, {0, 10000}};
	struct sigaction sa = {.sa_handler = note};
	pthread_t t[2];

	sigaction(SIGALRM, &sa, NULL);
	start(&t[0], spin, NULL);
	start(&t[1], spin, NULL);
	setitimer(ITIMER_REAL, &each, NULL);
	T(taken_reaches(20));
	setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
	stop = 1;
	finish(t[0]);
	finish(t[1]);
}

static void sleeps_while_another_computes(void)
{
	int64_t since;
	pthread_t t;

	start(&t, spin, NULL);
	since = now_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < 50; i++)
		sleep_ms(2);
	T(now_ns(CLOCK_MONOTONIC) - since >= SECOND / 10);
	T(within(since, 5));
	stop = 1;
	finish(t);
}

static void three_that_compute(void)
{
	pthread_t t;

	for (int i = 0; i < 3; i++)
		start(&t, spin, NULL);
	while (!counter)
		;
}

static void compute_and_exit(void)
{
	three_that_compute();
	_exit(7);
}

static void *exit_from_here(void *unused)
{
	exit(8);
	return unused;
}

static void compute_and_exit_from_a_thread(void)
{
	pthread_t t;

	three_that_compute();
	start(&t, exit_from_here, NULL);
	for (;;)
		;
}

static void compute_and_exec(void)
{
	three_that_compute();
	execl(self_path(), "after-exec", "--child", "after-exec", NULL);
}

static void compute_for_ever(void)
{
	three_that_compute();
	for (;;)
		;
}

static void ends_of_computing_processes(void)
{
	for (int i = 0; i < 5; i++) {
		in_child("exit", compute_and_exit);
		in_child("exit from a thread", compute_and_exit_from_a_thread);
		in_child("exec", compute_and_exec);
	}
}

static void kill_a_computing_process(void)
{
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (!pid)
			compute_for_ever();
		sleep_ms(5);
		R(kill(pid, i % 2 ? SIGKILL : SIGTERM));
		reap("killed", pid);
	}
}

static void stop_a_computing_process(void)
{
	volatile long *shared =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = fork();
	int status;

	if (!pid) {
		three_that_compute();
		for (;;)
			++*shared;
	}
	for (int i = 0; i < 10; i++) {
		long v;

		while (!*shared)
			;
		kill(pid, SIGSTOP);
		MUST(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
		v = *shared;
		sleep_ms(2);
		if (*shared != v)
			say("round %d: it goes on", i);
		*shared = 0;
		kill(pid, SIGCONT);
	}
	R(kill(pid, SIGKILL));
	reap("stopped and continued", pid);
}

int behave_child(int argc, char **argv)
{
	(void)argc;
	say("%s", argv[0]);
	return 9;
}

/* -- where a thread runs -- */

static int cpu_of_mask(const cpu_set_t *set, bool last)
{
	int found = -1;

	for (int i = 0; i < CPU_SETSIZE && (last || found < 0); i++)
		if (CPU_ISSET(i, set))
			found = i;
	return found;
}

static int move_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static void affinity_moves_a_thread(void)
{
	unsigned cpu, node;
	int wrong = 0;
	cpu_set_t all;

	R(sched_getaffinity(0, sizeof(all), &all));
	T(sysconf(_SC_NPROCESSORS_ONLN) == CPU_COUNT(&all));
	for (int i = 0; i < 100; i++) {
		int want = cpu_of_mask(&all, i % 2);

		wrong += move_to(want) != 0;
		wrong += sched_getcpu() != want;
		wrong += syscall(SYS_getcpu, &cpu, &node, NULL) || (int)cpu != want;
	}
	V(wrong);
}

/* Live vector registers go along. */
static void *add_up(void *unused)
{
	double a = 0, b = 1, c = 2, d = 3;

	for (int i = 0; i < 20000000; i++) {
		a += 1;
		b += 2;
		c += 3;
		d += 4;
		__asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d));
	}
	if (a != 20000000. || b != 40000001. || c != 60000002. || d != 80000003.)
		say("%f %f %f %f", a, b, c, d);
	__atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
	return unused;
}

static void moved_threads_keep_their_registers(void)
{
	int64_t since = now_ns(CLOCK_MONOTONIC);
	pthread_t t[3];
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < 3; i++)
		start(&t[i], add_up, NULL);
	for (int i = 0; i < 150 && within(since, 10); i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(cpu_of_mask(&all, i % 2), &one);
		pthread_setaffinity_np(t[i % 3], sizeof(one), &one);
		sleep_ms(1);
	}
	for (int i = 0; i < 3; i++)
		pthread_setaffinity_np(t[i], sizeof(all), &all);
	for (int i = 0; i < 3; i++)
		finish(t[i]);
	V(counter);
}

/* -- calls -- */

static void *call_much(void *unused)
{
	for (int i = 0; i < 5000; i++) {
		if (syscall(SYS_getppid) < 0 || close(-1) != -1 || errno != EBADF)
			say("call %d", i);
		if (i % 100 == 0)
			sched_yield();
	}
	return unused;
}

/* Calls that trap often may be replaced while another thread makes them. */
static void the_same_calls_from_all(void)
{
	pthread_t t[LOCKERS];

	for (int i = 0; i < LOCKERS; i++)
		start(&t[i], call_much, NULL);
	for (int i = 0; i < LOCKERS; i++)
		finish(t[i]);
	say("all done");
}

static void membarrier_while_another_computes(void)
{
	pthread_t t;

	R(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
	start(&t, spin, NULL);
	for (int i = 0; i < 100; i++)
		if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0))
			say("%s", errno_name(errno));
	stop = 1;
	finish(t);
}

const struct behaviour behaviours[] = {BEHAVIOUR(threads_overlap), BEHAVIOUR(processes_overlap),
	BEHAVIOUR(mutex_under_contention), BEHAVIOUR(condition_goes_back_and_forth),
	BEHAVIOUR(barriers_hold), BEHAVIOUR(pipes_go_back_and_forth),
	BEHAVIOUR(fork_while_another_writes), BEHAVIOUR(no_write_is_lost_when_pages_are_copied),
	BEHAVIOUR(mprotect_while_another_writes), BEHAVIOUR(munmap_while_another_writes),
	BEHAVIOUR(mappings_come_and_go), BEHAVIOUR(signals_to_a_computing_thread),
	BEHAVIOUR(itimer_while_all_compute), BEHAVIOUR(sleeps_while_another_computes),
	BEHAVIOUR(ends_of_computing_processes), BEHAVIOUR(kill_a_computing_process),
	BEHAVIOUR(stop_a_computing_process), BEHAVIOUR(affinity_moves_a_thread),
	BEHAVIOUR(moved_threads_keep_their_registers), BEHAVIOUR(the_same_calls_from_all),
	BEHAVIOUR(membarrier_while_another_computes), {0}};
