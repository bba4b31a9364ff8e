/* SPDX-License-Identifier: Apache-2.0
 * The trap engine (trap.h): enters ring 3, takes exits apart. A processor is a vCPU, run by its own
 * thread; the kernel lock is dropped while it runs user code, and guards all else.
 *
 * Two ways in: straight, by setting the registers of a vCPU that is in ring 3 already (or is put
 * there with its segment registers), or through a stub's `iretq` from ring 0. Two ways out:
 * `syscall` to the stub at LSTAR, exceptions to the stubs of the IDT; both exit with `out`.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/task.h"
#include "home/host/host_internal.h"
#include "home/host/kick_timer.h"
#include "home/host/trap_internal.h"
#include "mm/mm.h"

/* The stack image that iretq takes: SDM vol. 3, 6.14.2. */
struct trap_frame {
	u64 rip, cs, rflags, rsp, ss;
};

static bool vector_has_error(u32 v)
{
	return v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 || v == 30;
}

/* -- registers -- */

static void gprs_from_task(struct vm_gprs *g, const struct user_regs *r)
{
	g->rax = r->rax;
	g->rbx = r->rbx;
	g->rcx = r->rcx;
	g->rdx = r->rdx;
	g->rsi = r->rsi;
	g->rdi = r->rdi;
	g->rbp = r->rbp;
	g->r8 = r->r8;
	g->r9 = r->r9;
	g->r10 = r->r10;
	g->r11 = r->r11;
	g->r12 = r->r12;
	g->r13 = r->r13;
	g->r14 = r->r14;
	g->r15 = r->r15;
}

static void gprs_to_task(struct user_regs *r, const struct vm_gprs *g)
{
	r->rax = g->rax;
	r->rbx = g->rbx;
	r->rcx = g->rcx;
	r->rdx = g->rdx;
	r->rsi = g->rsi;
	r->rdi = g->rdi;
	r->rbp = g->rbp;
	r->r8 = g->r8;
	r->r9 = g->r9;
	r->r10 = g->r10;
	r->r11 = g->r11;
	r->r12 = g->r12;
	r->r13 = g->r13;
	r->r14 = g->r14;
	r->r15 = g->r15;
	r->rip = g->rip;
	r->rsp = g->rsp;
	r->rflags = g->rflags;
	r->cs = USER_CS;
	r->ss = USER_SS;
}

static u64 user_rflags(u64 rflags)
{
	return (rflags & USER_RFLAGS_MASK) | 0x202; /* interrupts on, bit 1 is always set */
}

static struct trap_cpu *this_cpu(struct host_trap *e)
{
	return &e->cpu[plat_cpu()->id];
}

static u64 *stack_top(const struct trap_cpu *c)
{
	return (u64 *)(c->e->ram + c->stack + PAGE_SIZE);
}

void trap_set_sregs(struct trap_cpu *c)
{
	if (c->e->ops->vcpu_set_sregs(c->vcpu, &c->s))
		plat_panic("the vCPU refuses its registers");
}

void trap_to_ring0(struct trap_cpu *c)
{
	c->s.cs = TRAP_KERNEL_CS;
	c->s.ss = TRAP_KERNEL_SS;
}

/* -- FPU: stays in the vCPU until another task runs there, or its own on another -- */

/* The vCPU that holds t's state, or NULL. It does not run, or t would not be here. */
static struct trap_cpu *fpu_home(struct host_trap *e, const struct task *t)
{
	for (u32 i = 0; i < e->ncpus; i++)
		if (e->cpu[i].fpu_owner == t)
			return &e->cpu[i];
	return NULL;
}

static void fpu_save(struct trap_cpu *c)
{
	if (c->e->ops->vcpu_get_fpu(c->vcpu, c->fpu_owner->fpu, c->e->fpu_size))
		plat_panic("the vCPU's FPU state cannot be read");
}

static void trap_fpu_save(void *engine, struct task *t)
{
	struct trap_cpu *c = fpu_home(engine, t);

	if (c)
		fpu_save(c);
}

static void trap_fpu_load(void *engine, struct task *t)
{
	struct trap_cpu *c = fpu_home(engine, t);

	if (c)
		c->fpu_owner = NULL; /* what the vCPU holds is out of date: set it before it runs */
}

static void trap_fpu_drop(void *engine, struct task *t)
{
	trap_fpu_load(engine, t);
}

