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
#define AT_ONCE_MAX	  4096u /* pages: some thousand operations cost as much as a hundred faults */
#define PF_ERR_WRITE	  0x2u
#define PF_ERR_FETCH_USER 0x14u

/* -- spaces -- */

static void space_free(struct host_space *s)
{
	if (!s)
		return;
	if (s->space)
		process_space_destroy(s->space);
	mirror_clear(&s->mirror);
	free(s);
}

static void mm_free(struct host_process *e, struct host_mm *m)
{
	for (u32 i = 0; i < e->ncpus; i++)
		space_free(m->on[i]);
	free(m->patches.table);
	list_del(&m->link);
	free(m);
}

static struct host_mm *mm_get_own(struct host_process *e, struct mm *mm)
{
	struct host_mm *m = host_mm(mm);

	if (m)
		return m;
	m = calloc(1, sizeof(*m) + e->ncpus * sizeof(m->on[0]));
	if (!m)
		return NULL;
	list_add(&e->mms, &m->link);
	mm->home_private[0] = (u64)m;
	return m;
}

/* What other processors have brought in, or the process that this is a copy of, comes at once,
 * where it is not too much. */
static struct host_space *space_new(const struct host_process *e, struct mm *mm)
{
	struct host_space *s = calloc(1, sizeof(*s));

	if (s && (kern->ncpus > 1 || e->parked) && mm->rss_pages <= AT_ONCE_MAX)
		space_stale(s, kern->user_va_start, kern->user_va_end);
	return s;
}

/* The space of mm on this processor; NULL if there can be none. */
static struct host_space *space_get(struct host_process *e, struct mm *mm)
{
	u32 cpu = plat_cpu()->id;
	struct host_mm *m = mm_get_own(e, mm);
	struct host_space *s;

	if (!m)
		return NULL;
	if (!m->on[cpu])
		m->on[cpu] = space_new(e, mm);
	s = m->on[cpu];
	if (!s || s->space)
		return s;
	if (process_space_create(e->cpu[cpu].runner, &s->space)) {
		s->space = NULL;
		return NULL;
	}
	patch_restore(&m->patches, s);
	return s;
}

static int process_mm_forked(void *engine, struct mm *mm, struct mm *old)
{
	const struct host_mm *from = host_mm(old);
	struct host_mm *m = from ? mm_get_own(engine, mm) : NULL;

	if (!from)
		return 0;
	return m ? patch_copy(&m->patches, &from->patches) : -ENOMEM;
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
	struct host_mm *m = host_mm(mm);

	mm->home_private[0] = 0;
	if (m)
		mm_free(engine, m);
}

/* -- what is mapped has changed -- */

static void process_tlb_added(void *engine, struct mm *mm, u64 va, u64 npages)
{
	struct host_process *e = engine;
	struct host_mm *m = host_mm(mm);

	for (u32 i = 0; m && i < e->ncpus; i++)
		if (m->on[i])
			space_stale(m->on[i], va, va + npages * PAGE_SIZE);
	if (m)
		patch_changed(e, mm, va, va + npages * PAGE_SIZE);
}

/* What a processor has not mapped it cannot use, so it goes on. */
void process_shoot_down(struct host_process *e, struct mm *mm, u64 lo, u64 hi)
{
	struct host_mm *m = host_mm(mm);
	u64 kicked = 0;

	for (u32 i = 0; m && i < e->ncpus; i++) {
		if (!m->on[i] || !host_user_runs(i, mm) || !mirror_any(&m->on[i]->mirror, lo, hi))
			continue;
		process_kick(e->cpu[i].runner);
		kicked |= 1ull << i;
	}
	for (; kicked; kicked &= kicked - 1)
		host_user_wait((u32)__builtin_ctzll(kicked));
}

static void process_code_restore(void *engine, struct mm *mm, u64 va, u64 len)
{
	if (host_mm(mm))
		patch_restore_text(engine, mm, va, va + len);
}

static void process_tlb_flush(void *engine, struct mm *mm, u64 va, u64 npages)
{
	process_tlb_added(engine, mm, va, npages);
	process_shoot_down(engine, mm, va, va + npages * PAGE_SIZE);
}

