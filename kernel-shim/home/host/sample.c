/* SPDX-License-Identifier: Apache-2.0
 * When a sample is taken, and what it says besides the stack.
 */
#include "home/host/host_internal.h"
#include "home/host/sample.h"

struct sampler_cpu {
	u64 look_at; /* a kick is set for then, so that a request is seen; 0: none */
	u64 due;     /* the next sample; 0: none yet */
	/* What it ran last: the shim's time until it runs on is that task's, unless it was switched
	 * away meanwhile. */
	const struct task *task;
	u64 switches;
	enum samples_in in;
	u16 nr;
};

static struct {
	u64 request; /* as last seen */
	u64 period;  /* 0: nobody asks */
	struct sampler_cpu cpu[CPUS_MAX];
	struct sample_writer writer;
} sampler;

struct sample_writer *host_sample_writer(void)
{
	sampler.writer.to = host_home.c.samples;
	return &sampler.writer;
}

/* -- is it wanted -- */

static void take_request(u64 request)
{
	u64 hz = min_u64(request & 0xffffffff, SAMPLES_HZ_MAX);

	sampler.request = request;
	sampler.period = hz ? NSEC_PER_SEC / hz : 0;
	for (u32 i = 0; i < CPUS_MAX; i++)
		sampler.cpu[i] = (struct sampler_cpu){0};
	if (hz)
		sample_writer_begin(host_sample_writer(), request >> 32);
}

static bool wanted(u64 now)
{
	const volatile struct samples_control *s = host_home.c.samples;
	u64 request = s->request;

	if (request != sampler.request)
		take_request(request);
	return sampler.period && now < s->until_ns;
}

/* Nobody asks now: a program that only computes is to be found when somebody does. */
static void look_later(struct sampler_cpu *c, u64 now)
{
	c->due = 0;
	if (c->look_at > now)
		return;
	c->look_at = now + SAMPLES_LOOK_NS;
	plat_set_kick(c->look_at);
}

/* -- a sample -- */

static void take(struct task *t, u32 ticks, enum samples_in in, u16 nr)
{
	union {
		struct samples_sample s;
		u8 bytes[SAMPLES_RECORD_MAX];
	} r;

	r.s = (struct samples_sample){
		.pid = (u32)t->proc->pid,
		.tid = (u32)t->tid,
		.ticks = ticks,
		.in = (u16)in,
		.nr = nr,
		.cpu = (u16)plat_cpu()->id,
	};
	memcpy(r.s.comm, t->comm, sizeof(r.s.comm));
	r.s.comm[sizeof(r.s.comm) - 1] = 0;
	r.s.nframes = (u16)sample_stack(t, r.s.frame);
	r.s.head = (struct samples_head){
		(u32)(sizeof(r.s) + r.s.nframes * sizeof(r.s.frame[0])), SAMPLES_SAMPLE};
	if (!sample_writer_put(host_sample_writer(), &r.s.head))
		sample_writer_lost(host_sample_writer());
}

/* The periods that have ended; the next one's end is noted. After a second in which nothing ran
 * here (this process was stopped) there is one. */
static u32 ticks_due(struct sampler_cpu *c, u64 now)
{
	u64 n;

	if (!c->due || now < c->due)
		return 0;
	n = (now - c->due) / sampler.period + 1;
	c->due += n * sampler.period;
	return n * sampler.period <= NSEC_PER_SEC ? (u32)n : 1;
}

static bool was_here_all_the_time(const struct sampler_cpu *c, const struct task *t)
{
	return c->task == t && c->switches == t->switches;
}

void host_sample_enter(struct task *t)
{
	struct sampler_cpu *c = &sampler.cpu[plat_cpu()->id];
	u64 now = t->last_stamp; /* the core has just looked at the clock */
	u32 ticks;

	if (!host_home.c.samples)
		return;
	if (!wanted(now)) {
		look_later(c, now);
		return;
	}
	if (!c->due)
		c->due = now + sampler.period;
	ticks = ticks_due(c, now);
	if (ticks && was_here_all_the_time(c, t))
		take(t, ticks, c->in, c->nr);
	plat_set_kick(c->due);
}

void host_sample_leave(struct task *t)
{
	struct sampler_cpu *c = &sampler.cpu[plat_cpu()->id];
	u32 ticks;

	if (!host_home.c.samples)
		return;
	if (t->trap.kind == TRAP_KICK)
		c->look_at = 0;
	if (!c->due)
		return;
	ticks = ticks_due(c, clock_mono_ns());
	if (ticks)
		take(t, ticks, SAMPLES_IN_USER, 0);
	c->task = t;
	c->switches = t->switches;
	c->in = t->trap.kind == TRAP_SYSCALL ? SAMPLES_IN_CALL
		: t->trap.kind == TRAP_KICK  ? SAMPLES_IN_OTHER
					     : SAMPLES_IN_FAULT;
	c->nr = (u16)min_u64(t->regs.rax, 0xffff);
}
