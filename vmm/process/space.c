/* SPDX-License-Identifier: Apache-2.0
 * Address spaces: made, kept for the next one, run.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/process/process_internal.h"

#define USER_CS 0x33
#define USER_SS 0x2b

/* -- spaces -- */

static int spawn(struct process_vm *vm, struct process_space *s)
{
	int number = process_context_take(vm), r;

	if (number < 0)
		return number;
	s->number = (uint32_t)number;
	s->ctx = process_context(vm, s->number);
	memset(s->ctx, 0, offsetof(struct stub_ctx, ops));
	s->ctx->turn = TURN_STUB; /* until it is ready */
	s->starting = true;
	r = process_zygote_call(vm, ZYGOTE_SPAWN, s->number, NULL, 0, &s->pidfd);
	if (r || s->pidfd < 0) {
		process_context_unused(vm, s->number);
		return r ? r : -EPIPE;
	}
	vm->spawned++;
	return 0;
}

void process_space_destroy(struct process_space *s)
{
	struct process_vm *vm = s->vm;

	if (s->dead || vm->nidle >= IDLE_MAX) {
		process_space_kill(s);
		return;
	}
	process_space_unmap_all(s);
	process_turn_forget(s);
	s->fpu = FPU_NONE;
	s->bases_dirty = true; /* the last program may have said what was not true */
	s->next = vm->idle;
	vm->idle = s;
	vm->nidle++;
}

struct stub_regs *process_regs(struct process_space *s)
{
	return &s->regs;
}

struct process_bases process_bases_get(const struct process_space *s)
{
	return s->bases;
}

void process_bases_set(struct process_space *s, struct process_bases bases)
{
	s->bases_dirty |= s->bases.fs != bases.fs || s->bases.gs != bases.gs;
	s->bases = bases;
}

/* -- FPU -- */

void process_fpu_set(struct process_space *s, const void *buf)
{
	memcpy(s->ctx->fpu, buf, s->vm->caps.fpu_size);
	s->fpu = FPU_SET;
}

/* XSTATE_BV is after the legacy area (SDM vol. 1, 13.4.2); all that follows in the header is 0 in
 * the standard format. The rest is data, which the processor takes as it is. */
static void fpu_clean(uint8_t *buf, const struct process_caps *caps)
{
	uint64_t bv;
	uint32_t mxcsr;

	memcpy(&mxcsr, buf + 24, sizeof(mxcsr));
	mxcsr &= 0xffff;
	memcpy(buf + 24, &mxcsr, sizeof(mxcsr));
	if (!caps->xcr0)
		return;
	memcpy(&bv, buf + 512, sizeof(bv));
	bv &= caps->xcr0;
	memcpy(buf + 512, &bv, sizeof(bv));
	memset(buf + 520, 0, 56);
}

/* The frame's address is the program's word: it must lie in the context with all that is copied. */
static void note_frame(struct process_space *s, uint64_t va)
{
	uint64_t off = va - STUB_CTX;

	if (off > STUB_CTX_SIZE - s->vm->caps.fpu_size) {
		s->dead = true;
		return;
	}
	s->fpu = FPU_FRAME;
	s->frame_fpu = off;
}

/* -- running -- */

/* Before it has taken its first turn a signal would find no stack, and kill it. */
static int wait_started(struct process_space *s)
{
	int r = s->starting ? process_wait_turn(s, s->vm->patience) : 0;

	s->starting = false;
	s->dead |= r != 0;
	return r;
}

static int do_turn_within(
	struct process_space *s, uint32_t patience, uint32_t flags, struct stub_event *ev)
{
	struct stub_ctx *c = s->ctx;
	int r = s->dead ? -ESRCH : wait_started(s);

