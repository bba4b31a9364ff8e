/* SPDX-License-Identifier: Apache-2.0
 *
 * A build file's lines: comments dropped, continued lines joined, each known by its first word.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "images/pack/buildfile.h"

#define STEPS_MAX 1000u

static const struct {
	const char *name;
	enum build_kind kind;
} instructions[] = {
	{"FROM", BUILD_FROM},
	{"COPY", BUILD_COPY},
	{"RUN", BUILD_RUN},
	{"ENV", BUILD_ENV},
	{"WORKDIR", BUILD_WORKDIR},
	{"USER", BUILD_USER},
	{"ENTRYPOINT", BUILD_ENTRYPOINT},
	{"CMD", BUILD_CMD},
	{"LABEL", BUILD_LABEL},
};

struct reader {
	const char *name;
	const char *at, *end;
	unsigned line; /* of at */
	char *joined;  /* the instruction so far */
	size_t len;
	struct build_file *out;
	struct image_error *e;
};

static int no_memory(struct reader *r)
{
	return image_fail(r->e, -ENOMEM, "%s: not enough memory", r->name);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next line of the file, without blanks around it. */
static const char *next_line(struct reader *r, size_t *n)
{
	const char *s = r->at, *end = memchr(s, '\n', (size_t)(r->end - s));

	r->at = end ? end + 1 : r->end;
	r->line++;
	end = end ? end : r->end;
	while (s < end && blank(*s))
		s++;
	while (end > s && blank(end[-1]))
		end--;
	*n = (size_t)(end - s);
	return s;
}

/* "# escape=`" would change what every line means. */
static int check_comment(const struct reader *r, const char *s, size_t n)
{
	char text[32];
	size_t len = 0;

	for (size_t i = 1; i < n && len < sizeof text - 1; i++)
		if (!blank(s[i]))
			text[len++] = (char)tolower((unsigned char)s[i]);
	text[len] = 0;
	if (r->out->n || strncmp(text, "escape=", 7) || !strcmp(text, "escape=\\"))
		return 0;
	return image_fail(r->e, -ENOTSUP, "%s:%u: another escape character is not supported",
		r->name, r->line);
}

/* Appends a line; true: the next one belongs to it. */
static bool join(struct reader *r, const char *s, size_t n)
{
	bool more = n && s[n - 1] == '\\';

	memcpy(r->joined + r->len, s, n - more);
	r->len += n - more;
	r->joined[r->len] = 0;
	return more;
}

static int known(struct reader *r, unsigned line, size_t n, enum build_kind *kind)
{
	for (size_t i = 0; i < sizeof instructions / sizeof *instructions; i++) {
		const char *name = instructions[i].name;

		if (strlen(name) != n || strncasecmp(r->joined, name, n))
			continue;
		memcpy(r->joined, name, n);
		*kind = instructions[i].kind;
		return 0;
	}
	return image_fail(r->e, -ENOTSUP,
		"%s:%u: \"%.*s\" is no instruction of build files (FROM, COPY, RUN, ENV, WORKDIR, "
		"USER, "
		"ENTRYPOINT, CMD, LABEL)",
		r->name, line, (int)(n < 40 ? n : 40), r->joined);
}

static int check_place(struct reader *r, unsigned line, enum build_kind kind)
{
	if (!r->out->n && kind != BUILD_FROM)
		return image_fail(
			r->e, -EINVAL, "%s:%u: FROM must be the first instruction", r->name, line);
	if (r->out->n && kind == BUILD_FROM)
		return image_fail(
			r->e, -ENOTSUP, "%s:%u: only one FROM is supported", r->name, line);
	if (r->out->n == STEPS_MAX)
		return image_fail(
			r->e, -E2BIG, "%s:%u: more than %u instructions", r->name, line, STEPS_MAX);
	return 0;
}

static int add_step(struct reader *r, unsigned line)
{
	size_t name = strcspn(r->joined, " \t\r");
	struct build_step *steps, step = {.line = line};
	int err = known(r, line, name, &step.kind);

	if (!err)
		err = check_place(r, line, step.kind);
	if (err)
		return err;
	step.text = strdup(r->joined);
	if (!step.text)
		return no_memory(r);
	step.args = step.text + name + strspn(step.text + name, " \t\r");
	if (!*step.args || !strncmp(step.args, "<<", 2)) {
		err = image_fail(r->e, *step.args ? -ENOTSUP : -EINVAL, "%s:%u: %.*s %s", r->name,
			line, (int)name, step.text,
			*step.args ? "of a here-document is not supported" : "says nothing");
		free(step.text);
		return err;
	}
	steps = reallocarray(r->out->steps, r->out->n + 1, sizeof *steps);
	if (!steps) {
		free(step.text);
		return no_memory(r);
	}
	r->out->steps = steps;
	steps[r->out->n++] = step;
	return 0;
}

/* One instruction, however many lines it has; nothing where only comments are left. */
static int read_step(struct reader *r)
{
	unsigned begin = 0;
	bool more = true;

	r->len = 0;
	r->joined[0] = 0;
	while (more && r->at < r->end) {
		size_t n;
		const char *s = next_line(r, &n);
		int err;

		if (n && *s == '#') {
			err = check_comment(r, s, n);
			if (err)
				return err;
			continue;
		}
		if (!n && !begin)
			continue;
		if (!begin)
			begin = r->line;
		else if (r->len && !blank(r->joined[r->len - 1]) && n && blank(s[-1]))
			r->joined[r->len++] = ' '; /* the blanks that the line began with */
		more = !n || join(r, s, n);
	}
	while (r->len && blank(r->joined[r->len - 1]))
		r->joined[--r->len] = 0;
	return r->len ? add_step(r, begin) : 0;
}

int build_file_parse(
	const char *name, const char *text, size_t n, struct build_file *out, struct image_error *e)
{
	struct reader r = {.name = name, .at = text, .end = text + n, .out = out, .e = e};
	int err = 0;

	*out = (struct build_file){0};
	if (n > BUILDFILE_MAX || memchr(text, 0, n))
		return image_fail(e, -EINVAL, "%s: %s", name,
			n > BUILDFILE_MAX ? "is larger than 1 MiB" : "is no text");
	r.joined = malloc(2 * n + 2); /* a blank may come before each line */
	if (!r.joined)
		return no_memory(&r);
	while (!err && r.at < r.end)
		err = read_step(&r);
	if (!err && !out->n)
		err = image_fail(e, -EINVAL, "%s: no instruction in it; the first is FROM", name);
	free(r.joined);
	if (err)
		build_file_clear(out);
	return err;
}

void build_file_clear(struct build_file *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->steps[i].text);
	free(f->steps);
	*f = (struct build_file){0};
}
