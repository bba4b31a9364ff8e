/* SPDX-License-Identifier: Apache-2.0
 * When a sample is taken, and what it says besides the stack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-shim/abi/boot.h"
#include "kernel-shim/home/host/soft_copy.h"
#include "runtime/sample/sample_internal.h"

#define NSEC_PER_SEC 1000000000ull

int sampler_create(struct sampler **out, const struct sampler_config *config)
{
	struct sampler *s = calloc(1, sizeof(*s));
	int r = s ? host_soft_copy_init() : -ENOMEM;

	if (r) {
		free(s);
		return r;
	}
	s->c = *config;
	s->writer.to = config->to;
	pthread_mutex_init(&s->lock, NULL);
	*out = s;
	return 0;
}

void sampler_destroy(struct sampler *s)
{
	if (s)
		pthread_mutex_destroy(&s->lock);
	free(s);
}

/* -- is it wanted -- */

bool sampler_is_asked(const struct sampler *s, const struct sampler_cpu *c)
{
	return s->c.to->request != c->request;
}

static void take_request(struct sampler *s, uint64_t request)
{
	uint64_t hz = request & 0xffffffff;

	if (hz > SAMPLES_HZ_MAX)
		hz = SAMPLES_HZ_MAX;
	s->request = request;
	s->period = hz ? NSEC_PER_SEC / hz : 0;
	if (hz)
		sample_writer_begin(&s->writer, request >> 32);
}

static bool wanted(struct sampler *s, struct sampler_cpu *c, uint64_t now)
{
	uint64_t request = s->c.to->request;

	if (request != s->request)
		take_request(s, request);
	if (request != c->request)
		c->due = 0;
	c->request = request;
	return s->period && now < s->c.to->until_ns;
}

/* -- a sample -- */

/* What the shim does for the task in ring 0. */
static enum samples_in shims_work(const struct sampler *s, const struct sample_task *t)
{
	const struct guest_layout *l = s->c.layout;

	if (t->in_syscall)
		return SAMPLES_IN_CALL;
	return t->trap_kind == l->trap_fault || t->trap_kind == l->trap_bus ? SAMPLES_IN_FAULT
									    : SAMPLES_IN_OTHER;
}

/* While the shim works user code is where it was when it came; in the few instructions before that
 * is noted, where it came from the time before. False: the task has not been there yet. */
static bool where(const struct sampler *s, const struct sample_task *t, struct sampler_at *at,
	struct samples_sample *r)
{
	if (at->rip < BOOT_PHYSMAP_VA) {
		r->in = SAMPLES_IN_USER;
		return true;
	}
	*at = (struct sampler_at){t->rip, t->rsp, t->rbp};
	r->in = (uint16_t)shims_work(s, t);
	if (r->in == SAMPLES_IN_CALL)
		r->nr = (uint16_t)(t->orig_rax < UINT16_MAX ? t->orig_rax : UINT16_MAX);
	return t->rip;
}

static void take(
	struct sampler *s, const struct sampler_cpu *c, struct sampler_at at, uint32_t ticks)
{
	union {
		struct samples_sample s;
		uint8_t bytes[SAMPLES_RECORD_MAX];
	} r;
	struct sample_task t;

	if (!sample_task(s, c->id, &t))
		return; /* the shim's own time, which is nobody's */
	r.s = (struct samples_sample){
		.pid = t.pid,
		.tid = t.tid,
		.ticks = ticks,
		.cpu = (uint16_t)c->id,
	};
	memcpy(r.s.comm, t.comm, sizeof(r.s.comm));
	if (!where(s, &t, &at, &r.s))
		return;
	r.s.nframes = (uint16_t)sample_frames(s, &t, &at, r.s.frame);
	r.s.head.size = (uint32_t)(sizeof(r.s) + r.s.nframes * sizeof(r.s.frame[0]));
	r.s.head.kind = SAMPLES_SAMPLE;
	if (!sample_writer_put(&s->writer, &r.s.head))
		sample_writer_lost(&s->writer);
}

/* The periods that have ended; the next one's end is noted. After a second in which nothing ran
 * here (this process was stopped) there is one. */
static uint32_t ticks_due(const struct sampler *s, struct sampler_cpu *c, uint64_t now)
{
	uint64_t n;

	if (now < c->due)
		return 0;
	n = (now - c->due) / s->period + 1;
	c->due += n * s->period;
	return n * s->period <= NSEC_PER_SEC ? (uint32_t)n : 1;
}

static uint64_t look(
	struct sampler *s, struct sampler_cpu *c, const struct sampler_at *at, uint64_t now)
{
	uint32_t ticks;

	if (!wanted(s, c, now)) {
		/* a program that only computes is to be found when somebody asks */
		c->due = 0;
		return now + SAMPLES_LOOK_NS;
	}
	if (!c->due)
		c->due = now + s->period;
	ticks = ticks_due(s, c, now);
	if (ticks && at)
		take(s, c, *at, ticks);
	return c->due;
}

uint64_t sampler_look(
	struct sampler *s, struct sampler_cpu *c, const struct sampler_at *at, uint64_t now_ns)
{
	uint64_t next;

	pthread_mutex_lock(&s->lock);
	next = look(s, c, at, now_ns);
	pthread_mutex_unlock(&s->lock);
	return next;
}
