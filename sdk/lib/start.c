/* SPDX-License-Identifier: Apache-2.0
 *
 * sb_start: all that can fail is made first, the process last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sdk/lib/command.h"
#include "sdk/lib/config.h"
#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/memory_file.h"
#include "sdk/lib/sandbox_internal.h"
#include "sdk/lib/spawn.h"

/* What is needed until the process runs. */
struct setup {
	const struct sb_config *c;
	struct sb *s;
	int std[3];	 /* the sandbox's ends */
	int ends[SINKS]; /* of SINK_REPORT and SINK_MESSAGES */
	int self;	 /* what the sandbox ends with: pidfd of this process */
	int *files;	 /* of config.files; those to be taken out are s->files' own */
	int *keep;
	char *path;
	struct words argv, env;
	struct sb_error **error;
};

static int fail(struct setup *u, const char *call)
{
	return error_system(u->error, call, errno, "cannot prepare the sandbox");
}

static int watch(struct setup *u, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return epoll_ctl(u->s->epoll, EPOLL_CTL_ADD, fd, &ev) ? fail(u, "epoll_ctl") : 0;
}

/* A pipe of which the sandbox has one end (0: it reads) and the library the other. */
static int make_pipe(struct setup *u, int theirs, int *their_fd, int *our_fd)
{
	int ends[2];

	if (fd_pipe(ends, !theirs))
		return fail(u, "pipe2");
	*their_fd = ends[theirs];
	*our_fd = ends[!theirs];
	return watch(u, *our_fd, theirs ? EPOLLIN : EPOLLOUT);
}

static int open_null(struct setup *u, int *fd)
{
	*fd = fd_high(open("/dev/null", O_RDWR | O_CLOEXEC));
	return *fd < 0 ? fail(u, "open /dev/null") : 0;
}

static int duplicate(struct setup *u, const char *member, int fd, int *out)
{
	*out = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (*out >= 0)
		return 0;
	if (errno == EBADF)
		return error_set(u->error, SB_INVALID, "%s: fd %d is not open", member, fd);
	return fail(u, "fcntl");
}

static int make_input(struct setup *u)
{
	const struct sb_stream *in = &u->c->in;
	struct source *source = &u->s->source;

	switch (in->kind) {
	case SB_STREAM_NULL:
		return open_null(u, &u->std[0]);
	case SB_STREAM_FD:
		return duplicate(u, "in", in->fd, &u->std[0]);
	case SB_STREAM_MEMORY:
		return memory_file_make(in->data, in->size, 0400, true, &u->std[0], u->error);
	default:
		source->read = in->read;
		source->arg = in->arg;
		source->chunk = malloc(SOURCE_CHUNK);
		if (!source->chunk)
			return error_no_memory(u->error);
		return make_pipe(u, 0, &u->std[0], &source->fd);
	}
}

static int make_output(struct setup *u, int n, const char *member, const struct sb_stream *out)
{
	struct sink *sink = &u->s->sinks[n - STDOUT_FILENO + SINK_OUT];

	if (out->kind == SB_STREAM_NULL)
		return open_null(u, &u->std[n]);
	if (out->kind == SB_STREAM_FD)
		return duplicate(u, member, out->fd, &u->std[n]);
	if (out->kind == SB_STREAM_MEMORY) {
		sink->limit = out->limit ? out->limit : CONFIG_OUTPUT_DEFAULT;
	} else {
		sink->write = out->write;
		sink->arg = out->arg;
	}
	return make_pipe(u, 1, &u->std[n], &sink->fd);
}

static int make_streams(struct setup *u)
{
	int r = make_input(u);

	if (!r)
		r = make_output(u, STDOUT_FILENO, "out", &u->c->out);
	if (!r)
		r = make_output(u, STDERR_FILENO, "err", &u->c->err);
	u->s->sinks[SINK_REPORT].limit = REPORT_MAX;
	u->s->sinks[SINK_MESSAGES].limit = MESSAGES_MAX;
	for (int i = SINK_REPORT; i < SINKS && !r; i++)
		r = make_pipe(u, 1, &u->ends[i], &u->s->sinks[i].fd);
	return r;
}

static int make_files(struct setup *u)
{
	size_t n = u->c->nfiles;

	u->s->files = calloc(n + 1, sizeof *u->s->files);
	u->files = calloc(n + 1, sizeof *u->files);
	u->keep = calloc(n + SINKS, sizeof *u->keep);
	if (!u->s->files || !u->files || !u->keep)
		return error_no_memory(u->error);
	for (; u->s->nfiles < n; u->s->nfiles++) {
		const struct sb_file *f = &u->c->files[u->s->nfiles];
		bool out = f->kind == SB_FILE_OUT;
		int fd, r = memory_file_make(
				f->data, f->size, f->mode ? f->mode : 0644u, !out, &fd, u->error);

		if (r)
			return r;
		u->files[u->s->nfiles] = fd;
		u->s->files[u->s->nfiles].fd = out ? fd : -1;
		u->s->files[u->s->nfiles].limit = config_file_limit(f);
	}
	return 0;
}

