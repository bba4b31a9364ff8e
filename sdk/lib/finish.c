/* SPDX-License-Identifier: Apache-2.0
 *
 * The result: of the report if there is one, else of what is known here. And what frees it all.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sdk/lib/error.h"
#include "sdk/lib/fd.h"
#include "sdk/lib/memory_file.h"
#include "sdk/lib/sandbox_internal.h"
#include "sdk/lib/spawn.h"
#include "sdk/lib/template.h"

static void reap(struct sb *s)
{
	unsigned long long cpu_ns;

	if (s->reaped || s->pidfd < 0)
		return;
	spawn_reap(s->pidfd, &cpu_ns);
	s->reaped = true;
	if (cpu_ns > s->cpu_seen_ns)
		s->cpu_seen_ns = cpu_ns;
}

/* What `sandbox` said last before it ended without a report, as far as it fits. */
static void take_message(struct sb *s)
{
	static const char prefix[] = "sandbox: ";
	const char *text = s->sinks[SINK_MESSAGES].data;

	if (!text || !*text) {
		snprintf(s->message, sizeof s->message,
			"the sandbox's process ended without a report");
		return;
	}
	if (!strncmp(text, prefix, sizeof prefix - 1))
		text += sizeof prefix - 1;
	snprintf(s->message, sizeof s->message, "%.*s", (int)strcspn(text, "\n"), text);
}

static void say(struct sb *s, const char *text)
{
	snprintf(s->message, sizeof s->message, "%s", text);
}

static void explain(struct sb *s)
{
	switch (s->result.end) {
	case SB_END_WALL_TIME:
		say(s, "it ran longer than wall_ns allows");
		break;
	case SB_END_CPU_TIME:
		say(s, "it used more CPU time than cpu_ns allows");
		break;
	case SB_END_OUTPUT:
		say(s, "it wrote more output than was wanted");
		break;
	case SB_END_MEMORY:
		say(s, "it ran out of memory");
		break;
	case SB_END_KILLED:
		say(s, "it was killed by sb_kill");
		break;
	case SB_END_NOT_STARTED:
	case SB_END_FAILED:
		take_message(s);
		break;
	default:
		return;
	}
	s->result.message = s->message;
}

/* The end without a report: killed from here, or the sandbox gave up at its limit, or failed. */
static enum sb_end end_unreported(const struct sb *s, uint64_t wall_ns)
{
	int reason = atomic_load(&s->reason);

	if (reason != NO_REASON)
		return (enum sb_end)reason;
	return s->wall_ns && wall_ns >= s->wall_ns ? SB_END_WALL_TIME : SB_END_FAILED;
}

/* Or jansson would open /dev/urandom, without O_CLOEXEC. A second seed is not taken. */
static void seed_json(void)
{
	size_t seed = 0;

	if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed || !seed)
		seed = (size_t)sandbox_now_ns() | 1;
	json_object_seed(seed);
}

static int make_result(struct sb *s, struct sb_error **error)
{
	const struct sink *text = &s->sinks[SINK_REPORT];
	struct sb_result *res = &s->result;
	uint64_t wall_ns = sandbox_now_ns() - s->started_ns;
	int r;

	report_clear(&s->report);
	*res = (struct sb_result){.size = sizeof *res, .exit_code = -1};
	seed_json();
	/* what was killed may have been killed in the middle of it */
	r = report_read(text->data, text->size,
		!s->unreadable && atomic_load(&s->reason) == NO_REASON, &s->report, res, error);
	s->unreadable = r;
	if (r && r != SB_RUNNING)
		return r;
	if (r == SB_RUNNING) {
		res->wall_ns = wall_ns;
		res->end = end_unreported(s, wall_ns);
	}
	if (s->was_spare) { /* what it counts itself is from before it was taken */
		res->wall_ns = wall_ns;
		res->start_ns = 0;
	}
	if (atomic_load(&s->reason) == SB_END_OUTPUT)
		res->end = SB_END_OUTPUT;
	if (res->end == SB_END_SNAPSHOT && !s->stops) /* its process said nonsense */
		res->end = SB_END_FAILED;
	if (res->end != SB_END_EXITED)
		res->exit_code = -1;
	if (res->end != SB_END_SIGNALLED)
		res->signal = 0;
	if (!res->message)
		explain(s);
	if (s->cpu_seen_ns > res->cpu_ns)
		res->cpu_ns = s->cpu_seen_ns;
	res->output = s->sinks[SINK_OUT].total + s->sinks[SINK_ERR].total;
	return 0;
}

static int take_files(struct sb *s, struct sb_error **error)
{
	int r = 0;

	for (size_t i = 0; i < s->nfiles && !r; i++) {
		struct out_file *f = &s->files[i];

		if (f->fd < 0 || f->data)
			continue;
		r = memory_file_take(f->fd, f->limit, &f->data, &f->size, &f->truncated, error);
	}
	return r;
}

/* What was written has its name when the result says so. */
static void keep_snapshot(struct sb *s)
{
	int r = sandbox_keep_snapshot(s, s->result.end == SB_END_SNAPSHOT);

	if (!r)
		return;
	s->result.end = SB_END_FAILED;
	snprintf(s->message, sizeof s->message, "the snapshot cannot be put in its place: %s",
		strerrordesc_np(-r));
	s->result.message = s->message;
}

static void leave_template(struct sb *s)
{
	if (s->template)
		template_release(s->template);
	s->template = NULL;
}

int sandbox_finish(struct sb *s, struct sb_error **error)
{
	int r;

	reap(s);
	r = take_files(s, error);
	if (!r)
		r = make_result(s, error);
	if (r)
		return r;
	keep_snapshot(s);
	for (size_t i = 0; i < s->nfiles; i++)
		fd_close(&s->files[i].fd);
	for (int i = 0; i < SINKS; i++)
		fd_close(&s->sinks[i].fd);
	source_clear(&s->source);
	fd_close(&s->input);
	leave_template(s);
	atomic_store(&s->over, true);
	return 0;
}

void sandbox_end_process(struct sb *s)
{
	struct pollfd p = {.fd = s->pidfd, .events = POLLIN};

	if (s->pidfd < 0 || s->reaped)
		return;
	spawn_signal(s->pid, s->pidfd, SIGKILL);
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	reap(s);
}

void sb_free(struct sb *s)
{
	if (!s)
		return;
	sandbox_end_process(s);
	leave_template(s);
	sandbox_keep_snapshot(s, false);
	fd_close(&s->input);
	report_clear(&s->report);
	for (int i = 0; i < SINKS; i++)
		sink_clear(&s->sinks[i]);
	source_clear(&s->source);
	for (size_t i = 0; i < s->nfiles; i++) {
		fd_close(&s->files[i].fd);
		free(s->files[i].data);
	}
	free(s->files);
	fd_close(&s->epoll);
	fd_close(&s->timer);
	fd_close(&s->tie);
	fd_close(&s->pidfd);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
