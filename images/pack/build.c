/* SPDX-License-Identifier: Apache-2.0
 *
 * A build file's steps, one after another.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/pack/build_internal.h"
#include "images/scratch.h"
#include "images/store/document.h"

static const char *get_var(void *arg, const char *name)
{
	return draft_env(arg, name);
}

struct build_vars build_vars(const struct build *b)
{
	return (struct build_vars){get_var, b->draft};
}

const char *build_workdir(const struct build *b)
{
	const char *dir = draft_text(b->draft, "WorkingDir");

	return dir && *dir == '/' ? dir : "/";
}

static int step_from(struct build *b, const struct build_step *step)
{
	size_t n = strcspn(step->args, " \t");
	char name[STORE_NAME_MAX];

	if (step->args[n] || !strncmp(step->args, "--", 2))
		return image_fail(b->e, -ENOTSUP, "want one image, without options or AS");
	if (n >= sizeof name)
		return image_fail(b->e, -EINVAL, "the name is too long");
	memcpy(name, step->args, n + 1);
	return draft_begin(b->store, name, b->draft, b->e);
}

static int each_assignment(struct build *b, const struct build_step *step,
	int (*set)(struct draft *d, const char *assignment, struct image_error *e))
{
	struct build_vars vars = build_vars(b);
	struct words w;
	int r = build_assignments(step->args, &vars, &w, b->e);

	for (size_t i = 0; !r && i < w.n; i++)
		r = set(b->draft, w.list[i], b->e);
	if (!r)
		r = draft_history(b->draft, step->text, b->e);
	words_clear(&w);
	return r;
}

/* The one word of a step, malloc'ed. */
static int one_word(struct build *b, const struct build_step *step, char **out)
{
	struct build_vars vars = build_vars(b);
	struct words w;
	int r = build_words(step->args, &vars, &w, b->e);

	if (!r && (w.n != 1 || !*w.list[0]))
		r = image_fail(b->e, -EINVAL, "want one word");
	if (!r) {
		*out = w.list[0];
		w.n = 0;
	}
	words_clear(&w);
	return r;
}

static int step_workdir(struct build *b, const struct build_step *step)
{
	char path[LAYER_PATH_MAX + 2], *word;
	int r = one_word(b, step, &word);

	if (r)
		return r;
	r = path_absolute(build_workdir(b), word, path, b->e);
	free(word);
	if (!r)
		r = build_directory(b, path, step->text);
	return r ? r : draft_set_text(b->draft, "WorkingDir", path, b->e);
}

static int step_user(struct build *b, const struct build_step *step)
{
	char *word;
	int r = one_word(b, step, &word);

	if (r)
		return r;
	r = draft_set_text(b->draft, "User", word, b->e);
	free(word);
	return r ? r : draft_history(b->draft, step->text, b->e);
}

/* ENTRYPOINT and CMD: an array, or a line for the shell. */
static int step_words(struct build *b, const struct build_step *step, const char *key)
{
	char *shell[] = {(char *)"/bin/sh", (char *)"-c", (char *)step->args, NULL};
	struct words w = {0};
	bool json = false;
	int r = 0;

	if (*step->args == '[')
		r = words_parse_json(step->args, &w, &json, b->e);
	if (!r)
		r = draft_set_words(b->draft, key, !json ? shell : w.n ? w.list : NULL, b->e);
	if (!r)
		r = draft_history(b->draft, step->text, b->e);
	words_clear(&w);
	return r;
}

static int step_entrypoint(struct build *b, const struct build_step *step)
{
	int r = step_words(b, step, "Entrypoint");

	/* The base's arguments were for the base's program. */
	return r ? r : draft_set_words(b->draft, "Cmd", NULL, b->e);
}

static int do_step(struct build *b, const struct build_step *step)
{
	switch (step->kind) {
	case BUILD_FROM:
		return step_from(b, step);
	case BUILD_COPY:
		return build_copy(b, step);
	case BUILD_RUN:
		return build_run(b, step);
	case BUILD_ENV:
		return each_assignment(b, step, draft_set_env);
	case BUILD_LABEL:
		return each_assignment(b, step, draft_set_label);
	case BUILD_WORKDIR:
		return step_workdir(b, step);
	case BUILD_USER:
		return step_user(b, step);
	case BUILD_ENTRYPOINT:
		return step_entrypoint(b, step);
	case BUILD_CMD:
		return step_words(b, step, "Cmd");
	}
	return -EINVAL;
}

static int do_all(struct build *b, const struct build_file *f)
{
	int r = 0;

	for (size_t i = 0; i < f->n && !r; i++) {
		const struct build_step *step = &f->steps[i];

		if (b->o->step)
			b->o->step(b->o->arg, i, f->n, step->text);
		r = do_step(b, step);
		if (r)
			r = image_within(b->e, r, "%s:%u: %.*s", b->o->file, step->line,
				(int)strcspn(step->text, " \t"), step->text);
	}
	return r;
}

static int read_file(struct build *b, struct build_file *out)
{
	char *text;
	size_t n;
	int r = document_read(AT_FDCWD, b->o->file, BUILDFILE_MAX, &text, &n);

	if (r)
		return image_fail(b->e, r, "%s: %s", b->o->file,
			r == -EFBIG	? "is larger than 1 MiB"
			: r == -EBADMSG ? "is no file"
					: strerror(-r));
	r = build_file_parse(b->o->file, text, n, out, b->e);
	free(text);
	return r;
}

/* Not to copy, unasked, what somebody meant to be left out. */
static int check_context(struct build *b)
{
	if (faccessat(b->context, ".dockerignore", F_OK, AT_SYMLINK_NOFOLLOW))
		return 0;
	return image_fail(b->e, -ENOTSUP,
		"%s/.dockerignore is not supported: remove it, or build from a directory that "
		"holds "
		"only what is needed",
		b->o->context);
}

int build_image(
	struct store *s, const struct build_options *o, struct draft *out, struct image_error *e)
{
	struct build b = {.store = s, .o = o, .draft = out, .e = e};
	struct build_file f;
	int r = read_file(&b, &f);

	*out = (struct draft){0};
	if (r)
		return r;
	scratch_sweep(&scratch_build);
	b.context = open(o->context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = b.context < 0 ? image_fail(e, -errno, "%s: %s", o->context, strerror(errno))
			  : check_context(&b);
	if (!r)
		r = do_all(&b, &f);
	if (b.context >= 0)
		close(b.context);
	build_file_clear(&f);
	if (r)
		draft_clear(out);
	return r;
}
