// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * SBV_RUN: a vCPU on a CPU, into the guest and out until the owner has to say something.
 *
 * Between sbv_vcpu_load and sbv_vcpu_unload the thread may sleep and move: the preempt notifier
 * takes the vCPU off the CPU and puts it on the next. With the guest's FPU state in the registers
 * (vmx_vcpu_fpu_load, kernel_fpu_begin below it) it may not: preemption is off until they are given
 * back, so that happens before anything that sleeps: handling that needs memory, cond_resched, the
 * way out.
 */
#include <linux/irqflags.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <asm/desc.h>

#include "module.h"
#include "trace.h"

/* --- on a CPU, preemption off --- */

static void vcpu_on_cpu(struct sbv_vcpu *v)
{
	int cpu = smp_processor_id();

	if (vmx_vcpu_cpu(v->core) != cpu) {
		sbv_cpu_forget(v);
		local_irq_disable();
		sbv_cpu_adopt(v);
		vmx_vcpu_load(v->core, cpu);
		local_irq_enable();
	} else {
		vmx_vcpu_load(v->core, cpu);
	}
	sbv_spec_load(v);
}

/*
 * A VM exit leaves the TSS with the least limit (67h: no I/O permission bitmap) and the GDT with
 * the greatest (SDM 28.5.2). The bitmap's owner gets its limit back at the next switch to it; the
 * GDT would let selectors lead behind its end.
 */
static void vcpu_off_cpu(struct sbv_vcpu *v)
{
	unsigned long flags;

	/* GS, with the kernel's base in it, may be loaded for a moment. */
	local_irq_save(flags);
	vmx_vcpu_put(v->core);
	invalidate_tss_limit();
	load_fixmap_gdt(smp_processor_id());
	local_irq_restore(flags);
}

static void vcpu_sched_in(struct preempt_notifier *n, int cpu)
{
	vcpu_on_cpu(container_of(n, struct sbv_vcpu, notifier));
}

static void vcpu_sched_out(struct preempt_notifier *n, struct task_struct *next)
{
	vcpu_off_cpu(container_of(n, struct sbv_vcpu, notifier));
}

static struct preempt_ops vcpu_preempt_ops = {
	.sched_in = vcpu_sched_in,
	.sched_out = vcpu_sched_out,
};

void sbv_vcpu_load(struct sbv_vcpu *v)
{
	preempt_disable();
	preempt_notifier_register(&v->notifier);
	vcpu_on_cpu(v);
	preempt_enable();
}

void sbv_vcpu_unload(struct sbv_vcpu *v)
{
	preempt_disable();
	vcpu_off_cpu(v);
	preempt_notifier_unregister(&v->notifier);
	preempt_enable();
}

static void self_nothing(struct irq_work *work)
{
}

void sbv_vcpu_run_init(struct sbv_vcpu *v)
{
	preempt_notifier_init(&v->notifier, &vcpu_preempt_ops);
	INIT_LIST_HEAD(&v->loaded);
	init_irq_work(&v->self, self_nothing);
}

/* --- into the guest and out --- */

/* For the owner to look at: it asked, or a signal's handler has to run. */
static bool owner_called(const struct sbv_vcpu *v)
{
	return READ_ONCE(v->run->immediate_exit) || signal_pending(current) || sbv_stopping();
}

/* TIF_NOTIFY_RESUME: the kernel's own work for this thread, done on its way to user mode. */
static bool host_called(void)
{
	return need_resched() || test_thread_flag(TIF_NOTIFY_RESUME);
}

/* Ticks that fall into the guest, or are handled right behind it, are the guest's time. */
static void guest_time_begin(void)
{
	current->flags |= PF_VCPU;
}

static void guest_time_end(void)
{
	current->flags &= ~PF_VCPU;
}

/* Interrupts off. See sbv_leave_guest for the barrier. */
static void guest_mode(struct sbv_vcpu *v)
{
	WRITE_ONCE(v->guest_cpu, smp_processor_id());
	smp_store_release(&v->guest_seq, v->guest_seq + 1);
	smp_mb();
	trace_sandbox_vmx_entry(v);
	sbv_spec_enter(v);
	vmx_vcpu_enter(v->core);
	smp_store_release(&v->guest_seq, v->guest_seq + 1);
	sbv_spec_exit();
	trace_sandbox_vmx_exit(v, vmx_vcpu_exit_reason(v->core));
}

