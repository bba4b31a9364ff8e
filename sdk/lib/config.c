/* SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "sdk/lib/config.h"
#include "sdk/lib/error.h"

#define ELEMENTS_MAX                                                                               \
	1024u /* mounts, and files: each is a descriptor or words of a command line                \
	       */
/* No header was shorter: limits came last. */
#define SIZE_MIN       offsetof(struct sb_config, memory)
#define CLONE_SIZE_MIN offsetof(struct sb_clone_config, cpu_ns)

static int invalid(struct sb_error **e, const char *member, const char *why)
{
	return error_set(e, SB_INVALID, "%s: %s", member, why);
}

static bool is_zero(const void *data, size_t n)
{
	const unsigned char *p = data;

	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

/* Both begin with their size. least: that of the oldest header. */
static int copy(const void *given, void *out, size_t least, size_t known, const char *type,
	struct sb_error **e)
{
	size_t size;

	memcpy(&size, given, sizeof size);
	memset(out, 0, known);
	if (size < least)
		return error_set(e, SB_INVALID, "size: must be sizeof(struct %s)", type);
	if (size > known && !is_zero((const char *)given + known, size - known))
		return error_set(e, SB_UNSUPPORTED,
			"the configuration uses what this library (%s) does not know; it needs a "
			"newer one",
			SB_VERSION);
	memcpy(out, given, size < known ? size : known);
	memcpy(out, &known, sizeof known);
	return 0;
}

static int check_path(struct sb_error **e, const char *member, const char *path)
{
	if (!path || *path != '/')
		return invalid(e, member, "must be an absolute path");
	return strlen(path) >= 4096 ? invalid(e, member, "is too long for a path") : 0;
}

static int check_stream(
	struct sb_error **e, const char *member, const struct sb_stream *s, bool input)
{
	if (!is_zero(s->reserved, sizeof s->reserved))
		return error_set(e, SB_UNSUPPORTED, "%s: reserved must be 0", member);
	switch (s->kind) {
	case SB_STREAM_NULL:
		return 0;
	case SB_STREAM_FD:
		return s->fd < 0 ? invalid(e, member, "fd is not a descriptor") : 0;
	case SB_STREAM_MEMORY:
		return input && s->size && !s->data ? invalid(e, member, "size without data") : 0;
	case SB_STREAM_CALLBACK:
		return (input ? !s->read : !s->write) ? invalid(e, member, "no callback") : 0;
	default:
		return error_set(e, SB_UNSUPPORTED, "%s: kind %u is not known", member, s->kind);
	}
}

static int check_streams(struct sb_error **e, const struct sb_stream *in,
	const struct sb_stream *out, const struct sb_stream *err)
{
	int r = check_stream(e, "in", in, true);

	if (!r)
		r = check_stream(e, "out", out, false);
	return r ? r : check_stream(e, "err", err, false);
}

static int check_mount(struct sb_error **e, const struct sb_mount *m)
{
	int r = 0;

	if (m->reserved0 || !is_zero(m->reserved, sizeof m->reserved))
		return error_set(e, SB_UNSUPPORTED, "mounts: reserved must be 0");
	if (m->kind > SB_MOUNT_TMPFS)
		return error_set(e, SB_UNSUPPORTED, "mounts: kind %u is not known", m->kind);
	if (m->kind != SB_MOUNT_TMPFS)
		r = check_path(e, "mounts: source", m->source);
	if (!r && (m->target || m->kind == SB_MOUNT_TMPFS))
		r = check_path(e, "mounts: target", m->target);
	return r;
}

static int check_file(struct sb_error **e, const struct sb_file *f)
{
	if (!is_zero(f->reserved, sizeof f->reserved))
		return error_set(e, SB_UNSUPPORTED, "files: reserved must be 0");
	if (f->kind > SB_FILE_OUT)
		return error_set(e, SB_UNSUPPORTED, "files: kind %u is not known", f->kind);
	if (f->mode & ~0777u)
		return invalid(e, "files: mode", "permissions only, such as 0755");
	if (f->size && !f->data)
		return invalid(e, "files", "size without data");
	if (f->kind == SB_FILE_OUT && f->size > config_file_limit(f))
		return invalid(e, "files", "more data than limit");
	return check_path(e, "files: path", f->path);
}

static int check_env(struct sb_error **e, const char *const *env)
{
	for (; env && *env; env++)
		if (**env == '=' || !strchr(*env, '='))
			return invalid(e, "env", "wants NAME=VALUE");
	return 0;
}

static int check_lists(struct sb_error **e, const struct sb_config *c)
{
	int r = 0;

	if (c->nmounts > ELEMENTS_MAX || c->nfiles > ELEMENTS_MAX)
		return invalid(e, c->nfiles > ELEMENTS_MAX ? "nfiles" : "nmounts", "at most 1024");
	if ((c->nmounts && !c->mounts) || (c->nfiles && !c->files))
		return invalid(e, c->mounts ? "files" : "mounts", "a number but no list");
	for (size_t i = 0; i < c->nmounts && !r; i++)
		r = check_mount(e, &c->mounts[i]);
	for (size_t i = 0; i < c->nfiles && !r; i++)
		r = check_file(e, &c->files[i]);
	return r ? r : check_env(e, c->env);
}

static int check(struct sb_error **e, const struct sb_config *c)
{
	int r;

	if (!c->program && !c->image)
		return invalid(e, "program", "is missing");
	if (c->program && (!*c->program || (strchr(c->program, '/') && *c->program != '/')))
		return invalid(e, "program", "must be an absolute path, or a name without a slash");
	if (c->env_clear > 1 || c->require_vm > 1 || c->strict > 1 || c->reserved0)
		return error_set(e, SB_UNSUPPORTED,
			"env_clear, require_vm and strict are 0 or 1, reserved0 is 0");
	if (c->root && c->image)
		return invalid(e, "root", "not together with image");
	r = c->root ? check_path(e, "root", c->root) : 0;
	if (!r && c->cwd)
		r = check_path(e, "cwd", c->cwd);
	if (!r)
		r = check_streams(e, &c->in, &c->out, &c->err);
	return r ? r : check_lists(e, c);
}

static int copy_config(
	const struct sb_config *given, struct sb_config *out, struct sb_error **error)
{
	return given ? copy(given, out, SIZE_MIN, sizeof *out, "sb_config", error)
		     : invalid(error, "config", "is NULL");
}

static int read_any(const struct sb_config *given, struct sb_config *out, struct sb_error **error)
{
	int r = copy_config(given, out, error);

	return r ? r : check(error, out);
}

int config_read(const struct sb_config *given, struct sb_config *out, struct sb_error **error)
{
	int r = read_any(given, out, error);

	return r || !out->accept ? r : invalid(error, "accept", "is for sb_template_start");
}

static int check_template(struct sb_error **e, const struct sb_config *c)
{
	static const char why[] = "is for the clones: sb_clone takes it";

	if (c->in.kind || c->out.kind || c->err.kind)
		return invalid(e, c->in.kind ? "in" : c->out.kind ? "out" : "err", why);
	if (c->output)
		return invalid(e, "output", why);
	for (size_t i = 0; i < c->nfiles; i++)
		if (c->files[i].kind == SB_FILE_OUT)
			return invalid(e, "files", "of a template none can be taken out");
	return 0;
}

int config_read_template(
	const struct sb_config *given, struct sb_config *out, struct sb_error **error)
{
	int r = read_any(given, out, error);

	return r ? r : check_template(error, out);
}

static int check_snapshot(struct sb_error **e, const struct sb_config *c)
{
	if (c->in.kind)
		return invalid(e, "in", "is for what goes on: sb_restore takes it");
	if (c->accept)
		return invalid(e, "accept", "is for sb_template_start");
	if (c->nfiles)
		return invalid(e, "files", "a snapshot has none in memory: mounts gives files");
	return 0;
}

int config_read_snapshot(
	const struct sb_config *given, struct sb_config *out, struct sb_error **error)
{
	int r = read_any(given, out, error);

	return r ? r : check_snapshot(error, out);
}

#define MEMBER(name)                                                                               \
	{                                                                                          \
#name, offsetof(struct sb_config, name), sizeof(((struct sb_config *)0)->name)     \
	}

/* What the snapshot has from its beginning. */
static int check_restore(struct sb_error **e, const struct sb_config *c)
{
	static const struct {
		const char *name;
		size_t at, size;
	} not_its[] = {MEMBER(program), MEMBER(args), MEMBER(env), MEMBER(env_clear),
		MEMBER(require_vm), MEMBER(strict), MEMBER(reserved0), MEMBER(cwd), MEMBER(user),
		MEMBER(root), MEMBER(image), MEMBER(mounts), MEMBER(nmounts), MEMBER(files),
		MEMBER(nfiles), MEMBER(memory), MEMBER(cpus), MEMBER(processes), MEMBER(file_size),
		MEMBER(accept)};

	for (size_t i = 0; i < sizeof not_its / sizeof *not_its; i++)
		if (!is_zero((const char *)c + not_its[i].at, not_its[i].size))
			return invalid(
				e, not_its[i].name, "is the snapshot's: sb_snapshot takes it");
	return check_streams(e, &c->in, &c->out, &c->err);
}

int config_read_restore(
	const struct sb_config *given, struct sb_config *out, struct sb_error **error)
{
	int r = copy_config(given, out, error);

	return r ? r : check_restore(error, out);
}

int config_check_path(const char *path, struct sb_error **error)
{
	return check_path(error, "path", path);
}

int config_read_clone(
	const struct sb_clone_config *given, struct sb_clone_config *out, struct sb_error **error)
{
	int r;

	if (!given)
		return invalid(error, "config", "is NULL");
	r = copy(given, out, CLONE_SIZE_MIN, sizeof *out, "sb_clone_config", error);
	return r ? r : check_streams(error, &out->in, &out->out, &out->err);
}

size_t config_file_limit(const struct sb_file *f)
{
	return f->limit ? f->limit : CONFIG_FILE_DEFAULT;
}