/* -- FPU: stays in the space until another task of it runs -- */

/* Where t's state is: nowhere, or in a space whose process does not run, or t would not be here. */
static struct host_space *fpu_home(struct host_process *e, struct task *t)
{
	struct host_mm *m = t->mm ? host_mm(t->mm) : NULL;

	for (u32 i = 0; m && i < e->ncpus; i++)
		if (m->on[i] && m->on[i]->fpu_owner == t)
			return m->on[i];
	return NULL;
}

static void process_fpu_save(void *engine, struct task *t)
{
	struct host_space *s = fpu_home(engine, t);

	if (s)
		process_fpu_get(s->space, t->fpu);
}

/* Not only in t's own spaces: a child of vfork has been in its parent's. */
static void process_fpu_forget(void *engine, struct task *t)
{
	struct host_process *e = engine;

	list_for_each(l, &e->mms)
	{
		struct host_mm *m = list_entry(l, struct host_mm, link);

		for (u32 i = 0; i < e->ncpus; i++)
			if (m->on[i] && m->on[i]->fpu_owner == t)
				m->on[i]->fpu_owner = NULL;
	}
}

static void fpu_switch(struct host_process *e, struct host_space *s, struct task *t)
{
	struct host_space *other = s->fpu_owner == t ? NULL : fpu_home(e, t);

	if (s->fpu_owner == t)
		return;
	if (other) { /* t ran on another processor before */
		process_fpu_get(other->space, t->fpu);
		other->fpu_owner = NULL;
	}
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
	t->regs.rip = patch_leave(t->mm, t->regs.rip);
	t->regs.orig_rax = orig_rax;
	t->regs.cs = USER_CS;
	t->regs.ss = USER_SS;
	t->fs_base = b.fs;
	t->gs_base = b.gs;
}

static void take_call(struct host_process *e, struct task *t, const struct process_exit *x)
{
	if (t->regs.rip >= USER_VA_END) /* the vsyscall page, which is not there in a VM */
		fault(t, VEC_PF, PF_ERR_FETCH_USER, t->regs.rip);
	else if (x->arch != AUDIT_ARCH_X86_64) { /* `int 0x80`: #GP(vector * 8 + 2) in a VM */
		t->regs.rip -= 2;
		fault(t, VEC_GP, 0x80 * 8 + 2, 0);
	} else {
		t->trap = (struct trap){.kind = TRAP_SYSCALL};
		patch_count(e, t);
	}
}

static enum patch_signal from_patch(struct task *t, int signo)
{
	if (signo == SIGILL)
		return patch_take_jump(t);
	return signo == SIGTRAP ? patch_take_step(t) : PATCH_NONE;
}

/* false: user code just goes on. */
static bool take_signal(struct host_process *e, struct task *t, const struct process_exit *x)
{
	enum patch_signal patch = from_patch(t, x->signo);

	if (patch == PATCH_MEND)
		return false;
	if (patch == PATCH_CALL)
		t->trap = (struct trap){.kind = TRAP_SYSCALL};
	else if (x->signo == SIGSYS)
		take_call(e, t, x);
	else if (x->signo == SIGBUS && x->trapno == VEC_PF)
		t->trap = (struct trap){.kind = TRAP_BUS, .addr = x->addr};
	else if (x->trapno == VEC_PF) {
		if (x->error & PF_ERR_WRITE)
			copy_frozen_around(e, t, x->addr);
		fault(t, VEC_PF, x->error, x->addr);
	} else
		fault(t, (u32)min_u64(x->trapno, 31), x->error, 0);
	return true;
}

/* An operation failed and with it all that came after: begin anew with nothing mapped. What cannot
 * be mapped even so cannot be had. */
static bool take_failure(struct host_space *s, struct task *t, const struct process_exit *x)
{
	/* too many mappings (vm.max_map_count); or another processor has just taken the file away,
	 * to give it back with more rights */
	bool again = ((s64)x->error == -ENOMEM || (s64)x->error == -EBADF) && !s->retried;

	s->retried = true;
	space_reset(s);
	if (!again)
		t->trap = (struct trap){.kind = TRAP_BUS, .addr = x->op.addr};
	return !again;
}