/*
 * One stay in guest mode. False: there was none, somebody wants the thread. An event on its way to
 * the guest goes first: it would hit what the owner runs next. So then the guest is entered with an
 * interrupt pending, which ends it right behind the delivery.
 */
static bool vcpu_enter(struct sbv_vcpu *v, enum vmx_step *step)
{
	preempt_disable();
	if (vmx_vcpu_wants_fpu(v->core))
		vmx_vcpu_fpu_load(v->core);
	local_irq_disable();
	if (owner_called(v) || host_called()) {
		if (!vmx_vcpu_event_in_flight(v->core)) {
			local_irq_enable();
			preempt_enable();
			return false;
		}
		irq_work_queue(&v->self);
	}
	guest_time_begin();
	guest_mode(v);
	*step = vmx_vcpu_handle_atomic(v->core);
	local_irq_enable();
	guest_time_end();
	preempt_enable();
	return true;
}

/* What a step that may sleep leaves in the caches is the host's. */
static enum vmx_step vcpu_handle(struct sbv_vcpu *v)
{
	vmx_vcpu_fpu_unload(v->core);
	v->flush_l1d = true;
	return vmx_vcpu_handle(v->core);
}

/* 0: the exit is the core's to tell; 1: it is INTR; -EAGAIN. */
static int vcpu_loop(struct sbv_vcpu *v)
{
	enum vmx_step step = vmx_vcpu_prepare(v->core);

	for (;;) {
		if (step == VMX_STEP_USER) {
			if (!sbv_bell_answered(v, vmx_vcpu_exit(v->core)))
				return 0;
			step = VMX_STEP_ENTER;
		} else if (step == VMX_STEP_SLEEP) {
			step = vcpu_handle(v);
		} else if (!vcpu_enter(v, &step)) {
			vmx_vcpu_fpu_unload(v->core);
			if (owner_called(v))
				return 1;
			if (test_thread_flag(TIF_NOTIFY_RESUME))
				return -EAGAIN;
			cond_resched();
		}
	}
}

/* --- the run page --- */

static void run_take(struct sbv_vcpu *v)
{
	struct sbv_run *run = v->run;
	bool in = v->in_pending;
	u16 irq;

	v->in_pending = false;
	if (READ_ONCE(run->regs_dirty)) {
		/* They count, the answer to an IN included. */
		*vmx_vcpu_regs(v->core) = run->regs;
		WRITE_ONCE(run->regs_dirty, 0);
	} else if (in) {
		vmx_vcpu_answer_in(v->core, READ_ONCE(run->in_value));
	}
	irq = READ_ONCE(run->irq);
	vmx_vcpu_set_irq(v->core, irq <= 0xff ? irq : SBV_IRQ_NONE);
}

static void run_give(struct sbv_vcpu *v, bool interrupted)
{
	static const struct vmx_user_exit intr = {.reason = SBV_EXIT_INTR};
	const struct vmx_user_exit *e = interrupted ? &intr : vmx_vcpu_exit(v->core);
	struct sbv_run *run = v->run;

	run->reason = e->reason;
	run->value = e->value;
	run->port = e->port;
	run->size = e->size;
	run->code = e->code;
	run->gpa = e->gpa;
	run->detail = e->detail;
	run->regs = *vmx_vcpu_regs(v->core);
	v->in_pending = e->reason == SBV_EXIT_IO_IN;
	trace_sandbox_vmx_user(v, e->reason);
}

/**
 * sbv_vcpu_run - runs until the owner has to say something
 * @v: the vCPU; its mutex is held
 *
 * Return: 0 with the run page filled; -EAGAIN: the kernel wants the thread in user mode for a
 * moment, call again.
 */
int sbv_vcpu_run(struct sbv_vcpu *v)
{
	int ret;

	sbv_vcpu_load(v);
	v->flush_l1d = true;
	run_take(v);
	ret = vcpu_loop(v);
	vmx_vcpu_fpu_unload(v->core);
	v->run->irq = vmx_vcpu_irq(v->core);
	if (ret >= 0)
		run_give(v, ret == 1);
	sbv_vcpu_unload(v);
	return ret < 0 ? ret : 0;
}
