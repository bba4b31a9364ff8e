/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sdk/lib/command.h"
#include "sdk/lib/config.h"
#include "sdk/lib/error.h"

#ifndef SANDBOX_PREFIX
#define SANDBOX_PREFIX "/usr/local"
#endif

#define WORD_MAX 8300u /* a path, each character escaped, and what stands before it */

/* A colon ends a path, unless it is escaped. */
static void escape(char out[WORD_MAX], const char *path)
{
	while (*path) {
		if (*path == ':' || *path == '\\')
			*out++ = '\\';
		*out++ = *path++;
	}
	*out = 0;
}

static void add_mount(struct words *w, const struct sb_mount *m)
{
	char source[WORD_MAX], target[WORD_MAX];

	escape(target, m->target ? m->target : m->source);
	if (m->kind == SB_MOUNT_TMPFS) {
		words_add(w, "--tmpfs");
		if (m->size)
			words_add(w, "%s:%llu", target, (unsigned long long)m->size);
		else
			words_add(w, "%s", target);
		return;
	}
	escape(source, m->source);
	words_add(w, m->kind == SB_MOUNT_RW ? "--rw" : "--ro");
	words_add(w, "%s:%s", source, target);
}

static void add_file(struct words *w, const struct sb_file *f, int fd)
{
	char target[WORD_MAX];

	escape(target, f->path);
	words_add(w, f->kind == SB_FILE_OUT ? "--rw" : "--ro");
	words_add(w, "/proc/self/fd/%d:%s", fd, target);
}

static void add_number(struct words *w, const char *option, uint64_t value, const char *unit)
{
	if (!value)
		return;
	words_add(w, "%s", option);
	words_add(w, "%llu%s", (unsigned long long)value, unit);
}

static void add_text(struct words *w, const char *option, const char *value)
{
	if (!value)
		return;
	words_add(w, "%s", option);
	words_add(w, "%s", value);
}

static void add_wall_time(struct words *w, const struct sb_config *c)
{
	if (!c->wall_ns)
		return;
	words_add(w, "--timeout");
	words_add(w, "%llu.%09llus", (unsigned long long)(c->wall_ns / 1000000000u),
		(unsigned long long)(c->wall_ns % 1000000000u));
}

static void add_limits(struct words *w, const struct sb_config *c)
{
	uint64_t file_size = c->file_size;

	for (size_t i = 0; i < c->nfiles && !c->file_size; i++)
		if (c->files[i].kind == SB_FILE_OUT && config_file_limit(&c->files[i]) > file_size)
			file_size = config_file_limit(&c->files[i]);
	add_number(w, "--mem", c->memory, "");
	add_number(w, "--cpus", c->cpus, "");
	add_number(w, "--pids", c->processes, "");
	add_number(w, "--file-size", file_size, "");
}

static void add_identity(struct words *w, const struct sb_config *c)
{
	if (c->env_clear)
		words_add(w, "--env-clear");
	for (const char *const *e = c->env; e && *e; e++)
		add_text(w, "--env", *e);
	add_text(w, "--cwd", c->cwd ? c->cwd : c->image ? NULL : "/");
	add_text(w, "--user", c->user);
	add_text(w, "--root", c->root);
	add_text(w, "--image", c->image);
	if (c->require_vm)
		words_add(w, "--require-vm");
	if (c->strict)
		words_add(w, "--strict");
}

static void begin_argv(struct words *w, const char *verb, const struct command_fds *fds)
{
	words_add(w, "sandbox");
	words_add(w, "%s", verb);
	words_add(w, "--messages-fd"); /* first: mistakes in the others are said there too */
	words_add(w, "%d", fds->messages);
	words_add(w, "--until-fd");
	words_add(w, "%d", fds->until);
	words_add(w, "--json-fd");
	words_add(w, "%d", fds->report);
	words_add(w, "-q");
}

/* Where it stops. What a snapshot is told of wall time is for those that go on from it. */
static void add_kind(struct words *w, const struct sb_config *c, const struct sandbox_kind *kind)
{
	if (kind->template >= 0) {
		words_add(w, "--template-fd");
		words_add(w, "%d", kind->template);
	}
	if (kind->snapshot >= 0) {
		words_add(w, "--snapshot-fd");
		words_add(w, "%d", kind->snapshot);
	} else {
		add_wall_time(w, c);
	}
	if (kind->compress)
		words_add(w, "--snapshot-compress");
	if (c->accept) {
		words_add(w, *c->accept ? "--accept=%s" : "--accept%s", c->accept);
		words_add(w, "--accept-within=0"); /* that is ours to limit */
	}
}

