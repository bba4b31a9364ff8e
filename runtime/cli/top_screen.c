/* SPDX-License-Identifier: Apache-2.0
 *
 * top's pictures: on a terminal one in place of the other, else one below the other.
 */
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/observed.h"
#include "runtime/cli/text.h"
#include "runtime/cli/top.h"

#define SCREEN_BEGIN "\033[?1049h\033[?25l"
#define SCREEN_END   "\033[?25h\033[?1049l"
#define NAME_COLUMNS 14u
#define HEAD_COLUMNS 72u  /* of the numbers, with the gaps around the reasons */
#define WIDE	     140u /* from here on the reasons stand beside the numbers */
#define REASONS_ROOM 48u

static const struct {
	char key;
	const char *name;
} orders[TOP_ORDERS] = {
	[TOP_BY_CPU] = {'c', "CPU"},
	[TOP_BY_MEMORY] = {'m', "memory"},
	[TOP_BY_EXITS] = {'e', "exits"},
	[TOP_BY_OPERATIONS] = {'o', "channel operations"},
	[TOP_BY_DENIALS] = {'d', "denials"},
	[TOP_BY_AGE] = {'a', "age"},
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
	if (sig != SIGWINCH) /* that one only ends the wait */
		stopped = sig;
}

/* -- the table -- */

/* At most five columns: 950, 12.3k, 4.5M */
static void short_number(char out[16], double n)
{
	static const char units[] = {'k', 'M', 'G', 'T'};
	int unit = -1;

	while (n >= 9999.5 && unit < 3) {
		n /= 1000;
		unit++;
	}
	if (unit < 0)
		snprintf(out, 16, "%.0f", n);
	else
		snprintf(out, 16, n < 99.95 ? "%.1f%c" : "%.0f%c", n < 99999 ? n : 99999,
			units[unit]);
}

static void print_numbers(const struct top_row *r)
{
	char memory[16], syscalls[16], exits[16], operations[16], latency[16] = "-", denials[16];
	char line[128];

	policy_format_size(memory, r->seen->shim.pages_used * 4096);
	short_number(syscalls, r->syscalls);
	short_number(exits, r->exits);
	short_number(operations, r->operations);
	if (r->latency_us > 0)
		snprintf(latency, sizeof latency, r->latency_us < 99.95 ? "%.1f" : "%.0f",
			r->latency_us < 1e7 ? r->latency_us : 1e7);
	short_number(denials, (double)r->seen->denials);
	snprintf(line, sizeof line, " %6.1f %9s %6s %6s %6s %8s %6s",
		r->cpu < 99999 ? r->cpu : 99999, memory, syscalls, exits, operations, latency,
		denials);
	observed_rest(line, NAME_COLUMNS);
}

/* In a narrow window a second line has what does not fit in the first. */
static void print_sandbox(const struct top_row *r, bool wide, unsigned columns, const char *eol)
{
	char program[sizeof r->seen->head.program], reasons[256];

	observed_program(program, sizeof program, r->seen);
	top_reasons(reasons, sizeof reasons, r);
	observed_cell(observed_name(r->seen), NAME_COLUMNS);
	print_numbers(r);
	if (wide) {
		fputs("  ", stdout);
		observed_cell(reasons, columns == UINT_MAX && strlen(reasons) > REASONS_ROOM
					       ? (unsigned)strlen(reasons)
					       : REASONS_ROOM);
		fputs("  ", stdout);
		observed_rest(program, HEAD_COLUMNS + REASONS_ROOM);
	} else {
		char line[sizeof program + sizeof reasons + 4];

		printf("%s\n    ", eol);
		snprintf(line, sizeof line, "%s%s%s", reasons, *reasons ? "  " : "", program);
		observed_rest(line, 4);
	}
	printf("%s\n", eol);
}

void top_table(const struct top_row *rows, size_t n, enum top_order order, unsigned columns,
	unsigned lines, const char *eol)
{
	bool wide = columns >= WIDE;
	size_t height = wide ? 1 : 2, room = lines > 3 ? (lines - 3) / height : 1;
	char text[128];

	snprintf(text, sizeof text, "%zu sandbox%s, by %s", n, n == 1 ? "" : "es",
		orders[order].name);
	observed_rest(text, 0);
	printf("%s\n", eol);
	observed_rest("SANDBOX          CPU%    MEMORY CALL/s EXIT/s CHAN/s  LAT(us) DENIED", 0);
	if (wide) {
		printf("  %-*s  ", (int)REASONS_ROOM, "EXITS/s BY REASON");
		observed_rest("PROGRAM", HEAD_COLUMNS + REASONS_ROOM);
	}
	printf("%s\n", eol);
	for (size_t i = 0; i < n && i < room; i++)
		print_sandbox(&rows[i], wide, columns, eol);
}