static void fpu_switch(struct trap_cpu *c, struct task *t)
{
	struct trap_cpu *other = c->fpu_owner == t ? NULL : fpu_home(c->e, t);

	if (c->fpu_owner == t)
		return;
	if (other) { /* t ran on another processor before */
		fpu_save(other);
		other->fpu_owner = NULL;
	}
	if (c->fpu_owner)
		fpu_save(c);
	if (c->e->ops->vcpu_set_fpu(c->vcpu, t->fpu, c->e->fpu_size)) {
		/* a state that the processor refuses: signal delivery checks it, so this is ours */
		plat_panic("the vCPU refuses the task's FPU state");
	}
	c->fpu_owner = t;
}

/* -- entry -- */

static void enter_by_stub(struct trap_cpu *c, struct task *t, struct vm_gprs *g)
{
	struct trap_frame *f = (struct trap_frame *)stack_top(c) - 1;

	*f = (struct trap_frame){
		t->regs.rip, USER_CS, user_rflags(t->regs.rflags), t->regs.rsp, USER_SS};
	g->rsp = TRAP_VA + c->stack + PAGE_SIZE - sizeof(*f);
	g->rflags = 2;
	g->rip = TRAP_VA + TRAP_PA_IRETQ;
	if (c->flush) {
		u64 *rax = (u64 *)f - 1;

		*rax = g->rax;
		g->rax = t->mm->pgd;
		g->rsp -= sizeof(*rax);
		g->rip = TRAP_VA + TRAP_PA_FLUSH;
	}
}

/* KVM's shadow follows what the guest writes: ring 0 writes the changed entries as they are. */
static void enter_by_sync(struct trap_cpu *c, struct task *t, struct vm_gprs *g, u32 n)
{
	u64 *sp = stack_top(c) - sizeof(struct trap_frame) / 8 - 3;

	enter_by_stub(c, t, g);
	sp[0] = g->rax;
	sp[1] = g->rcx;
	sp[2] = g->rsi;
	g->rcx = n;
	g->rsi = TRAP_VA + c->stack;
	g->rsp -= 3 * sizeof(u64);
	g->rip = TRAP_VA + TRAP_PA_SYNC;
}

static void enter_straight(struct task *t, struct vm_gprs *g)
{
	g->rip = t->regs.rip;
	g->rsp = t->regs.rsp;
	g->rflags = user_rflags(t->regs.rflags);
}

static void enter(struct trap_cpu *c, struct task *t)
{
	struct vm_gprs *g = c->e->ops->vcpu_gprs(c->vcpu);
	bool sregs =
		c->s.fs_base != t->fs_base || c->s.gs_base != t->gs_base || c->s.cr3 != t->mm->pgd;
	u32 nsync;

	gprs_from_task(g, &t->regs);
	fpu_switch(c, t);
	if (c->e->forget)
		shadow_forget(c->e);
	nsync = shadow_list(c);
	if (nsync) {
		sregs |= !c->ring0;
		trap_to_ring0(c);
		enter_by_sync(c, t, g, nsync);
	} else if (c->flush) {
		/* only ring 0 can reload CR3 so that nothing of the old translations is left */
		sregs |= !c->ring0;
		trap_to_ring0(c);
		enter_by_stub(c, t, g);
	} else if (sregs || !c->ring0) {
		c->s.cs = USER_CS;
		c->s.ss = USER_SS;
		enter_straight(t, g);
	} else {
		enter_by_stub(c, t, g);
	}
	if (sregs) {
		c->s.fs_base = t->fs_base;
		c->s.gs_base = t->gs_base;
		c->s.cr3 = t->mm->pgd;
		trap_set_sregs(c);
	}
	c->flush = false;
	c->e->ops->vcpu_gprs_dirty(c->vcpu);
}

/* -- exit -- */

static bool in_stubs(u64 rip)
{
	return rip >= TRAP_VA && rip < TRAP_VA + TRAP_PA_MAP_PD;
}

static bool at_lstar(u64 rip)
{
	/* before or after the `out`: backends differ in when they advance RIP */
	return rip == TRAP_VA + TRAP_PA_LSTAR || rip == TRAP_VA + TRAP_PA_LSTAR + 2;
}

static void take_syscall(struct trap_cpu *c, struct task *t, const struct vm_gprs *g)
{
	gprs_to_task(&t->regs, g);
	/* SYSCALL keeps RIP in RCX and RFLAGS in R11 (SDM vol. 2, SYSCALL) */
	t->regs.rip = g->rcx;
	t->regs.rflags = g->r11;
	t->trap = (struct trap){.kind = TRAP_SYSCALL};
	c->ring0 = c->e->syscall_ring0;
}

