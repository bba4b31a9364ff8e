/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "sdk/lib/error.h"
#include "sdk/lib/pool.h"
#include "sdk/lib/setup.h"

#define WARM_MAX 4096u

/* Nobody calls it: who takes the clone has another one, or data. */
static ptrdiff_t no_input(void *arg, void *buf, size_t size)
{
	return 0;
}

static struct sb *pop(struct sb_template *t)
{
	struct sb *s;

	pthread_mutex_lock(&t->pool_lock);
	s = t->spare;
	if (s) {
		t->spare = s->next_spare;
		t->nspare--;
	}
	pthread_mutex_unlock(&t->pool_lock);
	return s;
}

static int fit(const struct sb_template *t, struct sb *s, const struct sb_clone_config *c,
	struct sb_error **error)
{
	s->output_max = c->output;
	s->wall_ns = c->wall_ns ? c->wall_ns : t->wall_ns;
	s->cpu_limit_ns = c->cpu_ns ? c->cpu_ns : t->cpu_ns;
	s->started_ns = sandbox_now_ns();
	setup_sink(&s->sinks[SINK_OUT], &c->out);
	setup_sink(&s->sinks[SINK_ERR], &c->err);
	if (sandbox_set_timer(s))
		return error_system(error, "timerfd_settime", errno, "cannot prepare the sandbox");
	if (c->in.kind == SB_STREAM_CALLBACK) {
		s->source.read = c->in.read;
		s->source.arg = c->in.arg;
		return 0;
	}
	s->source.read = NULL;
	if (!source_load(&s->source, c->in.data, c->in.kind ? c->in.size : 0))
		return error_no_memory(error);
	return source_give(&s->source, SOURCE_CHUNK, error);
}

int pool_take(struct sb_template *t, const struct sb_clone_config *c, struct sb **out,
	struct sb_error **error)
{
	struct sb *s;
	int r;

	if (c->in.kind == SB_STREAM_FD || c->out.kind == SB_STREAM_FD ||
		c->err.kind == SB_STREAM_FD)
		return 0;
	for (s = pop(t); s && sandbox_process_ended(s); s = pop(t))
		sb_free(s);
	if (!s)
		return 0;
	r = fit(t, s, c, error);
	if (r)
		sb_free(s);
	else
		*out = s;
	return r;
}

static bool one_is_missing(struct sb_template *t)
{
	bool missing;

	pthread_mutex_lock(&t->pool_lock);
	missing = t->nspare + t->coming < t->warm;
	t->coming += missing;
	pthread_mutex_unlock(&t->pool_lock);
	return missing;
}

/* Whether it is wanted still. NULL: it could not be made. */
static bool push(struct sb_template *t, struct sb *s)
{
	bool wanted;

	pthread_mutex_lock(&t->pool_lock);
	t->coming--;
	wanted = s && t->nspare < t->warm;
	if (wanted) {
		s->next_spare = t->spare;
		t->spare = s;
		t->nspare++;
	}
	pthread_mutex_unlock(&t->pool_lock);
	return wanted;
}

int pool_fill(struct sb_template *t, struct sb_error **error)
{
	static const struct sb_clone_config c = {
		.in = {.kind = SB_STREAM_CALLBACK, .read = no_input},
		.out = {.kind = SB_STREAM_MEMORY},
		.err = {.kind = SB_STREAM_MEMORY}};

	while (one_is_missing(t)) {
		struct sb *s = NULL;
		int r = clone_make(t, &c, true, &s, error);

		if (!push(t, s))
			sb_free(s);
		if (r)
			return r;
	}
	return 0;
}

void pool_clear(struct sb_template *t)
{
	for (struct sb *s = pop(t); s; s = pop(t))
		sb_free(s);
}

int sb_template_warm(struct sb_template *t, unsigned n, struct sb_error **error)
{
	bool more;

	if (error)
		*error = NULL;
	if (n > WARM_MAX)
		return error_set(error, SB_INVALID, "n: %u clones at most", WARM_MAX);
	pthread_mutex_lock(&t->pool_lock);
	t->warm = n;
	more = t->nspare > n;
	pthread_mutex_unlock(&t->pool_lock);
	if (more)
		pool_clear(t);
	return pool_fill(t, error);
}
