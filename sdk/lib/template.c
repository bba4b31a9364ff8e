/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sdk/lib/config.h"
#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/pool.h"
#include "sdk/lib/template.h"
#include "sdk/lib/wire.h"

#define PRINTED_MAX (64u << 10)
#define END_WAIT_MS 1000 /* of a process that closed its socket */

static int fail(struct sb_error **error, const char *call)
{
	return error_system(error, call, errno, "cannot prepare the template");
}

/* -- its end -- */

/* The last line with something in it. */
static const char *last_line(const char *text, size_t size, int *length)
{
	while (size && strchr(" \t\r\n", text[size - 1]))
		size--;
	for (*length = 0; (size_t)*length < size && text[size - 1 - (size_t)*length] != '\n';)
		++*length;
	return text + size - *length;
}

static void add_last_line(const struct sb *s, struct sb_error **error)
{
	for (int i = SINK_ERR; i >= SINK_OUT; i--) {
		const struct sink *k = &s->sinks[i];
		const char *line;
		int n = 0;

		line = k->size ? last_line(k->data, k->size, &n) : NULL;
		if (!n)
			continue;
		error_add_cause(error, SB_ENDED, "%.*s", n, line);
		return;
	}
}

/* what: where in its life it has ended. */
static int say_end(const struct sb *s, const char *what, struct sb_error **error)
{
	const struct sb_result *r = &s->result;

	if (r->end == SB_END_EXITED)
		error_set(error, SB_ENDED, "%s: exit code %d", what, r->exit_code);
	else if (r->end == SB_END_SIGNALLED)
		error_set(error, SB_ENDED, "%s: signal %d", what, r->signal);
	else
		error_set(error, SB_ENDED, "%s: %s", what,
			r->message ? r->message : "without a word");
	add_last_line(s, error);
	return SB_ENDED;
}

int template_ended(struct sb_template *t, struct sb_error **error)
{
	const int ms = t->socket >= 0 ? END_WAIT_MS : 0;

	fd_close(&t->socket);
	if (sb_wait(t->s, ms, NULL))
		return error_set(error, SB_ENDED, "the template makes no clones any more");
	return say_end(t->s, "the template has ended", error);
}

void template_release(struct sb_template *t)
{
	if (atomic_fetch_sub(&t->needed, 1) != 1)
		return;
	sb_free(t->s);
	fd_close(&t->socket);
	fd_close(&t->input);
	fd_close(&t->self);
	pthread_mutex_destroy(&t->lock);
	pthread_mutex_destroy(&t->pool_lock);
	free(t);
}

/* -- its beginning -- */

static int say_early_end(const struct sb_template *t, struct sb_error **error)
{
	if (t->s->result.end >= SB_END_NOT_STARTED)
		return say_end(t->s, "the program could not be started", error);
	return say_end(t->s,
		t->accepts ? "the program ended before it listened"
			   : "the program ended before it read its stdin",
		error);
}

/* 1: it is ready; 0: not yet; or -1 with r a code. */
static int look(struct sb_template *t, int *r, struct sb_error **error)
{
	int ready = wire_ready(t->socket);

	if (ready == 1)
		return 1;
	*r = sb_dispatch(t->s, error);
	if (!*r)
		*r = say_early_end(t, error);
	else if (*r == SB_RUNNING && ready < 0 && ready != -ECONNRESET)
		*r = error_system(error, "recv", -ready, "the template cannot be understood");
	return *r == SB_RUNNING ? 0 : -1;
}

static int wait_ready(struct sb_template *t, int timeout_ms, struct sb_error **error)
{
	uint64_t now = sandbox_now_ns(), end = now + (uint64_t)timeout_ms * 1000000u;
	struct pollfd p[2] = {
		{.fd = t->socket, .events = POLLIN}, {.fd = sb_fd(t->s), .events = POLLIN}};

	for (;;) {
		int left = -1, r = 0, ready = look(t, &r, error);

		if (ready)
			return ready > 0 ? 0 : r;
		now = sandbox_now_ns();
		if (timeout_ms >= 0 && now >= end)
			return error_set(error, SB_ENDED, "the program did not %s within %d ms",
				t->accepts ? "listen" : "read its stdin", timeout_ms);
		if (timeout_ms >= 0)
			left = (int)((end - now + 999999) / 1000000);
		if (poll(p, 2, left) < 0 && errno != EINTR)
			return fail(error, "poll");
		if (p[0].revents & POLLHUP)
			p[0].fd = -1; /* its end comes by the other one */
	}
}

/* Without these the library cannot have clones. */
static int look_at_machine(struct sb_template *t, struct sb_error **error)
{
	t->self = fd_high((int)syscall(SYS_pidfd_open, getpid(), 0));
	if (t->self < 0 && errno != ENOSYS && errno != EPERM)
		return fail(error, "pidfd_open");
	if (t->self < 0)
		return error_set(error, SB_UNSUPPORTED,
			"a template needs pidfd_open(2), which is not allowed here");
	return access("/proc/self/stat", R_OK)
		       ? error_set(
				 error, SB_UNSUPPORTED, "a template needs /proc, which is not here")
		       : 0;
}

/* Streams of the kind that clones have: a program may look at what they are before it reads. */
static int start(struct sb_template *t, struct sb_config *c, struct sb_error **error)
{
	struct sandbox_kind kind = SANDBOX_PLAIN;
	int input[2], r;

	if (fd_pipe(input, 1))
		return fail(error, "pipe2");
	t->input = input[1];
	r = wire_make(&t->socket, &kind.template) ? fail(error, "socketpair") : 0;
	t->wall_ns = c->wall_ns;
	t->cpu_ns = c->cpu_ns;
	t->accepts = c->accept;
	c->wall_ns = c->cpu_ns = 0;
	c->in = (struct sb_stream){.kind = SB_STREAM_FD, .fd = input[0]};
	c->out = c->err = (struct sb_stream){.kind = SB_STREAM_MEMORY, .limit = PRINTED_MAX};
	if (!r)
		r = sandbox_start(c, &kind, &t->s, error);
	fd_close(&input[0]);
	fd_close(&kind.template);
	return r;
}

static struct sb_template *new_template(void)
{
	struct sb_template *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	pthread_mutex_init(&t->lock, NULL);
	pthread_mutex_init(&t->pool_lock, NULL);
	atomic_init(&t->needed, 1);
	t->socket = t->input = t->self = -1;
	return t;
}

int sb_template_start(const struct sb_config *config, int timeout_ms, struct sb_template **out,
	struct sb_error **error)
{
	struct sb_template *t;
	struct sb_config c;
	int r;

	*out = NULL;
	if (error)
		*error = NULL;
	r = config_read_template(config, &c, error);
	if (r)
		return r;
	t = new_template();
	if (!t)
		return error_no_memory(error);
	r = look_at_machine(t, error);
	if (!r)
		r = start(t, &c, error);
	if (!r)
		r = wait_ready(t, timeout_ms, error);
	if (r)
		template_release(t);
	else
		*out = t;
	return r;
}

void sb_template_free(struct sb_template *t)
{
	if (!t)
		return;
	pool_clear(t);
	template_release(t);
}