/* One descriptor for the caller to poll: ready when any of these is. */
static int make_events(struct setup *u)
{
	u->s->epoll = fd_high(epoll_create1(EPOLL_CLOEXEC));
	if (u->s->epoll < 0)
		return fail(u, "epoll_create1");
	u->s->timer = fd_high(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	if (u->s->timer < 0)
		return fail(u, "timerfd_create");
	return watch(u, u->s->timer, EPOLLIN);
}

static int make_limits(struct setup *u)
{
	const struct sb_config *c = u->c;

	u->s->wall_ns = c->wall_ns;
	u->s->cpu_limit_ns = c->cpu_ns;
	u->s->output_max = c->output;
	u->s->cpus = c->cpus ? c->cpus : 1;
	if (c->cpu_ns && access("/proc/self/stat", R_OK))
		return error_set(u->error, SB_UNSUPPORTED,
			"cpu_ns: a limit of CPU time needs /proc, which is not here");
	return 0;
}

/* What ends the sandbox with this process, however that ends: not PR_SET_PDEATHSIG, which comes
 * when this thread ends. Nor a pipe, of which children that the caller forks hold an end too,
 * unless there is nothing better: valgrind 3.19 and some containers' filters do not have
 * pidfd_open. */
static int make_tie(struct setup *u)
{
	int ends[2];

	u->self = fd_high((int)syscall(SYS_pidfd_open, getpid(), 0));
	if (u->self >= 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return fail(u, "pidfd_open");
	if (fd_pipe(ends, 0))
		return fail(u, "pipe2");
	u->self = ends[0];
	u->s->tie = ends[1];
	return 0;
}

static int make_command(struct setup *u)
{
	const struct command_fds fds = {
		u->ends[SINK_REPORT], u->ends[SINK_MESSAGES], u->self, u->files};
	int r = command_executable(u->c, &u->path, u->error);

	return r ? r : command_make(u->c, &fds, &u->argv, &u->env, u->error);
}

static int launch(struct setup *u)
{
	struct spawn sp = {.path = u->path,
		.argv = u->argv.list,
		.env = u->env.list,
		.std = {u->std[0], u->std[1], u->std[2]},
		.keep = u->keep};
	int r;

	for (; sp.nkeep < u->s->nfiles; sp.nkeep++)
		u->keep[sp.nkeep] = u->files[sp.nkeep];
	u->keep[sp.nkeep++] = u->ends[SINK_REPORT];
	u->keep[sp.nkeep++] = u->ends[SINK_MESSAGES];
	u->keep[sp.nkeep++] = u->self;
	u->s->started_ns = sandbox_now_ns();
	if (sandbox_set_timer(u->s))
		return fail(u, "timerfd_settime");
	r = spawn_process(&sp, &u->s->pid, &u->s->pidfd, u->error);
	return r ? r : watch(u, u->s->pidfd, EPOLLIN);
}

static int make_lock(struct setup *u)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	errno = pthread_mutex_init(&u->s->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return errno ? fail(u, "pthread_mutex_init") : 0;
}

static void setup_clear(struct setup *u)
{
	for (int i = 0; i < 3; i++)
		fd_close(&u->std[i]);
	for (int i = 0; i < SINKS; i++)
		fd_close(&u->ends[i]);
	fd_close(&u->self);
	for (size_t i = 0; i < u->s->nfiles; i++)
		if (u->s->files[i].fd < 0)
			fd_close(&u->files[i]);
	free(u->files);
	free(u->keep);
	free(u->path);
	words_clear(&u->argv);
	words_clear(&u->env);
}

static struct sb *new_sandbox(void)
{
	struct sb *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->pidfd = s->epoll = s->timer = s->source.fd = s->tie = -1;
	for (int i = 0; i < SINKS; i++)
		s->sinks[i].fd = -1;
	atomic_init(&s->reason, NO_REASON);
	return s;
}

int sb_start(const struct sb_config *config, struct sb **out, struct sb_error **error)
{
	struct sb_config c;
	struct setup u = {
		.c = &c, .std = {-1, -1, -1}, .ends = {-1, -1, -1, -1}, .self = -1, .error = error};
	int r;

	*out = NULL;
	if (error)
		*error = NULL;
	r = config_read(config, &c, error);
	if (r)
		return r;
	u.s = new_sandbox();
	if (!u.s)
		return error_no_memory(error);
	r = make_lock(&u);
	if (r) {
		free(u.s);
		return r;
	}
	r = make_limits(&u);
	if (!r)
		r = make_events(&u);
	if (!r)
		r = make_streams(&u);
	if (!r)
		r = make_files(&u);
	if (!r)
		r = make_tie(&u);
	if (!r)
		r = make_command(&u);
	if (!r)
		r = launch(&u);
	setup_clear(&u);
	if (r)
		sb_free(u.s);
	else
		*out = u.s;
	return r;
}