/* Of the program, in ring 3: an access to the port that is open to it. */
static void take_gp(struct trap_cpu *c, struct task *t, const struct vm_gprs *g)
{
	c->ring0 = false;
	gprs_to_task(&t->regs, g);
	t->trap = (struct trap){.kind = TRAP_FAULT, .vector = 13};
}

static u64 read_cr2(struct trap_cpu *c)
{
	struct vm_sregs s;

	if (c->e->ops->vcpu_get_sregs(c->vcpu, &s))
		plat_panic("the vCPU's registers cannot be read");
	return s.cr2;
}

/* A software KVM answers `int n` in ring 3 with #UD. The processor refuses it for the gate's DPL,
 * and names the gate (SDM vol. 2, INT n; vol. 3, 6.13); the two gates that let it pass, KVM does
 * too. */
static void make_refused_gate(struct task *t)
{
	u8 insn[2];

	if (copy_from_mm(t->mm, insn, t->regs.rip, sizeof(insn)) || insn[0] != 0xcd)
		return;
	t->trap.vector = 13;
	t->trap.error = insn[1] * 8u + 2;
}

static void take_exception(struct trap_cpu *c, struct task *t, struct vm_gprs *g, u32 vector)
{
	u64 words = sizeof(struct trap_frame) / 8 + vector_has_error(vector);
	const u64 *sp = stack_top(c) - words;
	u64 error = vector_has_error(vector) ? *sp++ : 0;
	const struct trap_frame *f = (const struct trap_frame *)sp;

	c->ring0 = true;
	if (at_lstar(f->rip)) { /* single step or a fault on the stub itself: it is the system call
				 */
		take_syscall(c, t, g);
		c->ring0 = true;
		t->regs.rsp = f->rsp;
		return;
	}
	if ((f->cs & 3) != 3)
		plat_panic("a stub of the trap engine faulted");
	gprs_to_task(&t->regs, g);
	t->regs.rip = f->rip;
	t->regs.rsp = f->rsp;
	t->regs.rflags = f->rflags;
	t->trap = (struct trap){
		.kind = TRAP_FAULT,
		.vector = vector,
		.error = error,
		.addr = vector == 14 ? read_cr2(c) : 0,
	};
	if (vector == 6 && c->e->shadow)
		make_refused_gate(t);
}

static void take_out(struct trap_cpu *c, struct task *t, struct vm_gprs *g, u32 port)
{
	if (port == TRAP_PORT_SYSCALL && at_lstar(g->rip))
		take_syscall(c, t, g);
	else if (port < TRAP_VECTORS && in_stubs(g->rip))
		take_exception(c, t, g, port);
	else
		take_gp(c, t, g);
}

/* A kick: true if t->trap is filled. */
static bool take_kick(struct trap_cpu *c, struct task *t, const struct vm_gprs *g)
{
	u64 rip = g->rip;
	bool entering = rip >= TRAP_VA + TRAP_PA_IRETQ && rip < TRAP_VA + TRAP_PA_LSTAR;

	if (in_stubs(rip) && !entering) {
		/* a trap is on its way out: take it first, the kick after it */
		c->kick_pending = true;
		return false;
	}
	if (entering) {
		c->flush |= rip >= TRAP_VA + TRAP_PA_FLUSH && rip < TRAP_VA + TRAP_PA_SYNC;
		c->ring0 = true; /* the program has not run: t->regs is right as it is */
	} else {
		gprs_to_task(&t->regs, g);
		c->ring0 = false;
		shadow_synced(c);
	}
	t->trap = (struct trap){.kind = TRAP_KICK};
	return true;
}

/* true when t->trap is filled. */
static bool take_exit(struct trap_cpu *c, struct task *t, const struct vm_exit *x)
{
	struct vm_gprs *g = c->e->ops->vcpu_gprs(c->vcpu);

	switch (x->reason) {
	case VM_EXIT_IO_OUT:
		shadow_synced(c);
		take_out(c, t, g, x->io.port);
		return true;
	case VM_EXIT_IO_IN: /* only the program: no stub reads a port */
		shadow_synced(c);
		take_gp(c, t, g);
		return true;
	case VM_EXIT_INTR:
		return take_kick(c, t, g);
	case VM_EXIT_MEMORY:
		shadow_synced(c);
		gprs_to_task(&t->regs, g);
		c->ring0 = false;
		t->trap = (struct trap){.kind = TRAP_BUS};
		return true;
	case VM_EXIT_IRQ_WINDOW:
		return false;
	default:
		plat_panic(vm_exit_name(x->reason));
	}
}

