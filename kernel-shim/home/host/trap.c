/* SPDX-License-Identifier: Apache-2.0
 * The trap engine (trap.h): enters ring 3, takes exits apart.
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

struct host_trap {
	const struct vm_ops *ops;
	struct vm *vm;
	struct vcpu *vcpu;
	u8 *ram;
	bool syscall_ring0;
	bool ring0;  /* the vCPU is in ring 0 */
	bool shadow; /* KVM shadows our page tables and sees only ring 0's writes to them */
	bool forget; /* shadow: too much changed to name */
	u32 nsync;   /* shadow: entries in sync[] that ring 0 must write before user code runs */
	u64 sync[TRAP_SYNC_MAX]; /* their addresses in the guest */
	bool flush;		 /* the loaded address space lost entries */
	bool kick_pending;	 /* a kick came together with a trap */
	struct vm_sregs s;	 /* as last set */
	struct task *fpu_owner;	 /* whose state the vCPU holds */
	size_t fpu_size;
	struct kick_timer timer;
};

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

/* -- FPU: stays in the vCPU until another task runs -- */

static void trap_fpu_save(void *engine, struct task *t)
{
	struct host_trap *e = engine;

	if (e->fpu_owner == t && e->ops->vcpu_get_fpu(e->vcpu, t->fpu, e->fpu_size))
		plat_panic("the vCPU's FPU state cannot be read");
}

static void trap_fpu_load(void *engine, struct task *t)
{
	struct host_trap *e = engine;

	if (e->fpu_owner == t)
		e->fpu_owner = NULL; /* what the vCPU holds is out of date: set it before it runs */
}

static void trap_fpu_drop(void *engine, struct task *t)
{
	trap_fpu_load(engine, t);
}

static void fpu_switch(struct host_trap *e, struct task *t)
{
	if (e->fpu_owner == t)
		return;
	if (e->fpu_owner)
		trap_fpu_save(e, e->fpu_owner);
	if (e->ops->vcpu_set_fpu(e->vcpu, t->fpu, e->fpu_size)) {
		/* a state that the processor refuses: signal delivery checks it, so this is ours */
		plat_panic("the vCPU refuses the task's FPU state");
	}
	e->fpu_owner = t;
}

/* -- entry -- */

static void enter_by_stub(struct host_trap *e, struct task *t, struct vm_gprs *g)
{
	struct trap_frame *f = (struct trap_frame *)(e->ram + TRAP_PA_STACK_TOP) - 1;

	*f = (struct trap_frame){
		t->regs.rip, USER_CS, user_rflags(t->regs.rflags), t->regs.rsp, USER_SS};
	g->rsp = TRAP_VA + TRAP_PA_STACK_TOP - sizeof(*f);
	g->rflags = 2;
	g->rip = TRAP_VA + TRAP_PA_IRETQ;
	if (e->flush) {
		u64 *rax = (u64 *)f - 1;

		*rax = g->rax;
		g->rax = t->mm->pgd;
		g->rsp -= sizeof(*rax);
		g->rip = TRAP_VA + TRAP_PA_FLUSH;
	}
}

/* KVM's shadow follows what the guest writes: ring 0 writes the changed entries as they are. */
static void enter_by_sync(struct host_trap *e, struct task *t, struct vm_gprs *g)
{
	u64 *sp;

	enter_by_stub(e, t, g);
	memcpy(e->ram + TRAP_PA_SYNC_LIST, e->sync, e->nsync * sizeof(e->sync[0]));
	sp = (u64 *)(e->ram + TRAP_PA_STACK_TOP - sizeof(struct trap_frame)) - 3;
	sp[0] = g->rax;
	sp[1] = g->rcx;
	sp[2] = g->rsi;
	g->rcx = e->nsync;
	g->rsi = TRAP_VA + TRAP_PA_SYNC_LIST;
	g->rsp -= 3 * sizeof(u64);
	g->rip = TRAP_VA + TRAP_PA_SYNC;
}

static void enter_straight(struct task *t, struct vm_gprs *g)
{
	g->rip = t->regs.rip;
	g->rsp = t->regs.rsp;
	g->rflags = user_rflags(t->regs.rflags);
}