/* true when t->trap is filled. */
static bool take_exit(
	struct host_process *e, struct host_space *s, struct task *t, const struct process_exit *x)
{
	switch (x->kind) {
	case PROCESS_CALL:
		take_registers(s, t);
		t->trap = (struct trap){.kind = TRAP_SYSCALL};
		return true;
	case PROCESS_SIGNAL:
		take_registers(s, t);
		return take_signal(e, t, x);
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

static void enter(struct host_process *e, struct host_space *s, struct task *t)
{
	struct stub_regs *g = process_regs(s->space);

	memcpy(g, &t->regs, sizeof(*g));
	g->rip = patch_enter(t->mm, t->regs.rip);
	g->rflags = (t->regs.rflags & USER_RFLAGS_MASK) | 0x202;
	process_bases_set(s->space, (struct process_bases){t->fs_base, t->gs_base});
	fpu_switch(e, s, t);
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
		enter(e, s, t);
		host_user_begin(t->mm);
		process_run(s->space, &x);
		host_user_end();
	} while (!take_exit(e, s, t, &x));
	s->retried = false;
}

/* -- the rest of the seam -- */

static void process_set_kick(void *engine, u64 when_ns)
{
	struct host_process *e = engine;

	kick_timer_set(&e->cpu[plat_cpu()->id].timer, when_ns);
}

static void process_kick_cpu(void *engine, u32 cpu)
{
	struct host_process *e = engine;

	process_kick(e->cpu[cpu].runner);
}

static void on_kick_timer(void *runner)
{
	process_kick(runner);
}

static int process_cpu_begin(void *engine, u32 cpu)
{
	struct host_process *e = engine;

	return kick_timer_make(&e->cpu[cpu].timer, on_kick_timer, e->cpu[cpu].runner);
}

const struct host_engine_ops host_process_ops = {
	.name = "process",
	.cpu_begin = process_cpu_begin,
	.run = process_run_task,
	.tlb_flush = process_tlb_flush,
	.tlb_added = process_tlb_added,
	.mm_forked = process_mm_forked,
	.code_restore = process_code_restore,
	.mm_gone = process_mm_gone,
	.fpu_save = process_fpu_save,
	.fpu_load = process_fpu_forget,
	.fpu_drop = process_fpu_forget,
	.set_kick = process_set_kick,
	.kick = process_kick_cpu,
};

int host_process_create(
	struct host_process **out, struct process_vm *vm, u64 shared_start, u32 ncpus)
{
	struct host_process *e = ncpus <= CPUS_MAX ? calloc(1, sizeof(*e)) : NULL;
	int r = 0;

	if (!e)
		return -ENOMEM;
	e->vm = vm;
	e->shared_start = shared_start;
	e->ncpus = ncpus;
	list_init(&e->mms);
	for (u32 i = 0; i < ncpus && !r; i++)
		r = process_runner_create(vm, &e->cpu[i].runner);
	if (r) {
		free(e);
		return r;
	}
	*out = e;
	return 0;
}

static void space_park(struct host_mm *m, u32 cpu)
{
	struct host_space *s = m->on[cpu];

	if (s && s->fpu_owner && s->space)
		process_fpu_get(s->space, s->fpu_owner->fpu);
	space_free(s);
	m->on[cpu] = NULL;
}

void host_process_park(struct host_process *e)
{
	list_for_each(l, &e->mms)
	{
		for (u32 i = 0; i < e->ncpus; i++)
			space_park(list_entry(l, struct host_mm, link), i);
	}
	e->parked = true;
	process_vm_empty(e->vm);
}

/* Address spaces that live on when the sandbox ends go here. */
void host_process_destroy(struct host_process *e)
{
	for (u32 i = 0; i < e->ncpus; i++)
		kick_timer_stop(&e->cpu[i].timer);
	while (!list_empty(&e->mms))
		mm_free(e, list_entry(e->mms.next, struct host_mm, link));
	free(e->window);
	free(e->frozen);
	free(e);
}

void host_process_kick(struct host_process *e)
{
	for (u32 i = 0; i < e->ncpus; i++)
		process_kick(e->cpu[i].runner);
}
