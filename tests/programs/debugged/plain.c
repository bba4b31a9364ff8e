/* SPDX-License-Identifier: Apache-2.0
 * For debuggers: functions, variables, a child, a signal, a fault at the end if asked for.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct point {
	int x, y;
	const char *name;
};

static int counter;
static struct point points[2] = {{1, 2, "first"}, {3, 4, "second"}};
static volatile sig_atomic_t signals;

static void on_signal(int signal)
{
	signals += signal > 0;
}

static int factorial(int n)
{
	if (n < 2)
		return 1;
	return n * factorial(n - 1);
}

static int add(struct point *p, int more)
{
	p->x += more;
	counter += p->x;
	return counter;
}

static int child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(factorial(3));
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	int sum = 0;

	setvbuf(stdout, NULL, _IONBF, 0);
	for (int i = 0; i < 4; i++)
		sum += add(&points[i & 1], i);
	printf("sum %d, factorial %d\n", sum, factorial(5));
	signal(SIGUSR1, on_signal);
	raise(SIGUSR1);
	printf("signals %d, child %d\n", (int)signals, child());
	if (argc > 1 && strcmp(argv[1], "crash") == 0)
		*(volatile int *)(long)counter = 1;
	if (argc > 1 && strcmp(argv[1], "wait") == 0)
		for (;;)
			pause();
	return 3;
}
