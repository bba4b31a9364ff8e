/* SPDX-License-Identifier: Apache-2.0
 * The process engine (process.h): spaces come and go with the core's address spaces, tasks enter
 * them, and the signals that stop a trapped process become traps.
 */
#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "home/host/process_internal.h"

_Static_assert(sizeof(struct stub_regs) == sizeof(struct user_regs) &&
		       offsetof(struct stub_regs, rip) == offsetof(struct user_regs, rip) &&
		       offsetof(struct stub_regs, rdi) == offsetof(struct user_regs, rdi),
	"registers are copied as they are");

enum { VEC_GP = 13, VEC_PF = 14 };
#define PF_ERR_FETCH_USER 0x14u

/* -- spaces -- */

static struct host_space *space_of(struct mm *mm)
{
	return (struct host_space *)mm->home_private[0];
}

static void space_free(struct host_space *s)
{
	if (s->space)
		process_space_destroy(s->space);
	mirror_clear(&s->mirror);
	free(s->patches.list);
	list_del(&s->link);
	free(s);
}

static struct host_space *space_new(struct host_process *e, struct mm *mm)
{
	struct host_space *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	list_add(&e->spaces, &s->link);
	mm->home_private[0] = (u64)s;
	return s;
}

/* The space of mm; NULL if there can be none. */
static struct host_space *space_get(struct host_process *e, struct mm *mm)
{
	struct host_space *s = space_of(mm);

	if (!s)
		s = space_new(e, mm);
	if (!s || s->space)
		return s;
	if (process_space_create(e->vm, &s->space)) {
		s->space = NULL;
		return NULL;
	}
	patch_restore(s);
	return s;
}

static int process_mm_forked(void *engine, struct mm *mm, struct mm *old)
{
	const struct host_space *from = space_of(old);
	struct host_space *s = from ? space_new(engine, mm) : NULL;

	if (!from)
		return 0;
	return s ? patch_copy(s, from) : -ENOMEM;
}

/* The process is gone: the program killed it. Another takes its place, with nothing mapped. */
static void space_lost(struct host_space *s)
{
	process_space_destroy(s->space);
	s->space = NULL;
	s->fpu_owner = NULL;
	s->nstale = 0;
	mirror_clear(&s->mirror);
}

static void process_mm_gone(void *engine, struct mm *mm)
{
	struct host_space *s = space_of(mm);

	(void)engine;
	mm->home_private[0] = 0;
	if (s)
		space_free(s);
}

static void process_tlb_changed(void *engine, struct mm *mm, u64 va, u64 npages)
{
	struct host_space *s = space_of(mm);

	(void)engine;
	if (s)
		space_stale(s, va, va + npages * PAGE_SIZE);
}

/* -- FPU: stays in the space until another task of it runs -- */

static void process_fpu_save(void *engine, struct task *t)
{
	struct host_space *s = t->mm ? space_of(t->mm) : NULL;

	(void)engine;
	if (s && s->fpu_owner == t)
		process_fpu_get(s->space, t->fpu);
}

/* Not only in t's own space: a child of vfork has been in its parent's. */
static void process_fpu_forget(void *engine, struct task *t)
{
	struct host_process *e = engine;

	list_for_each(l, &e->spaces)
	{
		struct host_space *s = list_entry(l, struct host_space, link);

		if (s->fpu_owner == t)
			s->fpu_owner = NULL;
	}
}

static void fpu_switch(struct host_space *s, struct task *t)
{
	if (s->fpu_owner == t)
		return;
	if (s->fpu_owner)
		process_fpu_get(s->space, s->fpu_owner->fpu);
	process_fpu_set(s->space, t->fpu);
	s->fpu_owner = t;
}

/* -- traps -- */

static void fault(struct task *t, u32 vector, u64 error, u64 addr)
{
	t->trap = (struct trap){.kind = TRAP_FAULT, .vector = vector, .error = error, .addr = addr};
}

static void take_registers(struct host_space *s, struct task *t)
{
	struct process_bases b = process_bases_get(s->space);
	u64 orig_rax = t->regs.orig_rax;

	memcpy(&t->regs, process_regs(s->space), sizeof(t->regs));
	t->regs.orig_rax = orig_rax;
	t->regs.cs = USER_CS;
	t->regs.ss = USER_SS;
	t->fs_base = b.fs;
	t->gs_base = b.gs;
}

static void take_call(struct host_space *s, struct task *t, const struct process_exit *x)
{
	if (t->regs.rip >= USER_VA_END) /* the vsyscall page, which is not there in a VM */
		fault(t, VEC_PF, PF_ERR_FETCH_USER, t->regs.rip);
	else if (x->arch != AUDIT_ARCH_X86_64) { /* `int 0x80`: #GP(vector * 8 + 2) in a VM */
		t->regs.rip -= 2;
		fault(t, VEC_GP, 0x80 * 8 + 2, 0);
	} else {
		t->trap = (struct trap){.kind = TRAP_SYSCALL};
		patch_count(s, t);
	}
}

