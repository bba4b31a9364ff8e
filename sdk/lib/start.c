/* SPDX-License-Identifier: Apache-2.0
 *
 * sb_start: all that can fail is made first, the process last.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sdk/lib/command.h"
#include "sdk/lib/config.h"
#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/memory_file.h"
#include "sdk/lib/setup.h"
#include "sdk/lib/spawn.h"

/* Descriptors that it gets besides files: for reports and messages, our end, a template, a
 * snapshot. */
#define KEPT_BESIDES 5

/* Besides what every sandbox has: files in memory, a command. */
struct start {
	struct setup u;
	const struct sb_config *c;
	const struct sandbox_kind *kind;
	int *files; /* of config.files; those to be taken out are s->files' own */
	int *keep;
	char *path;
	struct words argv, env;
};

static int make_files(struct start *st)
{
	struct sb *s = st->u.s;
	size_t n = st->c->nfiles;

	s->files = calloc(n + 1, sizeof *s->files);
	st->files = calloc(n + 1, sizeof *st->files);
	st->keep = calloc(n + KEPT_BESIDES, sizeof *st->keep);
	if (!s->files || !st->files || !st->keep)
		return error_no_memory(st->u.error);
	for (; s->nfiles < n; s->nfiles++) {
		const struct sb_file *f = &st->c->files[s->nfiles];
		bool out = f->kind == SB_FILE_OUT;
		int fd, r = memory_file_make(f->data, f->size, f->mode ? f->mode : 0644u, !out, &fd,
				st->u.error);

		if (r)
			return r;
		st->files[s->nfiles] = fd;
		s->files[s->nfiles].fd = out ? fd : -1;
		s->files[s->nfiles].limit = config_file_limit(f);
	}
	return 0;
}

static int make_limits(struct start *st)
{
	const struct sb_config *c = st->c;

	st->u.s->wall_ns = c->wall_ns;
	st->u.s->cpu_limit_ns = c->cpu_ns;
	st->u.s->output_max = c->output;
	st->u.s->cpus = c->cpus ? c->cpus : 1;
	st->u.s->stops = st->kind->snapshot >= 0;
	if (c->cpu_ns && access("/proc/self/stat", R_OK))
		return error_set(st->u.error, SB_UNSUPPORTED,
			"cpu_ns: a limit of CPU time needs /proc, which is not here");
	return 0;
}

static int make_command(struct start *st)
{
	const struct command_fds fds = {.report = st->u.ends[SINK_REPORT],
		.messages = st->u.ends[SINK_MESSAGES],
		.until = st->u.self,
		.files = st->files};
	int r = command_executable(st->c, &st->path, st->u.error);

	return r ? r : command_make(st->c, st->kind, &fds, &st->argv, &st->env, st->u.error);
}

static int launch(struct start *st)
{
	struct setup *u = &st->u;
	struct spawn sp = {.path = st->path,
		.argv = st->argv.list,
		.env = st->env.list,
		.std = {u->std[0], u->std[1], u->std[2]},
		.keep = st->keep};
	int r;

	for (; sp.nkeep < u->s->nfiles; sp.nkeep++)
		st->keep[sp.nkeep] = st->files[sp.nkeep];
	st->keep[sp.nkeep++] = u->ends[SINK_REPORT];
	st->keep[sp.nkeep++] = u->ends[SINK_MESSAGES];
	st->keep[sp.nkeep++] = u->self;
	if (st->kind->template >= 0)
		st->keep[sp.nkeep++] = st->kind->template;
	if (st->kind->snapshot >= 0)
		st->keep[sp.nkeep++] = st->kind->snapshot;
	u->s->started_ns = sandbox_now_ns();
	if (sandbox_set_timer(u->s))
		return setup_fail(u, "timerfd_settime");
	r = spawn_process(&sp, &u->s->pid, &u->s->pidfd, u->error);
	return r ? r : setup_watch(u, u->s->pidfd, EPOLLIN);
}

static void clear(struct start *st)
{
	setup_clear(&st->u);
	for (size_t i = 0; i < st->u.s->nfiles; i++)
		if (st->u.s->files[i].fd < 0)
			fd_close(&st->files[i]);
	free(st->files);
	free(st->keep);
	free(st->path);
	words_clear(&st->argv);
	words_clear(&st->env);
}

int sandbox_start(const struct sb_config *c, const struct sandbox_kind *kind, struct sb **out,
	struct sb_error **error)
{
	struct start st = {.c = c, .kind = kind};
	int r = setup_begin(&st.u, error);

	if (r)
		return r;
	r = make_limits(&st);
	if (!r)
		r = setup_events(&st.u);
	if (!r)
		r = setup_streams(&st.u, &c->in, &c->out, &c->err, false);
	if (!r)
		r = make_files(&st);
	if (!r)
		r = setup_tie(&st.u);
	if (!r)
		r = make_command(&st);
	if (!r)
		r = launch(&st);
	clear(&st);
	if (r)
		sb_free(st.u.s);
	else
		*out = st.u.s;
	return r;
}

int sb_start(const struct sb_config *config, struct sb **out, struct sb_error **error)
{
	const struct sandbox_kind kind = SANDBOX_PLAIN;
	struct sb_config c;
	int r;

	*out = NULL;
	if (error)
		*error = NULL;
	r = config_read(config, &c, error);
	return r ? r : sandbox_start(&c, &kind, out, error);
}
