/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of a job file.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "images/job/job_internal.h"
#include "runtime/policy/policy.h"

#define NAME_MAX_COLUMNS 60

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* -- single values -- */

static int take_size(struct reader *r, const struct tree *t, void *into)
{
	uint64_t v;
	const char **out = into;
	int err = take_text(r, t, out);

	if (!err && (policy_parse_size(*out, &v) || !v))
		err = reader_fail(
			r, t, "%s: \"%.60s\" is no size such as 512M or 2G", t->key, *out);
	return err;
}

static int take_duration(struct reader *r, const struct tree *t, void *into)
{
	uint64_t v;
	const char **out = into;
	int err = take_text(r, t, out);

	if (!err && (policy_parse_duration(*out, &v) || !v))
		err = reader_fail(
			r, t, "%s: \"%.60s\" is no duration such as 10, 1.5s or 2m", t->key, *out);
	return err;
}

static int take_count(struct reader *r, const struct tree *t, void *into)
{
	uint32_t v;
	const char **out = into;
	int err = take_text(r, t, out);

	if (!err && policy_parse_count(*out, &v))
		err = reader_fail(r, t, "%s: \"%.60s\" is no number, at least 1", t->key, *out);
	return err;
}

static int take_bool(struct reader *r, const struct tree *t, void *into)
{
	const char *text;
	int err = take_text(r, t, &text);

	if (err)
		return err;
	if (strcmp(text, "true") && strcmp(text, "false"))
		return reader_fail(r, t, "%s must be true or false, not \"%.60s\"", t->key, text);
	*(bool *)into = !strcmp(text, "true");
	return 0;
}

/* A path inside. */
static int take_inside(struct reader *r, const struct tree *t, void *into)
{
	const char **out = into;
	int err = take_text(r, t, out);

	if (!err && **out != '/')
		err = reader_fail(r, t, "%s: \"%.60s\" must be an absolute path", t->key, *out);
	return err;
}

static int take_mode(struct reader *r, const struct tree *t, void *into)
{
	const char *text;
	int err = take_text(r, t, &text);

	if (err)
		return err;
	if (strcmp(text, "ro") && strcmp(text, "rw"))
		return reader_fail(r, t, "mode must be ro or rw, not \"%.60s\"", text);
	*(bool *)into = !strcmp(text, "rw");
	return 0;
}

static int take_command(struct reader *r, const struct tree *t, void *into)
{
	const char **argv;
	size_t i = 0;

	if (t->kind != TREE_LIST || !t->nkids)
		return reader_fail(r, t,
			"command must be a list such as [make, test]; a line for the shell is run");
	argv = arena_alloc(r->arena, (t->nkids + 1) * sizeof *argv);
	if (!argv)
		return reader_memory(r, t);
	for (const struct tree *k = t->kids; k; k = k->next) {
		int err = reader_text(r, k, &argv[i++]);

		if (err)
			return err;
	}
	*(const char ***)into = argv;
	return *argv[0] ? 0 : reader_fail(r, t, "command: the program's name is empty");
}

/* -- environment -- */

static bool env_name_valid(const char *s)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

	return *s && !(*s >= '0' && *s <= '9') && !s[strspn(s, letters)];
}

static struct job_pair *env_slot(struct job_pair *env, size_t *n, const char *name)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(env[i].name, name))
			return &env[i];
	return &env[(*n)++];
}

int reader_env(struct reader *r, const struct tree *t, const struct job_pair *before,
	size_t nbefore, struct job_pair **out, size_t *n)
{
	int err = t ? reader_is(r, t, TREE_MAP) : 0;

	if (err)
		return err;
	*out = arena_alloc(r->arena, (nbefore + (t ? t->nkids : 0)) * sizeof **out);
	if (!*out)
		return t ? reader_memory(r, t) : -ENOMEM;
	if (nbefore)
		memcpy(*out, before, nbefore * sizeof **out);
	*n = nbefore;
	for (const struct tree *k = t ? t->kids : NULL; k; k = k->next) {
		struct job_pair *p;

		if (!env_name_valid(k->key))
			return reader_fail(r, k, "env: \"%.60s\" is no name of a variable", k->key);
		p = env_slot(*out, n, k->key);
		p->name = k->key;
		err = reader_text(r, k, &p->value);
		if (err)
			return err;
	}
	return 0;
}

/* -- lists of maps -- */

static int mount_complete(struct reader *r, const struct tree *t, struct job_mount *m)
{
	if (!m->host)
		return reader_fail(r, t, "a mount needs host: the path on this machine");
	if (!m->path && *m->host == '/')
		m->path = m->host;
	return m->path ? 0 : reader_fail(r, t, "a mount needs path: where the step sees it");
}

static int take_mounts(struct reader *r, const struct tree *t, void *into)
{
	static const struct key keys[] = {
		{"host", take_text, offsetof(struct job_mount, host)},
		{"path", take_inside, offsetof(struct job_mount, path)},
		{"mode", take_mode, offsetof(struct job_mount, writable)},
	};
	struct job_step *s = into;
	int err = reader_is(r, t, TREE_LIST);

	if (!err)
		err = reader_array(r, t, sizeof *s->mounts, &s->mounts);
	for (const struct tree *k = t->kids; !err && k; k = k->next) {
		struct job_mount *m = &s->mounts[s->nmounts++];

		err = reader_keys(r, k, keys, COUNT(keys), "a mount", m);
		if (!err)
			err = mount_complete(r, k, m);
	}
	return err;
}