static void trap_run(void *engine, struct task *t)
{
	struct host_trap *e = engine;
	struct trap_cpu *c = this_cpu(e);
	struct vm_exit x;
	int r;

	if (c->kick_pending || plat_events_pending()) {
		c->kick_pending = false;
		t->trap = (struct trap){.kind = TRAP_KICK};
		return;
	}
	if (t->regs.rip >= USER_VA_END) { /* iretq would fault in ring 0 */
		t->trap = (struct trap){.kind = TRAP_FAULT, .vector = 13};
		return;
	}
	enter(c, t);
	do {
		host_user_begin(t->mm);
		r = e->ops->vcpu_run(c->vcpu, &x);
		host_user_end();
		if (r)
			plat_panic("the vCPU cannot run");
	} while (!take_exit(c, t, &x));
}

/* -- what the processors know of address spaces -- */

/* A processor that has mm loaded takes a new CR3 before it runs user code again; one that runs some
 * comes back for it. */
static void flush_loaded(struct host_trap *e, const struct mm *mm)
{
	u64 kicked = 0;

	for (u32 i = 0; i < e->ncpus; i++) {
		e->cpu[i].flush |= e->cpu[i].s.cr3 == mm->pgd;
		if (!host_user_runs(i, mm))
			continue;
		e->ops->vcpu_kick(e->cpu[i].vcpu);
		kicked |= 1ull << i;
	}
	for (; kicked; kicked &= kicked - 1)
		host_user_wait((u32)__builtin_ctzll(kicked));
}

/* Does user code of mm (NULL: any) run now? */
static bool anybody_runs(const struct host_trap *e, const struct mm *mm)
{
	for (u32 i = 0; i < e->ncpus; i++)
		if (host_user_runs(i, mm))
			return true;
	return false;
}

static void trap_tlb_flush(void *engine, struct mm *mm, u64 va, u64 npages)
{
	struct host_trap *e = engine;

	if (!e->shadow) {
		flush_loaded(e, mm);
		return;
	}
	shadow_changed(e, mm, va, npages);
	if (anybody_runs(e, mm))
		shadow_sync_now(this_cpu(e), mm);
}

static void trap_tables_freed(void *engine, struct mm *mm)
{
	struct host_trap *e = engine;

	if (!e->shadow)
		flush_loaded(e, mm);
	else if (anybody_runs(e, NULL)) /* the frames may be any address space's next */
		shadow_forget(e);
	else
		e->forget = true; /* used again as tables they would show what they held */
}

static void trap_pgd_init_op(void *engine, u64 *pgd)
{
	(void)engine;
	trap_pgd_init(pgd);
}

static void trap_mm_gone(void *engine, struct mm *mm)
{
	struct host_trap *e = engine;

	trap_tables_freed(engine, mm);
	for (u32 i = 0; i < e->ncpus; i++)
		if (e->cpu[i].s.cr3 == mm->pgd)
			e->cpu[i].s.cr3 = 0; /* its frame may be another root: load it anew */
}

/* -- the rest of the seam -- */

static void trap_set_kick(void *engine, u64 when_ns)
{
	kick_timer_set(&this_cpu(engine)->timer, when_ns);
}

static void kick_cpu(struct trap_cpu *c)
{
	c->e->ops->vcpu_kick(c->vcpu);
}

static void trap_kick(void *engine, u32 cpu)
{
	struct host_trap *e = engine;

	kick_cpu(&e->cpu[cpu]);
}

static void on_kick_timer(void *cpu)
{
	kick_cpu(cpu);
}

static int trap_cpu_begin(void *engine, u32 cpu)
{
	struct host_trap *e = engine;

	return kick_timer_make(&e->cpu[cpu].timer, on_kick_timer, &e->cpu[cpu]);
}

const struct host_engine_ops host_trap_ops = {
	.name = "trap",
	.cpu_begin = trap_cpu_begin,
	.run = trap_run,
	.tlb_flush = trap_tlb_flush,
	.tables_freed = trap_tables_freed,
	.pgd_init = trap_pgd_init_op,
	.mm_gone = trap_mm_gone,
	.fpu_save = trap_fpu_save,
	.fpu_load = trap_fpu_load,
	.fpu_drop = trap_fpu_drop,
	.set_kick = trap_set_kick,
	.kick = trap_kick,
};

/* -- making one -- */

