/* SPDX-License-Identifier: Apache-2.0
 *
 * How far long work is, on stderr. Whoever works calls report() often and from any thread: it looks
 * at a clock, and only one of them at a time, when it is due, draws.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "images/cli/verb.h"

#define ALIVE_MS      100 /* between two pictures on a terminal */
#define PLAIN_MS      10000
#define COLUMNS_ELSE  80u /* of a terminal that does not say */
#define BAR_MIN	      10u /* a shorter one shows nothing */
#define BAR_MAX	      40u
#define LINE_SIZE     512u
#define TERASE_TO_END "\r\033[K"

struct bar {
	struct progress progress;
	pthread_mutex_t lock;
	bool alive; /* a terminal that can take a line back */
	bool shown, dead;
	int64_t due; /* ms; read without the lock */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A reader of stderr that went away ends the drawing, not the program. */
static void put(struct bar *b, const char *text, size_t n)
{
	static const struct timespec at_once = {0, 0};
	sigset_t pipe_only, before, pending;
	bool was_pending;

	sigemptyset(&pipe_only);
	sigaddset(&pipe_only, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
	if (write(STDERR_FILENO, text, n) < 0 && errno != EAGAIN && errno != EINTR) {
		b->dead = true;
		if (errno == EPIPE && !was_pending)
			sigtimedwait(&pipe_only, NULL, &at_once);
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static unsigned columns(void)
{
	struct winsize w;

	return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) || !w.ws_col ? COLUMNS_ELSE : w.ws_col;
}

static unsigned percent(uint64_t done, uint64_t total)
{
	return done >= total ? 100 : (unsigned)((double)done * 100 / (double)total);
}

/* Bytes of the first n characters of text, whatever is behind them. */
static int clip(const char *text, unsigned n)
{
	const char *s = text;

	while (*s && (n || (*s & 0xc0) == 0x80)) {
		n -= (*s & 0xc0) != 0x80;
		s++;
	}
	return (int)(s - text);
}

static unsigned width_of(const char *text)
{
	unsigned n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

/* "[####      ]" of so many columns. */
static void picture(char *out, unsigned width, unsigned per_cent)
{
	unsigned inner = width - 2, full = inner * per_cent / 100;

	*out++ = '[';
	memset(out, '#', full);
	memset(out + full, ' ', inner - full);
	memcpy(out + inner, "]", 2);
}

/* One line of at most `room` columns. What there is no room for goes: the picture, the amounts, the
 * end of the words; the per cent stay. */
static void compose(
	char out[LINE_SIZE], unsigned room, const char *what, uint64_t done, uint64_t total)
{
	char amount[48], have[16], all[16], bar[BAR_MAX + 2] = "", share[16] = "";
	unsigned used, left;

	policy_format_size(have, done);
	policy_format_size(all, total);
	if (total) {
		snprintf(amount, sizeof amount, "  %s of %s", have, all);
		snprintf(share, sizeof share, " %3u %%", percent(done, total));
	} else {
		snprintf(amount, sizeof amount, "  %s", have);
	}
	used = width_of(what) + (unsigned)strlen(share);
	if (used + strlen(amount) > room)
		*amount = 0;
	used += (unsigned)strlen(amount);
	left = room > used ? room - used : 0;
	if (total && left > BAR_MIN) {
		*bar = ' ';
		picture(bar + 1, left - 1 < BAR_MAX ? left - 1 : BAR_MAX, percent(done, total));
	}
	left = (unsigned)(strlen(share) + strlen(amount));
	if (left > room)
		snprintf(out, LINE_SIZE, "%.*s", (int)room, share + strspn(share, " "));
	else
		snprintf(out, LINE_SIZE, "%.*s%s%s%s", clip(what, room - left), what, bar, share,
			amount);
}

static void draw_alive(struct bar *b, const char *what, uint64_t done, uint64_t total)
{
	char line[LINE_SIZE], out[LINE_SIZE + sizeof TERASE_TO_END];
	int n;

	compose(line, columns() - 1, what, done, total);
	n = snprintf(out, sizeof out, TERASE_TO_END "%s", line);
	put(b, out, (size_t)n);
	b->shown = true;
}

static void draw_plain(struct bar *b, const char *what, uint64_t done, uint64_t total)
{
	char out[LINE_SIZE], have[16], all[16];
	int n;

	policy_format_size(have, done);
	policy_format_size(all, total);
	if (total)
		n = snprintf(
			out, sizeof out, "%.200s: %u %% of %s\n", what, percent(done, total), all);
	else
		n = snprintf(out, sizeof out, "%.200s: %s\n", what, have);
	put(b, out, (size_t)n);
}

static void draw(struct bar *b, const char *what, uint64_t done, uint64_t total)
{
	char clean[256];

	policy_clean_text(clean, sizeof clean, what);
	if (b->alive)
		draw_alive(b, clean, done, total);
	else
		draw_plain(b, clean, done, total);
}

static void report(void *arg, const char *what, uint64_t done, uint64_t total)
{
	struct bar *b = arg;
	int64_t now = now_ms();

	if (now < __atomic_load_n(&b->due, __ATOMIC_RELAXED) || pthread_mutex_trylock(&b->lock))
		return;
	if (!b->dead && now >= b->due) {
		draw(b, what, done, total);
		__atomic_store_n(&b->due, now + (b->alive ? ALIVE_MS : PLAIN_MS), __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&b->lock);
}

static void note(void *arg, const char *text)
{
	char clean[LINE_SIZE], out[LINE_SIZE + 32];
	struct bar *b = arg;
	int n;

	policy_clean_text(clean, sizeof clean, text);
	pthread_mutex_lock(&b->lock);
	n = snprintf(
		out, sizeof out, "%ssandbox: note: %s\n", b->shown ? TERASE_TO_END : "", clean);
	b->shown = false;
	if (!b->dead)
		put(b, out, (size_t)n);
	pthread_mutex_unlock(&b->lock);
}

struct bar *bar_begin(const struct verb_common *c)
{
	const char *term = getenv("TERM");
	struct bar *b;

	if (c->quiet)
		return NULL;
	b = calloc(1, sizeof *b);
	if (!b)
		return NULL; /* works without */
	pthread_mutex_init(&b->lock, NULL);
	b->progress = (struct progress){.report = report, .arg = b, .note = note};
	b->alive = isatty(STDERR_FILENO) && term && strcmp(term, "dumb");
	/* What is done at once shows nothing. */
	b->due = now_ms() + (b->alive ? 2 * ALIVE_MS : PLAIN_MS);
	return b;
}

const struct progress *bar_progress(struct bar *b)
{
	return b ? &b->progress : NULL;
}

void bar_end(struct bar *b)
{
	if (!b)
		return;
	if (b->shown && !b->dead)
		put(b, TERASE_TO_END, strlen(TERASE_TO_END));
	pthread_mutex_destroy(&b->lock);
	free(b);
}