	if (r)
		return r;
	c->flags = flags;
	c->nops = s->nops;
	process_count(&s->runner->ops, s->nops);
	s->nops = 0;
	process_give_turn(s);
	r = process_wait_turn(s, patience);
	if (r) {
		s->dead = true;
		return r;
	}
	*ev = *(volatile struct stub_event *)&c->event; /* once: the program can write to it */
	return 0;
}

static int do_turn(struct process_space *s, uint32_t flags, struct stub_event *ev)
{
	return do_turn_within(s, flags & STUB_RUN ? 0 : s->vm->patience, flags, ev);
}

/* Out of the registers, into the context. What is queued stays so: should it fail, that is for the
 * next run to say, and the state would be lost with it. */
static void fpu_bring(struct process_space *s)
{
	uint32_t queued = s->nops;
	struct stub_event ev;

	s->nops = 0;
	do_turn(s, STUB_FPU_SAVE, &ev); /* should it fail, the next run says so */
	s->nops = queued;
	s->fpu = FPU_CTX;
}

void process_fpu_get(struct process_space *s, void *buf)
{
	const struct process_caps *caps = &s->vm->caps;
	const uint8_t *from = s->ctx->fpu;

	if (s->fpu == FPU_LIVE)
		fpu_bring(s);
	if (s->fpu == FPU_FRAME)
		from = (const uint8_t *)s->ctx + s->frame_fpu;
	memcpy(buf, from, caps->fpu_size);
	fpu_clean(buf, caps);
}

static void op_failed(
	struct process_space *s, const struct stub_event *ev, struct process_exit *out)
{
	out->kind = PROCESS_OP_FAILED;
	out->error = (uint64_t)(int64_t)ev->value;
	if (ev->index < STUB_OPS)
		out->op = s->queued[ev->index];
}

int process_space_op(struct process_space *s, const struct stub_op *op)
{
	struct stub_event ev;
	int r;

	if (s->nops == STUB_OPS) {
		r = do_turn(s, 0, &ev);
		if (r)
			return r;
		if (ev.kind != STUB_EV_DONE)
			return ev.kind == STUB_EV_OP_FAILED ? -ENOMEM : -ESRCH;
	}
	s->queued[s->nops] = *op;
	s->ctx->ops[s->nops++] = *op;
	return 0;
}

/* All but what is the stub's; there is room for two, and no turn that could go wrong. */
void process_space_unmap_all(struct process_space *s)
{
	const struct stub_op low = {.kind = STUB_OP_UNMAP, .addr = 0, .len = STUB_PATCH_TABLE};
	const struct stub_op high = {
		.kind = STUB_OP_UNMAP, .addr = STUB_LOW_END, .len = STUB_BASE - STUB_LOW_END};

	s->nops = 0;
	process_space_op(s, &low);
	process_space_op(s, &high);
}

static uint32_t run_flags(struct process_space *s)
{
	uint32_t flags = STUB_RUN;

	if (s->fpu == FPU_SET || s->fpu == FPU_CTX)
		flags |= STUB_FPU_LOAD;
	else if (s->fpu == FPU_FRAME)
		flags |= STUB_FPU_FRAME;
	if (s->bases_dirty)
		flags |= STUB_SET_BASES;
	return flags;
}

static void put_registers(struct process_space *s)
{
	struct stub_ctx *c = s->ctx;

	s->regs.cs = USER_CS;
	s->regs.ss = USER_SS;
	c->regs = s->regs;
	c->fs_base = s->bases.fs;
	c->gs_base = s->bases.gs;
	if (s->fpu == FPU_FRAME)
		c->event.frame_fpu = STUB_CTX + s->frame_fpu;
}

/* -- from one program to the next -- */

/* The last program may have left its process in no state to serve another: it must empty itself
 * now, enter user code, where there is nothing, and come back from there, all of it soon. That it
 * is honest is not known by this, and need not be (process.h). */
