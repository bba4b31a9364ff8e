/* SPDX-License-Identifier: Apache-2.0
 * How a function is a program: its rip is an address that names the function's stack ("strand").
 * At +0 is the instruction that it trapped with, at +2 what comes after: the kernel may wind rip
 * back to restart a call, as it does with real ones.
 */
#include <stdlib.h>

#include "harness_internal.h"
#include "home/host/host_internal.h"
#include "mm/mm.h"

#define STRAND_VA   0x400000ull
#define STRAND_STEP 16u
#define STRAND_MAX  4096u
#define HANDLER_VA  0x500000ull
#define HANDLER_MAX 64u
#define TURNS_MAX   2000000u

struct strand *running;
static struct strand *strands[STRAND_MAX];
static u32 nstrands;
static u_handler handlers[HANDLER_MAX];
static u64 kick_at, turns;

void strands_begin(void)
{
	memset(handlers, 0, sizeof(handlers));
	kick_at = turns = 0;
	running = NULL;
}

u64 strand_va(const struct strand *s)
{
	return STRAND_VA + (u64)s->id * STRAND_STEP;
}

static void strand_main(void *arg)
{
	struct strand *s = arg;

	if (s->after == AFTER_HANDLER) {
		struct user_regs *r = &s->owner->regs;

		s->handler((s32)r->rdi, r->rsi, r->rdx);
	} else {
		s->fn(s->arg);
	}
	s->done = true;
	plat_kctx_switch(&s->ctx, &s->back);
	abort();
}

struct strand *strand_new(struct task *owner, u_fn fn, void *arg)
{
	struct strand *s = calloc(1, sizeof(*s));

	if (!s || nstrands == STRAND_MAX || plat_kctx_init(&s->ctx, strand_main, s)) {
		note_failure("the harness has no stack for another function");
		leave();
	}
	s->owner = owner;
	s->fn = fn;
	s->arg = arg;
	s->id = nstrands;
	strands[nstrands++] = s;
	return s;
}

static struct strand *strand_at(u64 rip)
{
	u64 id = (rip - STRAND_VA) / STRAND_STEP;

	return rip >= STRAND_VA && id < nstrands ? strands[id] : NULL;
}

static void strand_end(struct strand *s)
{
	plat_kctx_free(&s->ctx);
	s->ctx.stack_lo = 0;
}

void strands_free(void)
{
	for (u32 i = 0; i < nstrands; i++) {
		strand_end(strands[i]);
		free(strands[i]);
	}
	nstrands = 0;
}

/* Runs s until it traps or is done. The engine is on the task's own stack. */
static void strand_resume(struct strand *s)
{
	s->back.stack_lo = s->owner->kctx.stack_lo;
	s->back.stack_size = s->owner->kctx.stack_size;
	running = s;
	plat_kctx_switch(&s->back, &s->ctx);
	running = NULL;
}

void strand_trap(struct trap trap)
{
	struct strand *s = running;

	s->retry = false;
	s->trap = trap;
	plat_kctx_switch(&s->ctx, &s->back);
}

u64 handler_va(u_handler fn)
{
	u32 i = 0;

	while (i < HANDLER_MAX && handlers[i] && handlers[i] != fn)
		i++;
	u_check(i < HANDLER_MAX);
	handlers[i] = fn;
	return HANDLER_VA + i;
}

/* -- the engine: what runs user code -- */

static void set_syscall(struct task *t, u64 nr, u64 arg)
{
	t->regs.rax = nr;
	t->regs.rdi = arg;
	t->trap = (struct trap){.kind = TRAP_SYSCALL};
}

/* Where rip points at something that is not a strand: true when t->trap is set. */
static bool run_elsewhere(struct task *t)
{
	struct user_regs *r = &t->regs;
	struct strand *s;

	if (r->rip == RESTORER_VA) {
		r->rip += INSN;
		set_syscall(t, __NR_rt_sigreturn, r->rdi);
		return true;
	}
	if (r->rip >= HANDLER_VA && r->rip < HANDLER_VA + HANDLER_MAX &&
		handlers[r->rip - HANDLER_VA]) {
		s = strand_new(t, NULL, NULL);
		s->handler = handlers[r->rip - HANDLER_VA];
		s->after = AFTER_HANDLER;
		r->rip = strand_va(s) + INSN;
		return false;
	}
	t->trap = (struct trap){TRAP_FAULT, VEC_PAGE, 0x14, r->rip}; /* user, fetch */
	return true;
}

/* A function returned. */
static bool strand_return(struct task *t, struct strand *s)
{
	u64 to;

	strand_end(s);
	if (s->after == AFTER_EXIT) {
		set_syscall(t, __NR_exit, 0);
		return true;
	}
	if (copy_from_mm(t->mm, &to, t->regs.rsp, sizeof(to))) {
		t->trap = (struct trap){TRAP_FAULT, VEC_PAGE, 4, t->regs.rsp};
		return true;
	}
	t->regs.rsp += sizeof(to);
	t->regs.rip = to;
	return false;
}

/* One step of user code: true when t->trap is set. */
static bool run_step(struct task *t)
{
	struct user_regs *r = &t->regs;
	struct strand *s = strand_at(r->rip);

	if (!s)
		return run_elsewhere(t);
	if (r->rip == strand_va(s) && !s->retry) { /* the same instruction again */
		t->trap = s->trap;
		if (t->trap.kind == TRAP_SYSCALL)
			r->rip += INSN;
		return true;
	}
	if (s->owner != t) { /* a child, fresh out of clone */
		s = strand_new(t, s->child_fn, s->child_arg);
		r->rip = strand_va(s) + INSN;
	}
	strand_resume(s);
	if (s->done)
		return strand_return(t, s);
	if (s->kernel_fn) {
		long (*fn)(struct task *, u64) = s->kernel_fn;

		s->kernel_fn = NULL;
		r->rip = strand_va(s) + INSN;
		s->kernel_result = fn(t, s->kernel_arg);
		t->trap = (struct trap){.kind = TRAP_KICK};
		return true;
	}
	t->trap = s->trap;
	r->rip = strand_va(s) + (t->trap.kind == TRAP_FAULT ? 0 : INSN);
	return true;
}

bool kick_due(void)
{
	if (!host_home.c.ring->events && !(kick_at && boot_clock()->mono_ns >= kick_at))
		return false;
	kick_at = 0;
	return true;
}

static void engine_run(void *engine, struct task *t)
{
	(void)engine;
	do {
		pass_time(TURN_NS);
		if (++turns > TURNS_MAX) {
			note_failure("the program runs for ever");
			leave();
		}
		if (kick_due()) {
			t->trap = (struct trap){.kind = TRAP_KICK};
			return;
		}
	} while (!run_step(t));
}

static void engine_nothing(void *engine, struct task *t)
{
	(void)engine;
	(void)t;
}

static void engine_set_kick(void *engine, u64 when)
{
	(void)engine;
	kick_at = when;
}

const struct host_engine_ops strand_engine = {
	.name = "functions",
	.run = engine_run,
	.fpu_save = engine_nothing,
	.fpu_load = engine_nothing,
	.fpu_drop = engine_nothing,
	.set_kick = engine_set_kick,
};
