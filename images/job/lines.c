/* SPDX-License-Identifier: Apache-2.0
 *
 * What a step prints, as lines that are safe to show: a program's output must not be able to move
 * the cursor, clear the screen or pass for the job's own lines. Colours (SGR) and UTF-8 stay.
 */
#include <stdlib.h>
#include <string.h>

#include "images/job/job_internal.h"

/* Length of the UTF-8 character at s, or 0: none. */
static size_t utf8(const unsigned char *s, size_t n)
{
	static const struct {
		unsigned char mask, lead;
		unsigned least;
	} forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
	for (size_t k = 0; k < 4; k++) {
		unsigned v = s[0] & (unsigned char)~forms[k].mask;

		if ((s[0] & forms[k].mask) != forms[k].lead)
			continue;
		if (k >= n)
			return 0;
		for (size_t i = 1; i <= k; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			v = v << 6 | (s[i] & 0x3fu);
		}
		if (v < forms[k].least || v > 0x10ffff || (v >= 0xd800 && v < 0xe000) ||
			(v >= 0x80 && v < 0xa0) || v == 0x2028 || v == 0x2029 ||
			(v >= 0x202a && v <= 0x202e) || (v >= 0x2066 && v <= 0x2069))
			return 0; /* controls, and what turns the direction of text */
		return k + 1;
	}
	return 0;
}

/* Length of an escape sequence at s (s[0] is ESC); *colour: "ESC [ digits ; … m". */
static size_t escape(const unsigned char *s, size_t n, bool *colour)
{
	size_t i = 1;

	*colour = false;
	if (n < 2)
		return 1;
	if (s[1] == ']' || s[1] == 'P' || s[1] == '_' || s[1] == '^') { /* to BEL or ESC \ */
		for (i = 2; i < n && s[i] != 7 && s[i] != 0x1b; i++)
			;
		return i < n && s[i] == 0x1b && i + 1 < n ? i + 2 : i < n ? i + 1 : n;
	}
	if (s[1] != '[')
		return 2;
	for (i = 2; i < n && (s[i] < 0x40 || s[i] > 0x7e); i++)
		;
	if (i == n)
		return n;
	*colour = s[i] == 'm' && strspn((const char *)s + 2, "0123456789;") == i - 2;
	return i + 1;
}

/* Cleans in place; the result is never longer but for the reset after colours. */
static size_t clean(char *line, size_t n)
{
	unsigned char *s = (unsigned char *)line;
	size_t in = 0, out = 0;

	while (in < n) {
		bool keep = true;
		size_t k;

		if (s[in] == 0x1b) {
			k = escape(s + in, n - in, &keep);
		} else if (s[in] == '\t') {
			k = 1;
		} else {
			k = utf8(s + in, n - in);
			if (!k || s[in] < 0x20 || s[in] == 0x7f) {
				s[in] = '?';
				k = 1;
			}
		}
		if (keep) {
			memmove(s + out, s + in, k);
			out += k;
		}
		in += k;
	}
	line[out] = 0;
	return out;
}

static void give(struct lines *l, lines_fn fn, void *arg)
{
	char line[sizeof l->buf + sizeof "\x1b[0m"], *from = l->buf;
	size_t n = l->n;

	while (n && from[n - 1] == '\r')
		n--;
	for (char *cr; (cr = memchr(from, '\r', n)); from = cr + 1) /* written over */
		n -= (size_t)(cr + 1 - from);
	memcpy(line, from, n);
	line[n] = 0;
	n = clean(line, n);
	if (memchr(line, 0x1b, n))
		memcpy(line + n, "\x1b[0m", sizeof "\x1b[0m");
	l->n = 0;
	fn(arg, line);
}

void lines_add(struct lines *l, const char *data, size_t n, lines_fn fn, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		if (data[i] == '\n') {
			give(l, fn, arg);
			continue;
		}
		if (l->n == sizeof l->buf - 1)
			give(l, fn, arg);
		l->buf[l->n++] = data[i];
	}
}

void lines_end(struct lines *l, lines_fn fn, void *arg)
{
	if (l->n)
		give(l, fn, arg);
}

/* Whole lines from the front make room for new ones. */
static void tail_drop(struct job_tail *t, size_t atleast)
{
	char *end = t->n > atleast ? memchr(t->text + atleast, '\n', t->n - atleast) : NULL;
	size_t gone = end ? (size_t)(end + 1 - t->text) : t->n;

	memmove(t->text, t->text + gone, t->n - gone);
	t->n -= gone;
	t->cut = true;
}

void tail_add(struct job_tail *t, const char *line)
{
	size_t n = strlen(line);

	if (!t->text)
		t->text = malloc(JOB_TAIL_MAX);
	if (!t->text)
		return; /* a summary without it */
	if (t->n + n + 2 > JOB_TAIL_MAX)
		tail_drop(t, JOB_TAIL_MAX / 4);
	memcpy(t->text + t->n, line, n);
	t->n += n;
	t->text[t->n++] = '\n';
	t->text[t->n] = 0;
}
