/* SPDX-License-Identifier: Apache-2.0
 *
 * A job on a terminal: what is done scrolls away above, what runs is drawn again and again below.
 * A frame is one write, and no line of it is wider than the window.
 */
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "images/job/job_internal.h"

#define TAIL_LINES  6u
#define DRAWN_MAX   256u
#define FAILED_TAIL 40u /* lines of a failed step's output that stay on the screen */

struct live {
	struct job_view v;
	const struct job *job;
	int out;
	bool utf8, colour;
	unsigned columns, rows;
	unsigned widths[DRAWN_MAX]; /* of the lines on the screen now */
	unsigned drawn, spin;
	char *frame;
	size_t size;
	FILE *f; /* the frame being made */
};

static void ask_size(struct live *l)
{
	struct winsize w;

	l->columns = 80;
	l->rows = 24;
	if (!ioctl(l->out, TIOCGWINSZ, &w) && w.ws_col && w.ws_row) {
		l->columns = w.ws_col < 20 ? 20 : w.ws_col;
		l->rows = w.ws_row < 4 ? 4 : w.ws_row;
	}
}

/* Columns of the character at s, its length in *len; 0 for an escape sequence. */
static unsigned char_width(const struct live *l, const char *s, size_t *len)
{
	mbstate_t st = {0};
	wchar_t c;
	int w;

	if (*s == 0x1b) { /* lines.c lets only "ESC [ … m" through */
		*len = strcspn(s, "m");
		*len += s[*len] != 0;
		return 0;
	}
	*len = 1;
	if (!l->utf8 || *s == '\t')
		return 1;
	*len = mbrtowc(&c, s, strlen(s), &st);
	if (!*len || *len > 4) {
		*len = 1;
		return 1;
	}
	w = wcwidth(c);
	return w < 0 ? 1 : (unsigned)w;
}

/* One line of the live part, cut at the window's edge. */
static void draw(struct live *l, const char *text)
{
	unsigned at = 0;
	size_t len;

	if (l->drawn == DRAWN_MAX || l->drawn + 1 >= l->rows)
		return;
	for (; *text; text += len) {
		unsigned w = char_width(l, text, &len);

		if (at + w >= l->columns)
			break;
		at += w;
		if (*text == '\t' || (!l->utf8 && (*text & 0x80)))
			fputc(*text == '\t' ? ' ' : '?', l->f);
		else if (*text != 0x1b || l->colour)
			fwrite(text, 1, len, l->f);
	}
	fputs(l->colour ? "\x1b[0m\n" : "\n", l->f);
	l->widths[l->drawn++] = at;
}

/* Back to where the live part begins, and nothing below it. After the window changed, lines may
 * take more rows than they were. */
static void erase(struct live *l)
{
	unsigned rows = 0;

	for (unsigned i = 0; i < l->drawn; i++)
		rows += l->widths[i] ? (l->widths[i] + l->columns - 1) / l->columns : 1;
	if (rows)
		fprintf(l->f, "\x1b[%uA", rows);
	fputs("\r\x1b[J", l->f);
	l->drawn = 0;
}