static void take_signal(struct host_space *s, struct task *t, const struct process_exit *x)
{
	bool patched = (x->signo == SIGILL && patch_take_jump(s, t)) ||
		       (x->signo == SIGTRAP && patch_take_step(s, t));

	if (patched)
		t->trap = (struct trap){.kind = TRAP_SYSCALL};
	else if (x->signo == SIGSYS)
		take_call(s, t, x);
	else if (x->signo == SIGBUS && x->trapno == VEC_PF)
		t->trap = (struct trap){.kind = TRAP_BUS, .addr = x->addr};
	else if (x->trapno == VEC_PF)
		fault(t, VEC_PF, x->error, x->addr);
	else
		fault(t, (u32)min_u64(x->trapno, 31), x->error, 0);
}

/* An operation failed and with it all that came after: begin anew with nothing mapped. What cannot
 * be mapped even so cannot be had. */
static bool take_failure(struct host_space *s, struct task *t, const struct process_exit *x)
{
	/* too many mappings (vm.max_map_count) */
	bool again = (s64)x->error == -ENOMEM && !s->retried;

	s->retried = true;
	space_reset(s);
	if (!again)
		t->trap = (struct trap){.kind = TRAP_BUS, .addr = x->op.addr};
	return !again;
}

/* true when t->trap is filled. */
static bool take_exit(struct host_space *s, struct task *t, const struct process_exit *x)
{
	switch (x->kind) {
	case PROCESS_CALL:
		take_registers(s, t);
		t->trap = (struct trap){.kind = TRAP_SYSCALL};
		return true;
	case PROCESS_SIGNAL:
		take_registers(s, t);
		take_signal(s, t, x);
		return true;
	case PROCESS_KICK:
		take_registers(s, t);
		t->trap = (struct trap){.kind = TRAP_KICK};
		return true;
	case PROCESS_NOT_RUN:
		t->trap = (struct trap){.kind = TRAP_KICK};
		return true;
	case PROCESS_OP_FAILED:
		return take_failure(s, t, x);
	default:
		space_lost(s);
		fault(t, VEC_GP, 0, 0);
		return true;
	}
}

static void enter(struct host_space *s, struct task *t)
{
	struct stub_regs *g = process_regs(s->space);

	memcpy(g, &t->regs, sizeof(*g));
	g->rflags = (t->regs.rflags & USER_RFLAGS_MASK) | 0x202;
	process_bases_set(s->space, (struct process_bases){t->fs_base, t->gs_base});
	fpu_switch(s, t);
}

static void process_run_task(void *engine, struct task *t)
{
	struct host_process *e = engine;
	struct process_exit x;
	struct host_space *s;

	do {
		if (plat_events_pending()) {
			t->trap = (struct trap){.kind = TRAP_KICK};
			return;
		}
		s = t->regs.rip < kern->user_va_end ? space_get(e, t->mm) : NULL;
		if (!s) {
			fault(t, VEC_GP, 0, 0);
			return;
		}
		if (space_sync(e, s, t->mm))
			space_reset(s);
		enter(s, t);
		process_run(s->space, &x);
	} while (!take_exit(s, t, &x));
	s->retried = false;
}

/* -- the rest of the seam -- */

static void process_set_kick(void *engine, u64 when_ns)
{
	struct host_process *e = engine;

	kick_timer_set(&e->timer, when_ns);
}

const struct host_engine_ops host_process_ops = {
	.name = "process",
	.run = process_run_task,
	.tlb_flush = process_tlb_changed,
	.tlb_added = process_tlb_changed,
	.mm_forked = process_mm_forked,
	.mm_gone = process_mm_gone,
	.fpu_save = process_fpu_save,
	.fpu_load = process_fpu_forget,
	.fpu_drop = process_fpu_forget,
	.set_kick = process_set_kick,
};

static void on_kick_timer(void *engine)
{
	host_process_kick(engine);
}

int host_process_create(struct host_process **out, struct process_vm *vm, u64 shared_start)
{
	struct host_process *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->vm = vm;
	e->shared_start = shared_start;
	list_init(&e->spaces);
	r = kick_timer_make(&e->timer, on_kick_timer, e);
	if (r) {
		free(e);
		return r;
	}
	*out = e;
	return 0;
}

/* Address spaces that live on when the sandbox ends go here. */
void host_process_destroy(struct host_process *e)
{
	kick_timer_delete(&e->timer);
	while (!list_empty(&e->spaces))
		space_free(list_entry(e->spaces.next, struct host_space, link));
	free(e->window);
	free(e);
}

void host_process_kick(struct host_process *e)
{
	process_kick(e->vm);
}
