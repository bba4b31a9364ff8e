/* SPDX-License-Identifier: Apache-2.0
 *
 * The same work by one worker and by several at once: `scale JOB WORKERS COUNT` has each of WORKERS
 * do COUNT pieces, on as many processors, and prints nanoseconds for each piece of all of them.
 * Twice as many workers that are not in each other's way take half of it. `scale list` names the
 * jobs with a count that is worth measuring.
 */
#include <err.h>
#include <linux/futex.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 64u
#define BLOCK	    (256u << 10) /* malloc takes it from mmap, and free gives it back */
#define ROUNDS	    20u

/* -- what a worker does -- */

/* Two threads of their own hand a turn to each other. */
struct pair {
	uint32_t turn;
	unsigned count;
};

static void take_turns(struct pair *p, uint32_t mine)
{
	for (unsigned i = 0; i < p->count; i++) {
		while (__atomic_load_n(&p->turn, __ATOMIC_SEQ_CST) != mine)
			syscall(SYS_futex, &p->turn, FUTEX_WAIT_PRIVATE, !mine, NULL, NULL, 0);
		__atomic_store_n(&p->turn, !mine, __ATOMIC_SEQ_CST);
		syscall(SYS_futex, &p->turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
}

static void *take_second_turns(void *pair)
{
	take_turns(pair, 1);
	return NULL;
}

static void job_futex(unsigned count)
{
	struct pair p = {0, count};
	pthread_t second;

	if (pthread_create(&second, NULL, take_second_turns, &p))
		errx(1, "no thread");
	take_turns(&p, 0);
	pthread_join(second, NULL);
}

static void job_malloc(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		volatile char *block = malloc(BLOCK);

		if (!block)
			err(1, "malloc");
		for (unsigned at = 0; at < BLOCK; at += 4096)
			block[at] = 1;
		free((void *)block);
	}
}

static void job_fork(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid)
			_exit(0);
		if (waitpid(pid, NULL, 0) != pid)
			err(1, "waitpid");
	}
}

static const struct job {
	const char *name;
	unsigned count;
	void (*work)(unsigned count);
} jobs[] = {
	{"futex", 2000, job_futex},
	{"malloc", 200, job_malloc},
	{"fork", 200, job_fork},
};
#define NJOBS (sizeof(jobs) / sizeof(jobs[0]))

/* -- workers: threads of one process, or processes where the job is forking -- */

struct start {
	pthread_barrier_t all_there;
	double ns; /* when the last one came */
};

struct run {
	const struct job *job;
	unsigned workers, count;
	struct start *start; /* shared by all */
};

static double now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static void *worker(void *arg)
{
	const struct run *r = arg;

	r->job->work(r->count / ROUNDS); /* unmeasured */
	r->start->ns = now_ns();
	pthread_barrier_wait(&r->start->all_there);
	r->job->work(r->count);
	return NULL;
}

static void with_threads(struct run *r)
{
	pthread_t threads[WORKERS_MAX];

	for (unsigned i = 0; i < r->workers; i++)
		if (pthread_create(&threads[i], NULL, worker, r))
			errx(1, "no thread");
	for (unsigned i = 0; i < r->workers; i++)
		pthread_join(threads[i], NULL);
}

static void with_processes(struct run *r)
{
	int status;

	for (unsigned i = 0; i < r->workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (!pid) {
			worker(r);
			_exit(0);
		}
	}
	for (unsigned i = 0; i < r->workers; i++)
		if (wait(&status) < 0 || status)
			errx(1, "a worker failed");
}

static struct start *shared_start(unsigned workers)
{
	struct start *start = mmap(
		NULL, sizeof(*start), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attr;

	if (start == MAP_FAILED)
		err(1, "mmap");
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&start->all_there, &attr, workers);
	return start;
}

/* Natively one worker's threads would spread over all there are. */
static void keep_to_processors(unsigned n)
{
	cpu_set_t all, some;
	unsigned kept = 0;

	CPU_ZERO(&some);
	if (sched_getaffinity(0, sizeof(all), &all))
		err(1, "sched_getaffinity");
	for (unsigned cpu = 0; cpu < CPU_SETSIZE && kept < n; cpu++) {
		if (CPU_ISSET(cpu, &all)) {
			CPU_SET(cpu, &some);
			kept++;
		}
	}
	if (kept < n)
		errx(1, "%u processors, and %u workers", kept, n);
	if (sched_setaffinity(0, sizeof(some), &some))
		err(1, "sched_setaffinity");
}

static void run(struct run *r)
{
	keep_to_processors(r->workers);
	mallopt(M_MMAP_THRESHOLD, BLOCK / 2); /* said by us, so that it does not adapt */
	r->start = shared_start(r->workers);
	if (r->job->work == job_fork)
		with_processes(r);
	else
		with_threads(r);
	printf("%.1f\n", (now_ns() - r->start->ns) / r->workers / r->count);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "list")) {
		for (size_t i = 0; i < NJOBS; i++)
			printf("%s %u\n", jobs[i].name, jobs[i].count);
		return 0;
	}
	for (size_t i = 0; argc == 4 && i < NJOBS; i++) {
		struct run r = {&jobs[i], (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), NULL};

		if (strcmp(argv[1], jobs[i].name) || !r.workers || r.workers > WORKERS_MAX ||
			!r.count)
			continue;
		run(&r);
		return 0;
	}
	errx(2, "usage: scale list | JOB WORKERS COUNT");
}
