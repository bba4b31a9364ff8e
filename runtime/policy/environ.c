/* SPDX-License-Identifier: Apache-2.0
 *
 * The program's environment: a few variables of our own, a few of the host's, then --env.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Passed from the host: how text looks. Not COLUMNS and LINES: the terminal knows better. */
static const char *const passed[] = {"LANG", "LANGUAGE", "TERM", "COLORTERM", "TZ", "NO_COLOR"};

struct env {
	char **v;
	size_t n, room;
};

/* Length of NAME in NAME=VALUE. */
static size_t name_len(const char *s)
{
	return strcspn(s, "=");
}

/* Takes over s. The last of a name wins, at the first one's place. */
static int env_put(struct env *e, char *s)
{
	size_t len;

	if (!s)
		return -ENOMEM;
	len = name_len(s);
	for (size_t i = 0; i < e->n; i++)
		if (name_len(e->v[i]) == len && !memcmp(e->v[i], s, len)) {
			free(e->v[i]);
			e->v[i] = s;
			return 0;
		}
	if (e->n + 1 >= e->room) {
		size_t room = e->room ? e->room * 2 : 32;
		char **v = reallocarray(e->v, room, sizeof *v);

		if (!v) {
			free(s);
			return -ENOMEM;
		}
		e->v = v;
		e->room = room;
	}
	e->v[e->n++] = s;
	e->v[e->n] = NULL;
	return 0;
}

static int env_set(struct env *e, const char *name, const char *value)
{
	char *s;

	return asprintf(&s, "%s=%s", name, value) < 0 ? -ENOMEM : env_put(e, s);
}

static int put_defaults(struct env *e, const char *home, const char *user)
{
	int r = env_set(e, "PATH", DEFAULT_PATH);

	r = r ? r : env_set(e, "HOME", home);
	if (!r && *user)
		r = env_set(e, "USER", user);
	if (!r && *user)
		r = env_set(e, "LOGNAME", user);
	r = r ? r : env_set(e, "SHELL", "/bin/sh");
	r = r ? r : env_set(e, "TMPDIR", "/tmp");
	for (size_t i = 0; !r && i < sizeof passed / sizeof *passed; i++)
		if (getenv(passed[i]))
			r = env_set(e, passed[i], getenv(passed[i]));
	for (char **p = environ; !r && p && *p; p++)
		if (!strncmp(*p, "LC_", 3) && strchr(*p, '='))
			r = env_put(e, strdup(*p));
	return r;
}

/* As the image says, and what its users expect beside that. */
static int put_image(struct env *e, const struct policy_image *image, const char *home)
{
	int r = env_set(e, "PATH", DEFAULT_PATH);

	r = r ? r : env_set(e, "HOME", home);
	if (!r && getenv("TERM") && isatty(STDIN_FILENO))
		r = env_set(e, "TERM", getenv("TERM"));
	for (size_t i = 0; !r && image->env && image->env[i]; i++)
		r = env_put(e, strdup(image->env[i]));
	return r;
}

int environ_build(const struct policy_request *req, const char *home, const char *user, char ***out)
{
	struct env e = {.room = 32};
	int r;

	e.v = calloc(e.room, sizeof *e.v);
	if (!e.v)
		return -ENOMEM;
	if (req->env_clear)
		r = 0;
	else
		r = req->image ? put_image(&e, req->image, home) : put_defaults(&e, home, user);
	for (size_t i = 0; !r && i < req->nenv; i++) {
		const char *s = req->env[i];

		if (strchr(s, '='))
			r = env_put(&e, strdup(s));
		else if (getenv(s))
			r = env_set(&e, s, getenv(s));
	}
	if (r) {
		environ_free(e.v);
		return r;
	}
	*out = e.v;
	return 0;
}

void environ_free(char **env)
{
	for (char **p = env; p && *p; p++)
		free(*p);
	free(env);
}

const char *environ_get(char **env, const char *name)
{
	size_t len = strlen(name);

	for (; *env; env++)
		if (!strncmp(*env, name, len) && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}
