/* SPDX-License-Identifier: Apache-2.0
 *
 *   sandbox-trace join HOME FD
 *
 * What `sandbox run --trace --host` starts: puts the lines that the launcher, its parent, writes to
 * standard input, and the host's calls of that launcher, in the order of time. A byte back on
 * standard input says that it is ready; to the line "end" it answers whether all was written. FD is
 * the launcher's end of it, whose calls are not shown.
 *
 * A line: when it was done by CLOCK_MONOTONIC in ns, a blank, what it is, a blank, its text. What
 * came is held for a moment, because a thread can be late with what it has to tell.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/trace/calls.h"
#include "runtime/trace/print.h"
#include "runtime/trace/trace.h"

#define HELD_NS	  200000000u
#define HELD_MAX  32768u /* entries */
#define TEXT_LINE 2048u
#define SHOW_MS	  50u /* nor is it sorted for each that comes */

struct entry {
	uint64_t at_ns, order; /* of those at the same time the first that came is first */
	char *line;	       /* or NULL: a call */
	struct trace_call call;
};

struct join {
	struct observe_head head; /* of the launcher: its process and home */
	uint64_t own_fd, order;
	int64_t clock_offset; /* one for all: lines are in order, whatever is done to the clock */
	struct calls *calls;  /* or NULL */
	struct entry *held;
	size_t nheld;
	bool ended;		  /* the launcher has no more to tell */
	char text[4 * TEXT_LINE]; /* what was read and has no end of line yet */
	size_t length;
};

/* -- what is held -- */

static int by_time(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->at_ns != y->at_ns)
		return x->at_ns < y->at_ns ? -1 : 1;
	return x->order < y->order ? -1 : 1;
}

static void show(const struct join *j, const struct entry *e)
{
	print_clock(e->at_ns, j->clock_offset);
	if (e->line) {
		printf("%s\n", e->line);
		return;
	}
	printf("host    ");
	print_call_done(&e->call, &j->head);
}

static void sort(struct join *j)
{
	qsort(j->held, j->nheld, sizeof *j->held, by_time);
}

/* Of those that are sorted. */
static void show_first(struct join *j, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		show(j, &j->held[i]);
		free(j->held[i].line);
	}
	j->nheld -= n;
	memmove(j->held, j->held + n, j->nheld * sizeof *j->held);
	fflush(stdout);
}

static void show_until(struct join *j, uint64_t until_ns)
{
	size_t n = 0;

	sort(j);
	while (n < j->nheld && j->held[n].at_ns <= until_ns)
		n++;
	show_first(j, n);
}

/* Room for one more. When there is none the older half is shown early; what then comes late is
 * shown out of order. */
static struct entry *hold(struct join *j, uint64_t at_ns)
{
	struct entry *e;

	if (j->nheld == HELD_MAX) {
		sort(j);
		show_first(j, HELD_MAX / 2);
	}
	e = &j->held[j->nheld++];
	*e = (struct entry){.at_ns = at_ns, .order = j->order++};
	return e;
}

/* -- what comes -- */

static void on_call(void *arg, const struct trace_call *c)
{
	struct join *j = arg;

	if (c->nr == SYS_write && c->args[0] == j->own_fd)
		return;
	hold(j, c->at_ns + c->ns)->call = *c;
}

static void take_line(struct join *j, const char *line)
{
	char *rest, *copy;
	uint64_t at_ns = strtoull(line, &rest, 10);

	j->ended |= !strcmp(line, "end");
	if (*rest != ' ')
		return;
	copy = strdup(rest + 1);
	if (copy)
		hold(j, at_ns)->line = copy;
}

static void take_lines(struct join *j)
{
	char *from = j->text, *end;

	while ((end = memchr(from, '\n', j->length - (size_t)(from - j->text)))) {
		*end = 0;
		take_line(j, from);
		from = end + 1;
	}
	j->length -= (size_t)(from - j->text);
	memmove(j->text, from, j->length);
	if (j->length == sizeof j->text) /* no line of the launcher's is as long */
		j->length = 0;
}

/* false: the launcher has closed it. */
static bool take_input(struct join *j)
{
	ssize_t n = read(STDIN_FILENO, j->text + j->length, sizeof j->text - j->length);

	if (n < 0)
		return errno == EINTR;
	j->length += (size_t)n;
	take_lines(j);
	return n && !j->ended;
}

/* What is shown is older than the last look at which the launcher had nothing to read: on a busy
 * machine there can be more than is read at a time. */
static void follow(struct join *j)
{
	uint64_t shown_ns = 0, all_ns = trace_now_ns();
	bool open = true;

	while (open) {
		struct pollfd p[] = {{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = j->calls ? calls_fd(j->calls) : -1, .events = POLLIN}};
		uint64_t now = trace_now_ns();

		poll(p, 2, SHOW_MS);
		if (p[0].revents)
			open = take_input(j);
		else
			all_ns = now;
		if (j->calls)
			calls_poll(j->calls, 0);
		if (open && now - shown_ns < SHOW_MS * 1000000u)
			continue;
		show_until(j, open ? all_ns - HELD_NS : UINT64_MAX);
		shown_ns = now;
	}
}

/* -- the program -- */

/* It ends with the launcher, which a terminal's signals reach as well. */
static void ignore_signals(void)
{
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

static void open_calls(struct join *j)
{
	const char *missing;
	int r = calls_open(&j->calls, j->head.pid, on_call, j, &missing);

	if (r)
		cli_say("trace: host calls cannot be seen: this needs %s: %s; shown is what the "
			"program asked and what crossed the channel",
			missing, strerror(-r));
}

static int join(struct join *j)
{
	bool failed;

	ignore_signals();
	open_calls(j);
	if (write(STDIN_FILENO, "r", 1) == 1)
		follow(j);
	if (j->calls && calls_lost(j->calls))
		cli_say("trace: %llu host calls were lost, there were too many at a time",
			calls_lost(j->calls));
	if (j->calls)
		calls_close(j->calls);
	failed = fflush(stdout) || ferror(stdout);
	if (write(STDIN_FILENO, failed ? "f" : "w", 1) != 1)
		return POLICY_FAILED; /* nobody is there to say it */
	return failed ? POLICY_FAILED : 0;
}

int join_main(int argc, char **argv)
{
	struct join *j;
	int r = POLICY_FAILED;
	uint32_t fd;

	if (argc != 3 || policy_parse_count(argv[2], &fd)) {
		cli_say("this is started by `sandbox run`");
		return POLICY_FAILED;
	}
	j = calloc(1, sizeof *j);
	if (j)
		j->held = calloc(HELD_MAX, sizeof *j->held);
	if (j && j->held) {
		j->head.pid = getppid();
		snprintf(j->head.home, sizeof j->head.home, "%s", argv[1]);
		j->own_fd = fd;
		j->clock_offset = print_clock_offset();
		r = join(j);
	} else {
		cli_say("trace: out of memory");
	}
	if (j)
		free(j->held);
	free(j);
	return r;
}