static void enter(struct host_trap *e, struct task *t)
{
	struct vm_gprs *g = e->ops->vcpu_gprs(e->vcpu);
	bool sregs =
		e->s.fs_base != t->fs_base || e->s.gs_base != t->gs_base || e->s.cr3 != t->mm->pgd;

	gprs_from_task(g, &t->regs);
	fpu_switch(e, t);
	if (e->forget && e->ops->forget_translations(e->vm))
		plat_panic("the VM keeps old translations");
	if (e->forget)
		e->nsync = 0;
	e->forget = false;
	if (e->nsync) {
		sregs |= !e->ring0;
		e->s.cs = TRAP_KERNEL_CS;
		e->s.ss = TRAP_KERNEL_SS;
		enter_by_sync(e, t, g);
	} else if (e->flush) {
		/* only ring 0 can reload CR3 so that nothing of the old translations is left */
		sregs |= !e->ring0;
		e->s.cs = TRAP_KERNEL_CS;
		e->s.ss = TRAP_KERNEL_SS;
		enter_by_stub(e, t, g);
	} else if (sregs || !e->ring0) {
		e->s.cs = USER_CS;
		e->s.ss = USER_SS;
		enter_straight(t, g);
	} else {
		enter_by_stub(e, t, g);
	}
	if (sregs) {
		e->s.fs_base = t->fs_base;
		e->s.gs_base = t->gs_base;
		e->s.cr3 = t->mm->pgd;
		if (e->ops->vcpu_set_sregs(e->vcpu, &e->s))
			plat_panic("the vCPU refuses its registers");
	}
	e->flush = false;
	e->ops->vcpu_gprs_dirty(e->vcpu);
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

static void take_syscall(struct host_trap *e, struct task *t, const struct vm_gprs *g)
{
	gprs_to_task(&t->regs, g);
	/* SYSCALL keeps RIP in RCX and RFLAGS in R11 (SDM vol. 2, SYSCALL) */
	t->regs.rip = g->rcx;
	t->regs.rflags = g->r11;
	t->trap = (struct trap){.kind = TRAP_SYSCALL};
	e->ring0 = e->syscall_ring0;
}

static void take_gp(struct task *t, const struct vm_gprs *g)
{
	gprs_to_task(&t->regs, g);
	t->trap = (struct trap){.kind = TRAP_FAULT, .vector = 13};
}

static u64 read_cr2(struct host_trap *e)
{
	struct vm_sregs s;

	if (e->ops->vcpu_get_sregs(e->vcpu, &s))
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

static void take_exception(struct host_trap *e, struct task *t, struct vm_gprs *g, u32 vector)
{
	u64 words = sizeof(struct trap_frame) / 8 + vector_has_error(vector);
	const u64 *sp = (const u64 *)(e->ram + TRAP_PA_STACK_TOP) - words;
	u64 error = vector_has_error(vector) ? *sp++ : 0;
	const struct trap_frame *f = (const struct trap_frame *)sp;

	e->ring0 = true;
	if (at_lstar(f->rip)) { /* single step or a fault on the stub itself: it is the system call
				 */
		take_syscall(e, t, g);
		e->ring0 = true;
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
		.addr = vector == 14 ? read_cr2(e) : 0,
	};
	if (vector == 6 && e->shadow)
		make_refused_gate(t);
}

static void take_out(struct host_trap *e, struct task *t, struct vm_gprs *g, u32 port)
{
	if (port == TRAP_PORT_SYSCALL && at_lstar(g->rip))
		take_syscall(e, t, g);
	else if (port < TRAP_VECTORS && in_stubs(g->rip))
		take_exception(e, t, g, port);
	else
		take_gp(t, g); /* the program's own `out` to the open port */
}

/* A kick: true if t->trap is filled. */
static bool take_kick(struct host_trap *e, struct task *t, const struct vm_gprs *g)
{
	u64 rip = g->rip;
	bool entering = rip >= TRAP_VA + TRAP_PA_IRETQ && rip < TRAP_VA + TRAP_PA_LSTAR;

	if (in_stubs(rip) && !entering) {
		/* a trap is on its way out: take it first, the kick after it */
		e->kick_pending = true;
		return false;
	}
	if (entering) {
		e->flush |= rip >= TRAP_VA + TRAP_PA_FLUSH && rip < TRAP_VA + TRAP_PA_SYNC;
		e->ring0 = true; /* the program has not run: t->regs is right as it is */
	} else {
		gprs_to_task(&t->regs, g);
		e->ring0 = false;
		e->nsync = 0;
	}
	t->trap = (struct trap){.kind = TRAP_KICK};
	return true;
}

/* true when t->trap is filled. */
static bool take_exit(struct host_trap *e, struct task *t, const struct vm_exit *x)
{
	struct vm_gprs *g = e->ops->vcpu_gprs(e->vcpu);

	switch (x->reason) {
	case VM_EXIT_IO_OUT:
		e->nsync = 0; /* user code ran, so the stub did */
		take_out(e, t, g, x->io.port);
		return true;
	case VM_EXIT_INTR:
		return take_kick(e, t, g);
	case VM_EXIT_MEMORY:
		e->nsync = 0;
		gprs_to_task(&t->regs, g);
		e->ring0 = false;
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
	struct vm_exit x;

	if (e->kick_pending || plat_events_pending()) {
		e->kick_pending = false;
		t->trap = (struct trap){.kind = TRAP_KICK};
		return;
	}
	if (t->regs.rip >= USER_VA_END) { /* iretq would fault in ring 0 */
		t->trap = (struct trap){.kind = TRAP_FAULT, .vector = 13};
		return;
	}
	enter(e, t);
	do {
		if (e->ops->vcpu_run(e->vcpu, &x))
			plat_panic("the vCPU cannot run");
	} while (!take_exit(e, t, &x));
}

/* -- the rest of the seam -- */

static void trap_tlb_flush(void *engine, struct mm *mm, u64 va, u64 npages)
{
	struct host_trap *e = engine;

	if (!e->shadow) {
		e->flush |= e->s.cr3 == mm->pgd;
		return;
	}
	if (npages > TRAP_SYNC_MAX - e->nsync) {
		e->forget = true;
		return;
	}
	for (u64 i = 0; i < npages; i++) {
		u64 *pte = pgtable_entry(mm->pgd, va + i * PAGE_SIZE, false);

		if (pte)
			e->sync[e->nsync++] = TRAP_MAP_VA + ptr_phys(pte);
	}
}

static void trap_tables_freed(void *engine, struct mm *mm)
{
	struct host_trap *e = engine;

	if (e->shadow)
		e->forget = true; /* used again as tables they would show what they held */
	else
		e->flush |= e->s.cr3 == mm->pgd;
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
	if (e->s.cr3 == mm->pgd)
		e->s.cr3 = 0; /* its frame may come back as another root: load it anew */
}

static void trap_set_kick(void *engine, u64 when_ns)
{
	struct host_trap *e = engine;

	kick_timer_set(&e->timer, when_ns);
}

const struct host_engine_ops host_trap_ops = {
	.name = "trap",
	.run = trap_run,
	.tlb_flush = trap_tlb_flush,
	.tables_freed = trap_tables_freed,
	.pgd_init = trap_pgd_init_op,
	.mm_gone = trap_mm_gone,
	.fpu_save = trap_fpu_save,
	.fpu_load = trap_fpu_load,
	.fpu_drop = trap_fpu_drop,
	.set_kick = trap_set_kick,
};

/* -- making one -- */

static void on_kick_timer(void *engine)
{
	host_trap_kick(engine);
}

static int set_registers(struct host_trap *e, const struct vm_caps *caps)
{
	const u64 star = (u64)TRAP_KERNEL_CS << 32 | 0x23ull << 48;
	int r;

	e->s = (struct vm_sregs){
		.cr0 = 0x80050033,			    /* PG AM WP NE ET MP PE */
		.cr4 = 0x620 | (caps->xsave ? 0x40000 : 0), /* PAE OSFXSR OSXMMEXCPT, OSXSAVE */
		.efer = 0xd01,				    /* NXE LMA LME SCE */
		.cr3 = 0,
		.gdt_base = TRAP_VA + TRAP_PA_GDT,
		.gdt_limit = TRAP_TSS_SEL + 15,
		.idt_base = TRAP_VA + TRAP_PA_IDT,
		.idt_limit = TRAP_VECTORS * 16 - 1,
		.tss_base = TRAP_VA + TRAP_PA_TSS,
		.tss_limit = TRAP_TSS_LIMIT,
		.cs = TRAP_KERNEL_CS,
		.ss = TRAP_KERNEL_SS,
		.tr = TRAP_TSS_SEL,
	};
	r = e->ops->vcpu_set_sregs(e->vcpu, &e->s);
	if (!r)
		r = e->ops->vcpu_set_msr(e->vcpu, 0xc0000081, star);
	if (!r)
		r = e->ops->vcpu_set_msr(e->vcpu, 0xc0000082, TRAP_VA + TRAP_PA_LSTAR);
	if (!r) /* SFMASK as Linux: TF IF DF IOPL NT AC */
		r = e->ops->vcpu_set_msr(e->vcpu, 0xc0000084, 0x47700);
	return r;
}

int host_trap_create(struct host_trap **out, const struct vm_ops *ops, struct vm *vm,
	struct vcpu *vcpu, const struct vm_caps *caps, u8 *ram, u64 ram_size)
{
	struct host_trap *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->ops = ops;
	e->vm = vm;
	e->shadow = !caps->hardware;
	e->vcpu = vcpu;
	e->ram = ram;
	e->syscall_ring0 = caps->syscall_ring0;
	e->fpu_size = caps->xsave_size;
	e->ring0 = true;
	trap_stubs_write(ram, ram_size, caps->syscall_ring0);
	r = kick_timer_make(&e->timer, on_kick_timer, e);
	if (!r)
		r = set_registers(e, caps);
	if (r) {
		host_trap_destroy(e);
		return r;
	}
	*out = e;
	return 0;
}

void host_trap_destroy(struct host_trap *e)
{
	kick_timer_delete(&e->timer);
	free(e);
}

void host_trap_kick(struct host_trap *e)
{
	e->ops->vcpu_kick(e->vcpu);
}