static int set_registers(struct trap_cpu *c)
{
	const u64 star = (u64)TRAP_KERNEL_CS << 32 | 0x23ull << 48;
	const struct vm_ops *ops = c->e->ops;
	int r;

	c->s = (struct vm_sregs){
		.cr0 = 0x80050033,			    /* PG AM WP NE ET MP PE */
		.cr4 = 0x620 | (c->e->xsave ? 0x40000 : 0), /* PAE OSFXSR OSXMMEXCPT, OSXSAVE */
		.efer = 0xd01,				    /* NXE LMA LME SCE */
		.cr3 = 0,
		.gdt_base = TRAP_VA + TRAP_PA_GDT,
		.gdt_limit = (uint16_t)(TRAP_TSS_SEL + 16 * c->e->ncpus - 1),
		.idt_base = TRAP_VA + TRAP_PA_IDT,
		.idt_limit = TRAP_VECTORS * 16 - 1,
		.tss_base = TRAP_VA + TRAP_PA_TSS + c->id * TRAP_TSS_SIZE,
		.tss_limit = (uint16_t)trap_tss_limit(c->id),
		.cs = TRAP_KERNEL_CS,
		.ss = TRAP_KERNEL_SS,
		.tr = (uint16_t)(TRAP_TSS_SEL + 16 * c->id),
	};
	r = ops->vcpu_set_sregs(c->vcpu, &c->s);
	if (!r)
		r = ops->vcpu_set_msr(c->vcpu, 0xc0000081, star);
	if (!r)
		r = ops->vcpu_set_msr(c->vcpu, 0xc0000082, TRAP_VA + TRAP_PA_LSTAR);
	if (!r) /* SFMASK as Linux: TF IF DF IOPL NT AC */
		r = ops->vcpu_set_msr(c->vcpu, 0xc0000084, 0x47700);
	return r;
}

int host_trap_create(struct host_trap **out, const struct vm_ops *ops, struct vm *vm,
	struct vcpu *const *vcpus, u32 ncpus, const struct vm_caps *caps, u8 *ram, u64 ram_size)
{
	struct host_trap *e = calloc(1, sizeof(*e) + ncpus * sizeof(e->cpu[0]));
	int r = 0;

	if (!e)
		return -ENOMEM;
	e->ops = ops;
	e->vm = vm;
	e->shadow = !caps->hardware;
	e->ram = ram;
	e->syscall_ring0 = caps->syscall_ring0;
	e->xsave = caps->xsave;
	e->fpu_size = caps->xsave_size;
	e->ncpus = ncpus;
	trap_stubs_write(ram, ram_size, ncpus, caps->syscall_ring0);
	for (u32 i = 0; i < ncpus && !r; i++) {
		struct trap_cpu *c = &e->cpu[i];

		*c = (struct trap_cpu){.e = e,
			.id = i,
			.vcpu = vcpus[i],
			.stack = trap_stack(ram_size, i),
			.ring0 = true};
		r = set_registers(c);
	}
	if (r) {
		host_trap_destroy(e);
		return r;
	}
	*out = e;
	return 0;
}

void host_trap_destroy(struct host_trap *e)
{
	for (u32 i = 0; i < e->ncpus; i++)
		kick_timer_stop(&e->cpu[i].timer);
	free(e);
}

void host_trap_kick(struct host_trap *e)
{
	for (u32 i = 0; i < e->ncpus; i++) {
		if (e->copied)
			kick_timer_now(&e->cpu[i].nudge);
		else
			kick_cpu(&e->cpu[i]);
	}
}

/* -- copies -- */

void host_trap_park(struct host_trap *e)
{
	for (u32 i = 0; i < e->ncpus; i++) {
		if (e->cpu[i].fpu_owner)
			fpu_save(&e->cpu[i]);
		e->cpu[i].fpu_owner = NULL;
	}
}

static int cpu_copied(struct trap_cpu *c)
{
	int r = kick_timer_make(&c->timer, on_kick_timer, c);

	if (!r)
		r = kick_timer_make(&c->nudge, on_kick_timer, c);
	c->ring0 = true;
	c->flush = false;
	return r ? r : set_registers(c);
}

int host_trap_copied(struct host_trap *e)
{
	int r = 0;

	e->copied = true;
	e->forget = false; /* a new VM has no shadow yet */
	e->synced = e->changed;
	for (u32 i = 0; i < e->ncpus && !r; i++)
		r = cpu_copied(&e->cpu[i]);
	return r;
}