static bool can_serve(struct process_space *s)
{
	struct stub_event ev;

	s->regs = (struct stub_regs){.rip = STUB_LOW_END, .rflags = 0x202};
	put_registers(s);
	s->ctx->kicked = 0;
	return !do_turn_within(s, PATIENCE_IDLE, STUB_RUN, &ev) && ev.kind == STUB_EV_SIGNAL &&
	       ev.signo == SIGSEGV && ev.addr == STUB_LOW_END;
}

static struct process_space *idle_take(struct process_runner *runner)
{
	struct process_vm *vm = runner->vm;
	struct process_space *s;

	while ((s = vm->idle)) {
		vm->idle = s->next;
		vm->nidle--;
		s->runner = runner;
		if (can_serve(s))
			return s;
		process_space_kill(s);
	}
	return NULL;
}

int process_space_create(struct process_runner *runner, struct process_space **out)
{
	struct process_space *s = idle_take(runner);
	int r;

	if (s) {
		*out = s;
		return 0;
	}
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->vm = runner->vm;
	s->runner = runner;
	s->bases_dirty = true;
	r = spawn(runner->vm, s);
	if (r) {
		free(s);
		return r;
	}
	*out = s;
	return 0;
}

static void take_registers(struct process_space *s)
{
	s->regs = *(volatile struct stub_regs *)&s->ctx->regs;
	s->bases.fs = s->ctx->fs_base;
	s->bases.gs = s->ctx->gs_base;
	s->bases_dirty = false;
}

static void take_signal(
	struct process_space *s, const struct stub_event *ev, struct process_exit *out)
{
	take_registers(s);
	note_frame(s, ev->frame_fpu);
	out->kind = ev->signo == STUB_KICK_SIGNAL ? PROCESS_KICK : PROCESS_SIGNAL;
	out->signo = ev->signo;
	out->code = ev->code;
	out->arch = ev->arch;
	out->trapno = ev->trapno;
	out->error = ev->error;
	out->addr = ev->addr;
}

static void take_event(
	struct process_space *s, const struct stub_event *ev, struct process_exit *out)
{
	switch (ev->kind) {
	case STUB_EV_CALL:
		take_registers(s);
		s->fpu = FPU_LIVE;
		out->kind = PROCESS_CALL;
		break;
	case STUB_EV_SIGNAL:
		take_signal(s, ev, out);
		break;
	case STUB_EV_EARLY:
		out->kind = PROCESS_NOT_RUN;
		s->bases_dirty = true;
		s->fpu = FPU_CTX;
		break;
	case STUB_EV_OP_FAILED:
		op_failed(s, ev, out);
		break;
	default:
		s->dead = true;
	}
	if (s->dead)
		out->kind = PROCESS_DIED;
}

static void run(struct process_space *s, struct process_exit *out)
{
	struct process_runner *r = s->runner;
	struct stub_event ev;

	if (s->dead || wait_started(s)) {
		out->kind = PROCESS_DIED;
		return;
	}
	put_registers(s);
	/* a kick either sees the space that runs, or is seen here: both sides have full barriers */
	atomic_store(&r->running, s->pidfd);
	if (atomic_exchange(&r->kicked, false))
		out->kind = PROCESS_NOT_RUN;
	else if (do_turn(s, run_flags(s), &ev))
		out->kind = PROCESS_DIED;
	else
		take_event(s, &ev, out);
	atomic_store(&r->running, -1);
	if (out->kind == PROCESS_KICK || out->kind == PROCESS_NOT_RUN)
		atomic_store(&r->kicked, false); /* this is the answer */
}

void process_run(struct process_space *s, struct process_exit *out)
{
	memset(out, 0, sizeof(*out));
	run(s, out);
	process_count_exit(s->runner, out->kind);
}

void process_kick(struct process_runner *r)
{
	int pidfd;

	if (atomic_exchange(&r->kicked, true))
		return; /* one is on its way */
	pidfd = atomic_load(&r->running);
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, STUB_KICK_SIGNAL, NULL, 0);
}
