/* SPDX-License-Identifier: Apache-2.0
 * fuzz [SEED [SECONDS [FIRST [LAST]]]]: children one after another, each for a moment. The exit
 * code is 0 when time is up; what became of the children does not matter.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "tests/security/guest/fuzz.h"

#define CHILD_MS  150 /* then it is killed */
#define MOUNT_DIR "/tmp/fuzz"

uint64_t *fuzz_count;

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* Waiting calls come back, and a child that blocks everything ends. */
static void on_alarm(int signo)
{
	(void)signo;
}

static void limit_child(void)
{
	const struct itimerval often = {{0, 2000}, {0, 2000}};
	const struct rlimit cpu = {2, 3}, file = {1 << 20, 1 << 20},
			    memory = {256 << 20, 256 << 20};
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_alarm;
	sigaction(SIGALRM, &sa, NULL);
	setrlimit(RLIMIT_CPU, &cpu);
	setrlimit(RLIMIT_FSIZE, &file);
	setrlimit(RLIMIT_AS, &memory);
	setitimer(ITIMER_REAL, &often, NULL);
}

static void child(uint64_t seed, uint64_t number)
{
	struct random r = random_seeded(seed * 1000003 + number);
	int null;

	setsid();
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	limit_child();
	world_make(&r);
	switch (random_below(&r, 8)) {
	case 0:
	case 1:
		child_bytes(&r);
		break;
	case 2:
		child_threads(&r);
		break;
	case 3:
	case 4:
		child_racer(&r);
		break;
	default:
		child_calls(&r);
	}
	_exit(0);
}

/* What children leave in memory: names below the directory, two levels of them. */
static void clean(int depth)
{
	DIR *d = opendir(".");
	struct dirent *e;

	while (d && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (!unlink(e->d_name) || depth == 0)
			continue;
		chmod(e->d_name, 0700);
		if (!chdir(e->d_name)) {
			clean(depth - 1);
			if (chdir(".."))
				abort();
		}
		rmdir(e->d_name);
	}
	if (d)
		closedir(d);
}

/* All that the child started is in reach: this is the first process. */
static void end_all(pid_t pid)
{
	if (getpid() == 1)
		kill(-1, SIGKILL);
	else
		kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void run_child(uint64_t seed, uint64_t number, uint64_t *deaths)
{
	uint64_t until = now_ms() + CHILD_MS;
	int status = 0;
	pid_t pid = fork(), got = 0;

	if (!pid)
		child(seed, number);
	while (pid > 0 && now_ms() < until && !(got = waitpid(pid, &status, WNOHANG)))
		usleep(1000);
	if (got == pid && WIFSIGNALED(status))
		deaths[WTERMSIG(status) & 63]++;
	if (pid > 0)
		end_all(pid);
	clean(3);
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1, first = 0, last = ~0ull, n;
	uint64_t until = now_ms() + (argc > 2 ? strtoull(argv[2], NULL, 0) : 10) * 1000;
	uint64_t deaths[64] = {0};

	if (argc > 3)
		first = last = strtoull(argv[3], NULL, 0);
	if (argc > 4)
		last = strtoull(argv[4], NULL, 0);
	fuzz_count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fuzz_count == MAP_FAILED || mkdir(MOUNT_DIR, 0777) || chdir(MOUNT_DIR))
		return 2;
	signal(SIGHUP, SIG_IGN);
	for (n = first; n <= last && now_ms() < until; n++)
		run_child(seed, n, deaths);
	printf("seed %llu: %llu children, %llu system calls; deaths by signal:",
		(unsigned long long)seed, (unsigned long long)(n - first),
		(unsigned long long)*fuzz_count);
	for (int i = 0; i < 64; i++)
		if (deaths[i])
			printf(" %d:%llu", i, (unsigned long long)deaths[i]);
	printf("\n");
	return 0;
}