static void print_json(const struct top_row *rows, size_t n)
{
	json_t *o = json_object(), *all = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct top_row *r = &rows[i];
		json_t *one = observed_json(r->seen), *exits = json_object();
		const char *name;

		for (unsigned e = 0; (name = observe_exit_name(r->seen, e)); e++)
			json_object_set_new(exits, name, json_real(r->exit[e]));
		json_object_set_new(one, "cpu_percent", json_real(r->cpu));
		json_object_set_new(one, "system_calls_per_second", json_real(r->syscalls));
		json_object_set_new(one, "exits_per_second", exits);
		json_object_set_new(one, "channel_operations_per_second", json_real(r->operations));
		json_object_set_new(one, "channel_latency_us",
			r->latency_us > 0 ? json_real(r->latency_us) : json_null());
		json_array_append_new(all, one);
	}
	json_object_set_new(o, "sandboxes", all);
	observed_print_json(o, JSON_COMPACT);
}

/* -- the terminal -- */

struct screen {
	const struct top_options *options;
	enum top_order order;
	bool terminal;	    /* stdout is one: pictures replace each other */
	bool keys;	    /* stdin is one: it has keys */
	struct termios was; /* of it */
	sigset_t waiting;   /* signals come while it waits, so that none is missed before */
};

static void screen_begin(struct screen *s)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
	struct sigaction sa = {.sa_handler = on_signal};
	struct termios now;
	sigset_t taken;

	sigemptyset(&taken);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		sigaction(signals[i], &sa, NULL);
		sigaddset(&taken, signals[i]);
	}
	sigprocmask(SIG_BLOCK, &taken, &s->waiting);
	s->terminal = isatty(STDOUT_FILENO) && !s->options->json;
	s->keys = s->terminal && !tcgetattr(STDIN_FILENO, &s->was);
	if (s->keys) {
		now = s->was;
		now.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		tcsetattr(STDIN_FILENO, TCSANOW, &now);
	}
	if (s->terminal)
		fputs(SCREEN_BEGIN, stdout);
}

static void screen_end(struct screen *s)
{
	if (s->terminal)
		fputs(SCREEN_END, stdout);
	if (s->keys)
		tcsetattr(STDIN_FILENO, TCSANOW, &s->was);
}

static unsigned screen_lines(const struct screen *s)
{
	struct winsize w;

	return s->terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) && w.ws_row ? w.ws_row
										: UINT_MAX;
}

static void draw(const struct screen *s, const struct top_row *rows, size_t n)
{
	if (s->options->json) {
		print_json(rows, n);
		return;
	}
	if (s->terminal)
		fputs("\033[H", stdout);
	top_table(rows, n, s->order, text_columns(), screen_lines(s), s->terminal ? "\033[K" : "");
	fputs(s->terminal ? "\033[J" : "\n", stdout);
}

/* false: quit. */
static bool press(struct screen *s, char key)
{
	for (unsigned i = 0; i < TOP_ORDERS; i++)
		if (orders[i].key == key)
			s->order = (enum top_order)i;
	return key != 'q' && key != 'Q';
}

/* Waits for ns, a key or another size of the window; *left: what is left of ns. false: quit. */
static bool wait_for(struct screen *s, uint64_t ns, uint64_t *left)
{
	struct pollfd p = {.fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN};
	struct timespec limit = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}, a, b;
	uint64_t passed;
	int n;
	char key;

	clock_gettime(CLOCK_MONOTONIC, &a);
	n = ppoll(&p, 1, &limit, &s->waiting);
	clock_gettime(CLOCK_MONOTONIC, &b);
	passed = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec -
		 (uint64_t)a.tv_nsec;
	*left = n && passed < ns ? ns - passed : 0;
	if (n > 0 && read(STDIN_FILENO, &key, 1) != 1)
		return false; /* the terminal is gone */
	return !stopped && (n <= 0 || press(s, key));
}

/* Shows the same picture anew, sorted otherwise or in another window, until it is time for the
 * next. false: quit. */
static bool show(struct screen *s, const struct observe_list *before,
	const struct observe_list *now, bool last)
{
	uint64_t left = s->options->delay_ns;
	bool go_on = true;

	do {
		struct top_row *rows = top_rows(before, now, s->order);

		if (now->count && !rows) {
			cli_say("top: %s", strerror(ENOMEM));
			return false;
		}
		draw(s, rows, now->count);
		free(rows);
		if (fflush(stdout) || ferror(stdout))
			return false;
		go_on = last ? false : wait_for(s, left, &left);
	} while (go_on && left);
	return go_on;
}

int top_screen(const struct top_options *o)
{
	struct screen s = {.options = o};
	struct observe_list before = {0}, now;
	bool go_on = true;
	int r = 0;

	screen_begin(&s);
	for (unsigned n = 1; go_on && !r; n++) {
		r = observed_look("top", &now);
		if (r)
			break;
		go_on = show(&s, &before, &now, n == o->count);
		observe_list_clear(&before);
		before = now;
	}
	observe_list_clear(&before);
	screen_end(&s);
	return r ? r : cli_flush();
}
