/* SPDX-License-Identifier: Apache-2.0
 *
 * A job file: its own keys, and its matrix. Steps are read once per combination, so that every
 * value is checked as it will be used.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/job/job_internal.h"

/* What the file says, before the matrix is multiplied out. */
struct parts {
	const char *name;
	const struct tree *env, *matrix, *steps;
};

static int take_tree(struct reader *r, const struct tree *t, void *into)
{
	*(const struct tree **)into = t;
	return 0;
}

static const struct key job_keys[] = {
	{"name", take_text, offsetof(struct parts, name)},
	{"env", take_tree, offsetof(struct parts, env)},
	{"matrix", take_tree, offsetof(struct parts, matrix)},
	{"steps", take_tree, offsetof(struct parts, steps)},
};

static bool matrix_name_valid(const char *s)
{
	return *s &&
	       !s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")];
}

/* How many combinations; every name and value checked. */
static int count_entries(struct reader *r, const struct tree *matrix, size_t *n)
{
	*n = 1;
	if (!matrix)
		return 0;
	if (matrix->kind != TREE_MAP)
		return reader_is(r, matrix, TREE_MAP);
	for (const struct tree *t = matrix->kids; t; t = t->next) {
		if (!matrix_name_valid(t->key))
			return reader_fail(r, t,
				"matrix: \"%.60s\" is no name (letters, digits, \"_\" and \"-\")",
				t->key);
		if (t->kind != TREE_LIST || !t->nkids)
			return reader_fail(r, t, "matrix: %s must be a list of values", t->key);
		for (const struct tree *v = t->kids; v; v = v->next)
			if (reader_is(r, v, TREE_TEXT))
				return -EINVAL;
		*n *= t->nkids;
		if (*n > JOB_ENTRIES_MAX)
			return reader_fail(
				r, t, "matrix: more than %u combinations", JOB_ENTRIES_MAX);
	}
	return 0;
}

static const struct tree *nth(const struct tree *list, size_t i)
{
	const struct tree *t = list->kids;

	while (i--)
		t = t->next;
	return t;
}

/* "a=1 b=2" */
static const char *make_label(struct reader *r, const struct job_entry *n)
{
	size_t len = 1, at = 0;
	char *out;

	for (size_t i = 0; i < n->nmatrix; i++)
		len += strlen(n->matrix[i].name) + strlen(n->matrix[i].value) + 2;
	out = arena_alloc(r->arena, len);
	for (size_t i = 0; out && i < n->nmatrix; i++)
		at += (size_t)snprintf(out + at, len - at, "%s%s=%s", i ? " " : "",
			n->matrix[i].name, n->matrix[i].value);
	return out;
}

/* Combination `index`: the last name's values change fastest, as the file reads. */
static int set_matrix(
	struct reader *r, const struct tree *matrix, size_t index, struct job_entry *n)
{
	size_t i = n->nmatrix = matrix ? matrix->nkids : 0;

	n->matrix = arena_alloc(r->arena, i * sizeof *n->matrix);
	if (!n->matrix)
		return -ENOMEM;
	while (i--) {
		const struct tree *t = nth(matrix, i);

		n->matrix[i].name = t->key;
		n->matrix[i].value = nth(t, index % t->nkids)->text;
		index /= t->nkids;
	}
	n->label = make_label(r, n);
	r->matrix = n->matrix;
	r->nmatrix = n->nmatrix;
	return n->label ? 0 : -ENOMEM;
}

static int read_entry(struct reader *r, const struct parts *p, size_t index, struct job_entry *n)
{
	int err = set_matrix(r, p->matrix, index, n);

	if (err)
		return reader_memory(r, p->steps);
	err = reader_array(r, p->steps, sizeof *n->steps, &n->steps);
	for (const struct tree *t = p->steps->kids; !err && t; t = t->next) {
		err = reader_step(r, t, n->nsteps + 1, p->env, &n->steps[n->nsteps]);
		n->nsteps++;
	}
	return err;
}