static bool cache_name_valid(const char *s)
{
	return *s && *s != '.' && strlen(s) <= 100 &&
	       !s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")];
}

static int take_caches(struct reader *r, const struct tree *t, void *into)
{
	static const struct key keys[] = {
		{"name", take_text, offsetof(struct job_cache, name)},
		{"path", take_inside, offsetof(struct job_cache, path)},
	};
	struct job_step *s = into;
	int err = reader_is(r, t, TREE_LIST);

	if (!err)
		err = reader_array(r, t, sizeof *s->caches, &s->caches);
	for (const struct tree *k = t->kids; !err && k; k = k->next) {
		struct job_cache *c = &s->caches[s->ncaches++];

		err = reader_keys(r, k, keys, COUNT(keys), "a cache", c);
		if (!err && (!c->name || !c->path))
			err = reader_fail(r, k, "a cache needs name and path");
		if (!err && !cache_name_valid(c->name))
			err = reader_fail(r, k,
				"cache name \"%.60s\": letters, digits, \".\", \"_\" and \"-\" "
				"only, at most 100",
				c->name);
	}
	return err;
}

/* Below the workspace, said absolutely or not; "..", which could leave it, is refused. */
static int take_shared(struct reader *r, const struct tree *t, void *into)
{
	static const char top[] = JOB_WORKSPACE "/";
	const char **out = into, *s;
	int err = take_text(r, t, out);

	if (err)
		return err;
	if (!strncmp(*out, top, strlen(top)))
		*out += strlen(top);
	if (**out == '/')
		return reader_fail(r, t,
			"path: only what is under " JOB_WORKSPACE
			" can be copied out, not \"%.60s\"",
			*out);
	for (s = *out; *s; s += strcspn(s, "/"), s += strspn(s, "/"))
		if (!strncmp(s, "..", 2) && (s[2] == '/' || !s[2]))
			return reader_fail(r, t, "path: \"..\" in \"%.60s\"", *out);
	return 0;
}

static int take_artifacts(struct reader *r, const struct tree *t, void *into)
{
	static const struct key keys[] = {
		{"path", take_shared, offsetof(struct job_artifact, path)},
		{"to", take_text, offsetof(struct job_artifact, to)},
	};
	struct job_step *s = into;
	int err = reader_is(r, t, TREE_LIST);

	if (!err)
		err = reader_array(r, t, sizeof *s->artifacts, &s->artifacts);
	for (const struct tree *k = t->kids; !err && k; k = k->next) {
		struct job_artifact *a = &s->artifacts[s->nartifacts++];

		err = reader_keys(r, k, keys, COUNT(keys), "an artifact", a);
		if (!err && (!a->path || !a->to))
			err = reader_fail(r, k, "an artifact needs path and to");
	}
	return err;
}

/* -- the step -- */

static int take_step_env(struct reader *r, const struct tree *t, void *into)
{
	struct job_step *s = into;

	return reader_env(r, t, s->env, s->nenv, &s->env, &s->nenv);
}

#define FIELD(f) offsetof(struct job_step, f)
static const struct key step_keys[] = {
	{"name", take_text, FIELD(name)},
	{"image", take_text, FIELD(image)},
	{"run", take_text, FIELD(run)},
	{"command", take_command, FIELD(command)},
	{"env", take_step_env, 0},
	{"mounts", take_mounts, 0},
	{"cpus", take_count, FIELD(cpus)},
	{"mem", take_size, FIELD(mem)},
	{"pids", take_count, FIELD(pids)},
	{"timeout", take_duration, FIELD(timeout)},
	{"workdir", take_inside, FIELD(workdir)},
	{"cache", take_caches, 0},
	{"artifacts", take_artifacts, 0},
	{"continue-on-error", take_bool, FIELD(continue_on_error)},
};

/* A step without a name is called by what it does, or its number. */
static int name_step(struct reader *r, const struct tree *t, size_t number, struct job_step *s)
{
	const char *from = s->run ? s->run : s->command ? s->command[0] : s->image;
	char text[NAME_MAX_COLUMNS + 32];
	size_t n;

	from += strspn(from, " \t\n");
	n = strcspn(from, "\n");
	if (!n)
		n = (size_t)snprintf(text, sizeof text, "step %zu", number);
	else if (n > NAME_MAX_COLUMNS)
		n = (size_t)snprintf(text, sizeof text, "%.*s...", NAME_MAX_COLUMNS, from);
	else
		snprintf(text, sizeof text, "%.*s", (int)n, from);
	s->name = arena_copy(r->arena, text, strlen(text));
	return s->name ? 0 : reader_memory(r, t);
}

int reader_step(struct reader *r, const struct tree *t, size_t number, const struct tree *env,
	struct job_step *out)
{
	int err = reader_env(r, env, NULL, 0, &out->env, &out->nenv);

	if (!err)
		err = reader_keys(r, t, step_keys, COUNT(step_keys), "a step", out);
	if (err)
		return err;
	out->line = t->line;
	if (out->run && out->command)
		return reader_fail(r, t, "a step has run or command, not both");
	if (!out->run && !out->command && !out->image)
		return reader_fail(r, t, "a step needs run: what the shell is to do");
	return out->name ? 0 : name_step(r, t, number, out);
}
