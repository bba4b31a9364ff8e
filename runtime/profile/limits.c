/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/profile/limits.h"

#define MEMORY	(4ull << 30)
#define SECONDS 60u /* of processor time, beside what sampling took */

static void on_too_long(int sig)
{
	static const char text[] = "sandbox: profile: given up: names took more than 60 seconds of "
				   "processor time (one of the files may be made for that)\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);

	(void)sig;
	(void)n;
	_exit(POLICY_FAILED);
}

static int lower(__rlimit_resource_t what, rlim_t soft, rlim_t hard)
{
	struct rlimit l;

	if (getrlimit(what, &l))
		return -errno;
	if (l.rlim_max > hard)
		l.rlim_max = hard;
	if (l.rlim_cur > soft)
		l.rlim_cur = soft < l.rlim_max ? soft : l.rlim_max;
	return setrlimit(what, &l) ? -errno : 0;
}

static void default_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
	struct sigaction sa = {.sa_handler = SIG_DFL};

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &sa, NULL);
}

int limits_set(void)
{
	struct sigaction sa = {.sa_handler = on_too_long};
	struct rusage used;
	rlim_t until;
	int r = 0;

	default_signals();
	if (getrusage(RUSAGE_SELF, &used) || sigaction(SIGXCPU, &sa, NULL))
		return -errno;
	until = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + SECONDS;
#ifndef __SANITIZE_ADDRESS__ /* which has terabytes for its own */
	r = lower(RLIMIT_AS, MEMORY, MEMORY);
#endif
	return r ? r : lower(RLIMIT_CPU, until, until + 2);
}
