/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/profile/session.h"

/* The ring holds half a second of the deepest stacks of one CPU at the highest frequency. */
#define LOOK_MS 25

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	stopped = sig;
}

int session_init(struct session *s, const char *dir)
{
	s->ring.fd = -1;
	if (!s->duration_ns ||
		__builtin_add_overflow(observe_now_ns(), s->duration_ns, &s->until_ns))
		s->until_ns = UINT64_MAX;
	s->names = names_new();
	s->symbols = symbols_new(dir);
	return s->names && s->symbols ? stacks_init(&s->stacks) : -ENOMEM;
}

void session_free(struct session *s)
{
	observe_samples_end(&s->ring);
	stacks_free(&s->stacks);
	symbols_free(s->symbols);
	names_free(s->names);
}

/* -- taking -- */

static void on_record(void *arg, const struct samples_head *record)
{
	struct session *s = arg;

	if (record->kind == SAMPLES_FILE)
		symbols_file(s->symbols, (const void *)record);
	else if (record->kind == SAMPLES_SAMPLE)
		stacks_add(&s->stacks, s->names, (const void *)record);
}

/* True: the process has ended. */
static bool wait_a_little(int pidfd)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, LOOK_MS) > 0;
}

/* Until the process ends, or a signal, or the time is over. 0, or -errno as observe_samples_read.
 */
static int take(struct session *s, int pidfd)
{
	bool over = false;
	int r = 0;

	while (!over && !r) {
		over = wait_a_little(pidfd) || stopped || observe_now_ns() >= s->until_ns;
		/* once more when it is over, for what came meanwhile; of a sandbox that was not
		 * started for this, its end has emptied the ring */
		r = observe_samples_read(&s->ring, on_record, s);
	}
	return r == -ESRCH ? 0 : r;
}

static int say_bad(int r)
{
	cli_say("profile: what the launcher wrote are no samples: %s", strerror(-r));
	return POLICY_FAILED;
}

/* -- one that runs -- */

static int open_ring(struct session *s, const struct observe_seen *seen)
{
	int r = observe_samples_open(&s->ring, seen, s->hz);

	if (!r)
		return 0;
	cli_say("profile: sandbox %s: %s", seen->head.id,
		r == -EBUSY	? "somebody else takes a profile of it"
		: r == -ESRCH	? "it has ended"
		: r == -ENOTSUP ? "it had no room for samples when it began"
				: strerror(-r));
	return POLICY_FAILED;
}

static void take_signals(void)
{
	struct sigaction sa = {.sa_handler = on_signal};

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

static int attach(struct session *s, const struct observe_seen *seen, int pidfd)
{
	char title[sizeof seen->head.program + sizeof seen->head.name + 2];
	int r = open_ring(s, seen), n;

	if (r)
		return r;
	take_signals();
	n = snprintf(title, sizeof title, "%s%s%s", seen->head.name, *seen->head.name ? ": " : "",
		seen->head.program);
	s->title = names_add(s->names, title, (size_t)n);
	memcpy(s->backend, seen->head.backend, sizeof s->backend);
	s->sampled = true;
	r = take(s, pidfd);
	return r ? say_bad(r) : 0;
}

int session_attach(struct session *s, const char *id)
{
	struct observe_seen seen;
	int pidfd, r = observe_hold(id, &seen, &pidfd);

	if (r)
		cli_say("profile: sandbox %s: %s", id, r == -ESRCH ? "it has ended" : strerror(-r));
	r = r ? POLICY_FAILED : attach(s, &seen, pidfd);
	if (pidfd >= 0)
		close(pidfd);
	return r;
}

/* -- one that is started -- */

static size_t count(char **words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

static void start(const struct session *s, char **words)
{
	static char name[] = "sandbox", verb[] = "run", option[] = "--samples-fd";
	char fd[16], **args = calloc(count(words) + 4, sizeof *args);

	snprintf(fd, sizeof fd, "%d", s->ring.fd);
	if (args && !fcntl(s->ring.fd, F_SETFD, 0)) {
		args[0] = name;
		args[1] = verb;
		args[2] = option;
		args[3] = fd;
		for (size_t i = 1; words[i]; i++)
			args[3 + i] = words[i];
		execv(words[0], args);
	}
	cli_say("profile: cannot start %s: %s", words[0], strerror(errno));
	_exit(POLICY_FAILED);
}

static void title_of(struct session *s, char **words)
{
	char text[512];
	size_t n = 0;

	for (size_t i = 1; words[i] && n < sizeof text; i++)
		n += (size_t)snprintf(
			text + n, sizeof text - n, "%s%s", i > 1 ? " " : "", words[i]);
	s->title = names_add(s->names, text, n < sizeof text ? n : sizeof text - 1);
}

/* The terminal's signals go to the sandbox too, which ends by them if its program does; a signal
 * for this process is for it. */
static int follow(struct session *s, pid_t child, int pidfd)
{
	bool sampling = true;
	int r = 0, status = POLICY_FAILED << 8;

	do {
		int sig = stopped;

		stopped = 0;
		if (sig)
			syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
		if (!sampling) {
			wait_a_little(pidfd);
			continue;
		}
		r = take(s, pidfd);
		sampling = !r && observe_now_ns() < s->until_ns;
		if (!sampling)
			observe_samples_stop(&s->ring);
	} while (!waitpid(child, &status, WNOHANG));
	if (r)
		return say_bad(r);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int session_run(struct session *s, char **words)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	int pidfd, code, r = observe_samples_make(&s->ring, s->hz);
	pid_t child;

	if (r) {
		cli_say("profile: no memory for samples: %s", strerror(-r));
		return POLICY_FAILED;
	}
	title_of(s, words);
	child = fork();
	if (!child)
		start(s, words);
	pidfd = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0);
	if (pidfd < 0) {
		cli_say("profile: %s", strerror(errno));
		return POLICY_FAILED;
	}
	take_signals();
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGQUIT, &ignore, NULL);
	code = follow(s, child, pidfd);
	s->sampled = s->ring.begun;
	close(pidfd);
	return code;
}
