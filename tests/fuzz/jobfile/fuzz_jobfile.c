/* SPDX-License-Identifier: Apache-2.0
 * A hostile job file: it is read or refused with one line, in bounded memory, and all of it goes
 * again. The same bytes as what a step prints: lines that are safe to show.
 */
#include <stdlib.h>
#include <string.h>

#include "images/job/job_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(int r, const struct image_error *e)
{
	if (r >= 0 || !*e->text || !memchr(e->text, 0, sizeof e->text))
		abort();
	if (strncmp(e->text, "file", 4) != 0)
		abort(); /* every sentence says where */
}

/* What the reader promises to those who run it. */
static void check_job(const struct job *j)
{
	if (!j->name || !j->nentries || j->nentries > JOB_ENTRIES_MAX || j->arena.used > ARENA_MAX)
		abort();
	for (size_t i = 0; i < j->nentries; i++)
		for (size_t k = 0; k < j->entries[i].nsteps; k++) {
			const struct job_step *s = &j->entries[i].steps[k];

			if (!s->name || (s->run && s->command) ||
				(!s->run && !s->command && !s->image))
				abort();
			for (size_t a = 0; a < s->nartifacts; a++)
				if (*s->artifacts[a].path == '/' || !*s->artifacts[a].to)
					abort();
		}
}

static void check_line(void *arg, const char *line)
{
	struct job_tail *t = arg;

	for (; *line; line++)
		if ((unsigned char)*line < 0x20 && *line != '\t' && *line != 0x1b)
			abort();
	tail_add(t, line - strlen(line));
}

static void feed_lines(const uint8_t *data, size_t size)
{
	struct job_tail tail = {0};
	struct lines lines = {.n = 0};

	lines_add(&lines, (const char *)data, size, check_line, &tail);
	lines_end(&lines, check_line, &tail);
	if (tail.n >= JOB_TAIL_MAX)
		abort();
	free(tail.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image_error e = {""};
	struct job *j = NULL;
	int r = job_parse("file", (const char *)data, size, &j, &e);

	if (r)
		check_error(r, &e);
	else
		check_job(j);
	job_free(r ? NULL : j);
	feed_lines(data, size);
	return 0;
}