/* Two combinations that write to one place would leave the one that came last. */
static int check_artifacts(struct reader *r, const struct parts *p, const struct job *j)
{
	const struct job_entry *a = j->entries;

	for (size_t s = 0; j->nentries > 1 && s < a->nsteps; s++)
		for (size_t i = 0; i < a->steps[s].nartifacts; i++)
			for (const struct job_entry *b = a + 1; b < a + j->nentries; b++)
				if (!strcmp(a->steps[s].artifacts[i].to,
					    b->steps[s].artifacts[i].to))
					return reader_fail(r, nth(p->steps, s),
						"artifact \"%.60s\" of several matrix entries goes "
						"to "
						"the same place; put ${{ matrix.NAME }} into "
						"\"to\"",
						a->steps[s].artifacts[i].to);
	return 0;
}

static int check_steps(struct reader *r, const struct tree *root, const struct parts *p)
{
	if (!p->steps)
		return reader_fail(r, root, "a job needs steps");
	if (p->steps->kind != TREE_LIST || !p->steps->nkids)
		return reader_fail(r, p->steps, "steps must be a list of at least one step");
	if (p->steps->nkids > JOB_STEPS_MAX)
		return reader_fail(r, p->steps, "more than %u steps", JOB_STEPS_MAX);
	return 0;
}

/* What the job is called when it does not say: the file's name without its end. */
static const char *default_name(struct arena *a, const char *file)
{
	const char *base = strrchr(file, '/'), *dot;

	base = base ? base + 1 : file;
	dot = strrchr(base, '.');
	return arena_copy(a, base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
}

static int read_job(struct reader *r, const struct tree *root, struct job *j)
{
	struct parts p = {0};
	size_t n;
	int err = reader_keys(r, root, job_keys, sizeof job_keys / sizeof *job_keys, "a job", &p);

	if (!err)
		err = check_steps(r, root, &p);
	if (!err)
		err = count_entries(r, p.matrix, &n);
	if (err)
		return err;
	j->name = p.name ? p.name : default_name(r->arena, r->file);
	j->entries = arena_alloc(r->arena, n * sizeof *j->entries);
	if (!j->name || !j->entries)
		return reader_memory(r, root);
	while (!err && j->nentries < n) {
		err = read_entry(r, &p, j->nentries, &j->entries[j->nentries]);
		j->nentries++;
	}
	return err ? err : check_artifacts(r, &p, j);
}

int job_parse(const char *file, const char *data, size_t n, struct job **out, struct image_error *e)
{
	struct job *j = calloc(1, sizeof *j);
	struct reader r = {.file = file, .e = e};
	struct tree *root = NULL;
	int err;

	if (!j)
		return image_fail(e, -ENOMEM, "%s: out of memory", file);
	r.arena = &j->arena;
	err = tree_parse(file, data, n, &j->arena, &root, e);
	if (!err)
		err = read_job(&r, root, j);
	if (err) {
		job_free(j);
		return err;
	}
	*out = j;
	return 0;
}

/* All of it, at most JOB_FILE_MAX; the byte beyond tells that there is more. */
static ssize_t read_all(int fd, char *buf)
{
	size_t n = 0;

	while (n <= JOB_FILE_MAX) {
		ssize_t got = read(fd, buf + n, JOB_FILE_MAX + 1 - n);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	return n > JOB_FILE_MAX ? -EFBIG : (ssize_t)n;
}

int job_load(const char *path, struct job **out, struct image_error *e)
{
	bool standard = !strcmp(path, "-");
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	char *buf = malloc(JOB_FILE_MAX + 1);
	ssize_t n = fd < 0 ? -errno : buf ? read_all(fd, buf) : -ENOMEM;
	int err;

	if (n == -EFBIG)
		err = image_fail(
			e, -EFBIG, "%s: larger than %u KiB: no job file", path, JOB_FILE_MAX >> 10);
	else if (n < 0)
		err = image_fail(e, (int)n, "cannot read %s: %s", path, strerror((int)-n));
	else
		err = job_parse(standard ? "stdin" : path, buf, (size_t)n, out, e);
	if (fd >= 0 && !standard)
		close(fd);
	free(buf);
	return err;
}

void job_free(struct job *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < j->nentries; i++)
		for (size_t s = 0; s < j->entries[i].nsteps; s++)
			free(j->entries[i].steps[s].tail.text);
	arena_free(&j->arena);
	free(j);
}
