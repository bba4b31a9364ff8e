/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sdk/lib/config.h"
#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/memory_file.h"
#include "sdk/lib/setup.h"

int setup_fail(struct setup *u, const char *call)
{
	return error_system(u->error, call, errno, "cannot prepare the sandbox");
}

int setup_watch(struct setup *u, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	return epoll_ctl(u->s->epoll, EPOLL_CTL_ADD, fd, &ev) ? setup_fail(u, "epoll_ctl") : 0;
}

/* A pipe of which the sandbox has one end (0: it reads) and the library the other. */
static int make_pipe(struct setup *u, int theirs, int *their_fd, int *our_fd)
{
	int ends[2];

	if (fd_pipe(ends, !theirs))
		return setup_fail(u, "pipe2");
	*their_fd = ends[theirs];
	*our_fd = ends[!theirs];
	return setup_watch(u, *our_fd, theirs ? EPOLLIN : EPOLLOUT);
}

static int open_null(struct setup *u, int *fd)
{
	*fd = fd_high(open("/dev/null", O_RDWR | O_CLOEXEC));
	return *fd < 0 ? setup_fail(u, "open /dev/null") : 0;
}

static int duplicate(struct setup *u, const char *member, int fd, bool piped, int *out)
{
	*out = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (*out < 0 && errno == EBADF)
		return error_set(u->error, SB_INVALID, "%s: fd %d is not open", member, fd);
	if (*out < 0)
		return setup_fail(u, "fcntl");
	if (piped && isatty(*out))
		return error_set(u->error, SB_INVALID, "%s: a clone has no terminal", member);
	return 0;
}

static int make_source(struct setup *u, const struct sb_stream *in)
{
	struct source *source = &u->s->source;

	if (in->kind == SB_STREAM_MEMORY) {
		if (!source_load(source, in->data, in->size))
			return error_no_memory(u->error);
	} else {
		source->read = in->read;
		source->arg = in->arg;
		source->chunk = malloc(SOURCE_CHUNK);
		if (!source->chunk)
			return error_no_memory(u->error);
	}
	return make_pipe(u, 0, &u->std[0], &source->fd);
}

static int make_input(struct setup *u, const struct sb_stream *in, bool piped)
{
	if (in->kind == SB_STREAM_NULL)
		return open_null(u, &u->std[0]);
	if (in->kind == SB_STREAM_FD)
		return duplicate(u, "in", in->fd, piped, &u->std[0]);
	if (in->kind == SB_STREAM_MEMORY && !piped)
		return memory_file_make(in->data, in->size, 0400, true, &u->std[0], u->error);
	return make_source(u, in);
}

void setup_sink(struct sink *sink, const struct sb_stream *out)
{
	sink->limit = 0;
	if (out->kind == SB_STREAM_MEMORY)
		sink->limit = out->limit ? out->limit : CONFIG_OUTPUT_DEFAULT;
	sink->write = out->kind == SB_STREAM_CALLBACK ? out->write : NULL;
	sink->arg = out->arg;
}

static int make_output(
	struct setup *u, int n, const char *member, const struct sb_stream *out, bool piped)
{
	struct sink *sink = &u->s->sinks[n - STDOUT_FILENO + SINK_OUT];

	if (out->kind == SB_STREAM_NULL)
		return open_null(u, &u->std[n]);
	if (out->kind == SB_STREAM_FD)
		return duplicate(u, member, out->fd, piped, &u->std[n]);
	setup_sink(sink, out);
	return make_pipe(u, 1, &u->std[n], &sink->fd);
}

int setup_streams(struct setup *u, const struct sb_stream *in, const struct sb_stream *out,
	const struct sb_stream *err, bool piped)
{
	int r = make_input(u, in, piped);

	if (!r)
		r = make_output(u, STDOUT_FILENO, "out", out, piped);
	if (!r)
		r = make_output(u, STDERR_FILENO, "err", err, piped);
	u->s->sinks[SINK_REPORT].limit = REPORT_MAX;
	u->s->sinks[SINK_MESSAGES].limit = MESSAGES_MAX;
	for (int i = SINK_REPORT; i < SINKS && !r; i++)
		r = make_pipe(u, 1, &u->ends[i], &u->s->sinks[i].fd);
	return r;
}

/* One descriptor for the caller to poll: ready when any of these is. */
int setup_events(struct setup *u)
{
	u->s->epoll = fd_high(epoll_create1(EPOLL_CLOEXEC));
	if (u->s->epoll < 0)
		return setup_fail(u, "epoll_create1");
	u->s->timer = fd_high(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	if (u->s->timer < 0)
		return setup_fail(u, "timerfd_create");
	return setup_watch(u, u->s->timer, EPOLLIN);
}

/* What ends the sandbox with this process, however that ends: not PR_SET_PDEATHSIG, which comes
 * when this thread ends. Nor a pipe, of which children that the caller forks hold an end too,
 * unless there is nothing better: valgrind 3.19 and some containers' filters do not have
 * pidfd_open. */
int setup_tie(struct setup *u)
{
	int ends[2];

	u->self = fd_high((int)syscall(SYS_pidfd_open, getpid(), 0));
	if (u->self >= 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return setup_fail(u, "pidfd_open");
	if (fd_pipe(ends, 0))
		return setup_fail(u, "pipe2");
	u->self = ends[0];
	u->s->tie = ends[1];
	return 0;
}

static struct sb *new_sandbox(void)
{
	struct sb *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->pidfd = s->epoll = s->timer = s->source.fd = s->tie = s->input = s->snapshot.fd = -1;
	for (int i = 0; i < SINKS; i++)
		s->sinks[i].fd = -1;
	s->cpus = 1;
	atomic_init(&s->reason, NO_REASON);
	return s;
}

/* 0 or an errno. */
static int make_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;
	int r;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	r = pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return r;
}

int setup_begin(struct setup *u, struct sb_error **error)
{
	*u = (struct setup){
		.std = {-1, -1, -1}, .ends = {-1, -1, -1, -1}, .self = -1, .error = error};
	u->s = new_sandbox();
	if (!u->s)
		return error_no_memory(error);
	errno = make_lock(&u->s->lock);
	if (!errno)
		return 0;
	free(u->s);
	u->s = NULL;
	return setup_fail(u, "pthread_mutex_init");
}

void setup_clear(struct setup *u)
{
	for (int i = 0; i < 3; i++)
		fd_close(&u->std[i]);
	for (int i = 0; i < SINKS; i++)
		fd_close(&u->ends[i]);
	fd_close(&u->self);
}
