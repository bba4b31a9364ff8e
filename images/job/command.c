/* SPDX-License-Identifier: Apache-2.0
 *
 * One step as the arguments of `sandbox run`.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/job/job_internal.h"

struct args {
	char **v;
	size_t n, room;
	bool failed;
};

static void add(struct args *a, char *owned)
{
	if (a->n + 1 >= a->room) {
		size_t room = a->room ? 2 * a->room : 32;
		char **v = reallocarray(a->v, room, sizeof *v);

		if (!v) {
			free(owned);
			a->failed = true;
			return;
		}
		a->v = v;
		a->room = room;
	}
	if (!owned)
		a->failed = true;
	else
		a->v[a->n++] = owned;
	a->v[a->n] = NULL;
}

static void add_word(struct args *a, const char *word)
{
	add(a, strdup(word));
}

static void add_option(struct args *a, const char *option, const char *value)
{
	if (!value)
		return;
	add_word(a, option);
	add_word(a, value);
}

/* src with "\" before what --ro and --rw would take for a separator. */
static char *escape(char *out, const char *src)
{
	for (; *src; *out++ = *src++)
		if (*src == ':' || *src == '\\')
			*out++ = '\\';
	return out;
}

static void add_grant(struct args *a, bool writable, const char *host, const char *path)
{
	char *text = malloc(2 * (strlen(host) + strlen(path)) + 2), *end;

	add_word(a, writable ? "--rw" : "--ro");
	if (text) {
		end = escape(text, host);
		*end++ = ':';
		*escape(end, path) = 0;
	}
	add(a, text);
}

/* "~/x" is the user's own, as a shell would have it. */
static char *host_path(const char *path)
{
	const char *home = getenv("HOME");
	char *out;

	if (strncmp(path, "~/", 2) || !home)
		return strdup(path);
	return asprintf(&out, "%s%s", home, path + 1) < 0 ? NULL : out;
}

static int make_dirs(char *path)
{
	for (char *s = path + 1;; s++) {
		char c = *s;

		if (c && c != '/')
			continue;
		*s = 0;
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*s = c;
		if (!c)
			return 0;
	}
}

/* The job's name as one component of a path. */
static void name_component(const char *name, char out[200])
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-";
	size_t n = 0;

	for (; *name && n < 190; name++)
		n += (size_t)snprintf(out + n, 200 - n, strchr(plain, *name) ? "%c" : "%%%02x",
			(unsigned char)*name);
	out[n] = 0;
}

/* $XDG_CACHE_HOME/sandbox/job/JOB/NAME, made if it is missing. */
static int cache_dir(const char *job, const char *name, char out[PATH_MAX], struct image_error *e)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char component[200];
	int n, r;

	name_component(job, component);
	if (base && *base == '/')
		n = snprintf(out, PATH_MAX, "%s/sandbox/job/%s/%s", base, component, name);
	else if (home && *home == '/')
		n = snprintf(out, PATH_MAX, "%s/.cache/sandbox/job/%s/%s", home, component, name);
	else
		return image_fail(
			e, -ENOENT, "cache %s: no place for it: set HOME or XDG_CACHE_HOME", name);
	if (n >= PATH_MAX)
		return image_fail(e, -ENAMETOOLONG, "cache %s: the path is too long", name);
	r = make_dirs(out);
	return r ? image_fail(e, r, "cache %s: cannot make %s: %s", name, out, strerror(-r)) : 0;
}

static int add_mounts(struct args *a, const struct job *j, const struct job_step *s,
	const char *workspace, struct image_error *e)
{
	add_grant(a, true, workspace, JOB_WORKSPACE);
	for (size_t i = 0; i < s->ncaches; i++) {
		char dir[PATH_MAX];
		int r = cache_dir(j->name, s->caches[i].name, dir, e);

		if (r)
			return r;
		add_grant(a, true, dir, s->caches[i].path);
	}
	for (size_t i = 0; i < s->nmounts; i++) {
		char *host = host_path(s->mounts[i].host);

		if (host)
			add_grant(a, s->mounts[i].writable, host, s->mounts[i].path);
		a->failed |= !host;
		free(host);
	}
	return 0;
}

static void add_env(struct args *a, const char *name, const char *value)
{
	char *text;

	add_word(a, "--env");
	add(a, asprintf(&text, "%s=%s", name, value) < 0 ? NULL : text);
}

/* In an image `sandbox run` puts arguments behind the image's entrypoint; a step says all of what
 * it runs. */
static void add_program(struct args *a, const struct job_step *s)
{
	static const char shell[] = "/bin/sh";
	const char *program = s->run ? shell : s->command ? s->command[0] : NULL;

	if (s->image && program)
		add_option(a, "--entrypoint", program);
	add_word(a, "--");
	if (!s->image && program)
		add_word(a, program);
	if (s->run) {
		add_word(a, "-euc");
		add_word(a, s->run);
	}
	for (size_t i = 1; s->command && s->command[i]; i++)
		add_word(a, s->command[i]);
}

/* An image's own command starts where the image says. */
static const char *start_dir(const struct job_step *s)
{
	if (s->workdir)
		return s->workdir;
	return s->run || s->command ? JOB_WORKSPACE : NULL;
}

int step_argv(const struct job *j, const struct job_step *s, const char *sandbox,
	const char *workspace, char ***out, struct image_error *e)
{
	struct args a = {0};
	int r;

	add_word(&a, sandbox);
	add_word(&a, "run");
	add_option(&a, "--image", s->image);
	add_option(&a, "--cpus", s->cpus);
	add_option(&a, "--mem", s->mem);
	add_option(&a, "--pids", s->pids);
	add_option(&a, "--timeout", s->timeout);
	add_option(&a, "--cwd", start_dir(s));
	for (size_t i = 0; i < s->nenv; i++)
		add_env(&a, s->env[i].name, s->env[i].value);
	r = add_mounts(&a, j, s, workspace, e);
	add_program(&a, s);
	if (!r && a.failed)
		r = image_fail(e, -ENOMEM, "out of memory");
	if (r)
		step_argv_free(a.v);
	else
		*out = a.v;
	return r;
}

void step_argv_free(char **argv)
{
	for (char **p = argv; p && *p; p++)
		free(*p);
	free(argv);
}