static const char *paint(const struct live *l, const char *sgr)
{
	return l->colour ? sgr : "";
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The last `max` lines of a text that ends with a newline. */
static const char *last_lines(const struct job_tail *t, unsigned max)
{
	const char *s = t->text + t->n;

	for (unsigned n = 0; s > t->text; s--)
		if (s[-1] == '\n' && n++ == max)
			break;
	return s;
}

static void each_line(struct live *l, const char *s, void (*fn)(struct live *, const char *))
{
	char line[4200];

	for (; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		snprintf(line, sizeof line, "    %.*s", (int)strcspn(s, "\n"), s);
		fn(l, line);
	}
}

static void draw_running(
	struct live *l, const struct job_entry *n, const struct job_step *s, unsigned lines)
{
	static const char *const dots[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
	char head[512], time[24];
	const char bars[2] = {"|/-\\"[l->spin % 4], 0};

	job_duration(now_ns() - s->start_ns, time);
	snprintf(head, sizeof head, "%s%s%s %s%s%s%s  %s", paint(l, "\x1b[36m"),
		l->utf8 ? dots[l->spin % 10] : bars, paint(l, "\x1b[0m"), s->name,
		*n->label ? " [" : "", n->label, *n->label ? "]" : "", time);
	draw(l, head);
	if (lines && s->tail.n)
		each_line(l, last_lines(&s->tail, lines), draw);
}

struct counts {
	unsigned done, failed, running, total;
};

static void count(const struct job *j, struct counts *c)
{
	for (size_t i = 0; i < j->nentries; i++)
		for (size_t k = 0; k < j->entries[i].nsteps; k++) {
			enum job_outcome o = j->entries[i].steps[k].outcome;

			c->total++;
			c->done += o > JOB_RUNNING;
			c->failed += o == JOB_FAILED;
			c->running += o == JOB_RUNNING;
		}
}

static void draw_live(struct live *l)
{
	struct counts c = {0};
	unsigned each;
	char line[128];

	count(l->job, &c);
	if (!c.running)
		return;
	each = (l->rows - 2) / c.running;
	each = each > TAIL_LINES + 1 ? TAIL_LINES : each ? each - 1 : 0;
	for (size_t i = 0; i < l->job->nentries; i++)
		for (size_t k = 0; k < l->job->entries[i].nsteps; k++)
			if (l->job->entries[i].steps[k].outcome == JOB_RUNNING)
				draw_running(
					l, &l->job->entries[i], &l->job->entries[i].steps[k], each);
	if (l->job->nentries > 1) {
		snprintf(line, sizeof line, "%u of %u steps done, %u failed", c.done, c.total,
			c.failed);
		draw(l, line);
	}
}

/* What `above` writes stays; then the live part anew. */
static void refresh(struct live *l,
	void (*above)(struct live *, const struct job_entry *, const struct job_step *),
	const struct job_entry *n, const struct job_step *s)
{
	size_t done = 0;

	l->f = open_memstream(&l->frame, &l->size);
	if (!l->f)
		return;
	erase(l);
	if (above)
		above(l, n, s);
	draw_live(l);
	fclose(l->f);
	while (done < l->size) {
		ssize_t w = write(l->out, l->frame + done, l->size - done);

		if (w <= 0)
			break;
		done += (size_t)w;
	}
	free(l->frame);
}

static void put_kept(struct live *l, const char *line)
{
	for (; *line; line++)
		if (*line != 0x1b || l->colour)
			fputc(*line, l->f);
		else if (!*(line += strcspn(line, "m")))
			break;
	fputc('\n', l->f);
}

static void put_end(struct live *l, const struct job_entry *n, const struct job_step *s)
{
	bool good = s->outcome == JOB_PASSED, allowed = s->outcome == JOB_ALLOWED;
	const char *mark = l->utf8 ? (good ? "✓" : "✗") : (good ? "ok" : "--");
	char time[24];

	job_duration(s->ns, time);
	fprintf(l->f, "%s%s%s %s%s%s%s  %s",
		paint(l, good	   ? "\x1b[32m"
			 : allowed ? "\x1b[33m"
				   : "\x1b[31m"),
		mark, paint(l, "\x1b[0m"), s->name, *n->label ? " [" : "", n->label,
		*n->label ? "]" : "", time);
	if (!good)
		fprintf(l->f, "  %s", job_outcome_name(s->outcome));
	if (s->code && s->outcome != JOB_INTERRUPTED)
		fprintf(l->f, " with code %d", s->code);
	fprintf(l->f, "%s%s\n", *s->why.text ? ": " : "", s->why.text);
	if (!good && s->tail.n)
		each_line(l, last_lines(&s->tail, FAILED_TAIL), put_kept);
}

static void step_begin(struct job_view *v, const struct job_entry *n, const struct job_step *s)
{
	refresh((struct live *)v, NULL, n, s);
}

static void line(struct job_view *v, const struct job_entry *n, const char *text)
{
	(void)v; /* in the step's tail by now; the next tick shows it */
}

static void step_end(struct job_view *v, const struct job_entry *n, const struct job_step *s)
{
	refresh((struct live *)v, put_end, n, s);
}

static void tick(struct job_view *v)
{
	struct live *l = (struct live *)v;
	uint64_t spin = now_ns() / 100000000u;

	if (l->spin == (unsigned)spin)
		return;
	l->spin = (unsigned)spin;
	refresh(l, NULL, NULL, NULL);
}

static void resized(struct job_view *v)
{
	struct live *l = (struct live *)v;

	ask_size(l);
	refresh(l, NULL, NULL, NULL);
}

static void end(struct job_view *v)
{
	refresh((struct live *)v, NULL, NULL, NULL);
	free(v);
}

struct job_view *view_live(const struct job *j, int out)
{
	struct live *l = calloc(1, sizeof *l);
	const char *no_colour = getenv("NO_COLOR");

	if (!l)
		return NULL;
	setlocale(LC_CTYPE, "");
	l->v = (struct job_view){step_begin, line, step_end, tick, resized, end};
	l->job = j;
	l->out = out;
	l->utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	l->colour = !no_colour || !*no_colour;
	ask_size(l);
	return &l->v;
}
