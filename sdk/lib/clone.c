/* SPDX-License-Identifier: Apache-2.0
 *
 * Clones: sandboxes whose process another one made.
 */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sdk/lib/config.h"
#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/pool.h"
#include "sdk/lib/proc.h"
#include "sdk/lib/setup.h"
#include "sdk/lib/wire.h"

/* A pid of the template's saying: no other process of the caller's is to be taken for a clone, and
 * killed. With the lock, or the number could be another's. */
static int adopt(
	struct sb_template *t, struct sb *s, const struct wire_clone *made, struct sb_error **error)
{
	int err;

	s->pidfd = fd_high((int)syscall(SYS_pidfd_open, made->pid, 0));
	err = errno;
	if (proc_parent(made->pid) != t->s->pid) {
		fd_close(&s->pidfd);
		fd_close(&t->socket);
		return error_set(error, SB_SYSTEM, "the template's answer names no child of it");
	}
	s->pid = made->pid;
	s->clone = (struct proc_clone){t->s->pid, made->leader};
	if (s->pidfd < 0)
		kill(made->pid, SIGKILL);
	wire_taken(t->socket);
	if (s->pidfd >= 0)
		return 0;
	return error_system(error, "pidfd_open", err, "cannot watch the clone");
}

static int ask(struct sb_template *t, struct setup *u)
{
	const int fds[TEMPLATE_FDS] = {u->std[0], u->std[1], u->std[2], u->ends[SINK_REPORT],
		u->ends[SINK_MESSAGES], t->self};
	struct wire_clone made = {0};
	bool usable = true;
	int r = -ECONNRESET;

	pthread_mutex_lock(&t->lock);
	if (t->socket >= 0)
		r = wire_clone(t->socket, fds, u->s->wall_ns, &made, &usable);
	if (r == -ECONNRESET || r == -EPIPE)
		r = template_ended(t, u->error);
	else if (r)
		r = error_system(u->error, "clone", -r, "the template made no clone");
	else
		r = adopt(t, u->s, &made, u->error);
	if (!usable)
		fd_close(&t->socket);
	pthread_mutex_unlock(&t->lock);
	return r;
}

static int launch(struct sb_template *t, struct setup *u)
{
	int r;

	u->s->started_ns = sandbox_now_ns();
	if (sandbox_set_timer(u->s))
		return setup_fail(u, "timerfd_settime");
	r = ask(t, u);
	return r ? r : setup_watch(u, u->s->pidfd, EPOLLIN);
}

/* It reads when it is there: what the pipe takes need not wait for the caller. */
static int give_memory(struct setup *u)
{
	return u->s->source.fd >= 0 && !u->s->source.read
		       ? source_give(&u->s->source, SOURCE_CHUNK, u->error)
		       : 0;
}

int clone_make(struct sb_template *t, const struct sb_clone_config *c, bool spare, struct sb **out,
	struct sb_error **error)
{
	struct setup u;
	int r = setup_begin(&u, error);

	if (r)
		return r;
	u.s->is_clone = true;
	u.s->was_spare = spare;
	u.s->template = t;
	atomic_fetch_add(&t->needed, 1);
	u.s->wall_ns = spare ? 0 : c->wall_ns ? c->wall_ns : t->wall_ns;
	u.s->cpu_limit_ns = spare ? 0 : c->cpu_ns ? c->cpu_ns : t->cpu_ns;
	u.s->output_max = c->output;
	r = setup_events(&u);
	if (!r)
		r = setup_streams(&u, &c->in, &c->out, &c->err, true);
	if (!r)
		r = give_memory(&u);
	if (!r)
		r = launch(t, &u);
	setup_clear(&u);
	if (r)
		sb_free(u.s);
	else
		*out = u.s;
	return r;
}

int clone_get(struct sb_template *t, const struct sb_clone_config *c, struct sb **out,
	struct sb_error **error)
{
	int r = pool_take(t, c, out, error);

	return r || *out ? r : clone_make(t, c, false, out, error);
}

int sb_clone(struct sb_template *t, const struct sb_clone_config *config, struct sb **out,
	struct sb_error **error)
{
	struct sb_clone_config c;
	int r;

	*out = NULL;
	if (error)
		*error = NULL;
	r = config_read_clone(config, &c, error);
	return r ? r : clone_get(t, &c, out, error);
}

/* What sb_call adds to config. */
static int read_call(const struct sb_clone_config *config, const void *request, size_t size,
	struct sb_clone_config *c, struct sb_error **error)
{
	const struct sb_clone_config both = {.size = sizeof both,
		.out = {.kind = SB_STREAM_MEMORY},
		.err = {.kind = SB_STREAM_MEMORY}};
	int r = config_read_clone(config ? config : &both, c, error);

	if (r)
		return r;
	if (c->in.kind)
		return error_set(error, SB_INVALID, "in: it is the request of sb_call");
	if (size && !request)
		return error_set(error, SB_INVALID, "request: size without data");
	c->in = (struct sb_stream){.kind = SB_STREAM_MEMORY, .data = request, .size = size};
	return 0;
}

int sb_call(struct sb_template *t, const void *request, size_t size,
	const struct sb_clone_config *config, struct sb **done, struct sb_error **error)
{
	struct sb_clone_config c;
	int r;

	*done = NULL;
	if (error)
		*error = NULL;
	r = read_call(config, request, size, &c, error);
	if (!r)
		r = clone_get(t, &c, done, error);
	if (!r) {
		pool_fill(t, NULL); /* while it works; if that fails, the next one makes its own */
		r = sb_wait(*done, -1, error);
	}
	if (r) {
		sb_free(*done);
		*done = NULL;
	}
	return r;
}