static void make_run(struct words *w, const struct sb_config *c, const struct sandbox_kind *kind,
	const struct command_fds *fds)
{
	begin_argv(w, "run", fds);
	add_kind(w, c, kind);
	add_identity(w, c);
	for (size_t i = 0; i < c->nmounts; i++)
		add_mount(w, &c->mounts[i]);
	for (size_t i = 0; i < c->nfiles; i++)
		add_file(w, &c->files[i], fds->files[i]);
	add_limits(w, c);
	/* without a program the image's entrypoint gets args; "--entrypoint" replaces that */
	if (c->program && c->image)
		add_text(w, "--entrypoint", c->program);
	words_add(w, "--");
	if (c->program && !c->image)
		words_add(w, "%s", c->program);
	for (const char *const *a = c->args; a && *a; a++)
		words_add(w, "%s", *a);
}

static void make_restore(
	struct words *w, const struct sb_config *c, const char *path, const struct command_fds *fds)
{
	begin_argv(w, "restore", fds);
	add_wall_time(w, c);
	words_add(w, "--");
	words_add(w, "%s", path);
}

/* What the executable itself reads. The program gets of it what `sandbox run` gives by default. */
static void make_env(struct words *w)
{
	static const char *const names[] = {"PATH", "HOME", "SANDBOX_BACKEND", "SANDBOX_HOME_KIND",
		"SANDBOX_STORE", "XDG_DATA_HOME"};

	words_add(w, "LANG=C.UTF-8");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value)
			words_add(w, "%s=%s", names[i], value);
	}
}

int command_make(const struct sb_config *c, const struct sandbox_kind *kind,
	const struct command_fds *fds, struct words *argv, struct words *env,
	struct sb_error **error)
{
	if (kind->restore)
		make_restore(argv, c, kind->restore, fds);
	else
		make_run(argv, c, kind, fds);
	make_env(env);
	return argv->failed || env->failed ? error_no_memory(error) : 0;
}

/* DIR/name, if that can be executed. NULL: not, or no memory. */
static char *candidate(const char *dir, size_t dir_len, const char *name)
{
	size_t n = dir_len + strlen(name) + 2;
	char *path = malloc(n);

	if (!path)
		return NULL;
	snprintf(path, n, "%.*s/%s", (int)dir_len, dir, name);
	if (!access(path, X_OK))
		return path;
	free(path);
	return NULL;
}

/* Beside the library (or the program that it is linked into): in a build tree, or where
 * `make install` puts both. */
static char *beside(void)
{
	const char *slash;
	Dl_info info;
	char *path;

	if (!dladdr((void *)&command_executable, &info) || !info.dli_fname)
		return NULL;
	slash = strrchr(info.dli_fname, '/');
	if (!slash)
		return NULL;
	path = candidate(info.dli_fname, (size_t)(slash - info.dli_fname), "sandbox");
	return path ? path
		    : candidate(info.dli_fname, (size_t)(slash - info.dli_fname), "../bin/sandbox");
}

int command_executable(const struct sb_config *c, char **path, struct sb_error **error)
{
	const char *named = c->executable ? c->executable : secure_getenv("SANDBOX_EXECUTABLE");

	if (named && *named) {
		if (*named != '/' || access(named, X_OK))
			return error_set(error, SB_NOT_FOUND,
				*named == '/' ? "%s is not an executable"
					      : "%s: the path of the executable must be absolute",
				named);
		*path = strdup(named);
		return *path ? 0 : error_no_memory(error);
	}
	*path = beside();
	if (!*path)
		*path = candidate(
			SANDBOX_PREFIX "/bin", sizeof SANDBOX_PREFIX "/bin" - 1, "sandbox");
	return *path ? 0
		     : error_set(error, SB_NOT_FOUND,
			       "no `sandbox` executable beside the library or in %s/bin: "
			       "SANDBOX_EXECUTABLE or config.executable says where it is",
			       SANDBOX_PREFIX);
}
