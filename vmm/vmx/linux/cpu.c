// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * VMX of the machine's CPUs: on while a VM wants it, off otherwise, so that KVM can have it.
 *
 * The rules:
 * - CR4.VMXE that is set when we come is somebody else's VMX: we refuse, and never touch it.
 * - vmx_wanted changes under cpus_read_lock and vmx_lock; the hotplug callbacks run under
 *   cpus_write_lock, and so see one value or the other.
 * - A CPU that goes down (hotplug, suspend) is emptied first: what it holds of a VMCS goes to
 *   memory (VMCLEAR), then VMXOFF. Its callback must run when no task is on the CPU any more: a
 *   vCPU that is loaded meanwhile would find VMX off and the kernel a #UD. That is the "starting"
 *   section of the hotplug states, which has no dynamic range for modules; sbv takes the slot of a
 *   timer that no x86 machine has.
 * - A restart waits for every thread to be out of its vCPU (sbv_gate), for the same reason.
 */
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/percpu.h>
#include <linux/reboot.h>
#include <linux/smp.h>
#include <asm/cpufeature.h>
#include <asm/tlbflush.h>

#include "compat.h"
#include "module.h"

#define SBV_CPUHP_STARTING CPUHP_AP_ARC_TIMER_STARTING

/**
 * struct sbv_cpu - a CPU
 * @region: VMXON's page, there while VMX is wanted
 * @on: VMX is on, and ours
 * @error: why it could not be switched on
 * @loaded: vCPUs whose VMCS it may hold
 * @kick: an interrupt that makes it leave guest mode
 */
struct sbv_cpu {
	void *region;
	bool on;
	int error;
	struct list_head loaded;
	call_single_data_t kick;
};

static DEFINE_PER_CPU(struct sbv_cpu, sbv_cpus);
static DEFINE_MUTEX(vmx_lock);
static unsigned int vmx_wanted; /* VMs */
static bool stopping;
static int online_state;
static bool emergency_registered;

DEFINE_PERCPU_RWSEM(sbv_gate);

bool sbv_stopping(void)
{
	return READ_ONCE(stopping);
}

/* --- one CPU; interrupts off --- */

static void cpu_empty(struct sbv_cpu *c)
{
	struct sbv_vcpu *v, *next;

	list_for_each_entry_safe(v, next, &c->loaded, loaded)
	{
		vmx_vcpu_clear(v->core);
		list_del_init(&v->loaded);
	}
}

static int cpu_on(struct sbv_cpu *c)
{
	int ret;

	if (c->on)
		return 0;
	if (cr4_read_shadow() & X86_CR4_VMXE)
		return -EBUSY;
	if (!c->region || !vmx_same_cpu())
		return -EIO;
	/* Through the kernel's shadow of CR4, else its next change of another bit clears VMXE: #GP.
	 */
	cr4_set_bits(X86_CR4_VMXE);
	ret = vmx_cpu_on(&sbv_host_ops, c->region);
	if (ret) {
		cr4_clear_bits(X86_CR4_VMXE);
		return ret;
	}
	c->on = true;
	return 0;
}

static void cpu_off(struct sbv_cpu *c)
{
	if (!c->on)
		return;
	cpu_empty(c);
	c->on = false;
	vmx_cpu_off();
	cr4_clear_bits(X86_CR4_VMXE);
}

static void cpu_on_ipi(void *unused)
{
	struct sbv_cpu *c = this_cpu_ptr(&sbv_cpus);

	c->error = cpu_on(c);
}

static void cpu_off_ipi(void *unused)
{
	cpu_off(this_cpu_ptr(&sbv_cpus));
}

/*
 * The machine crashes or restarts without asking. In VMX operation a CPU ignores INIT and faults
 * when CR4.VMXE is cleared: neither a crash kernel nor some firmware can start from there. May come
 * as an NMI at any place: so no lists, no VMCLEAR. What the VMCSs say no longer matters.
 */
static void emergency_off(void)
{
	struct sbv_cpu *c = this_cpu_ptr(&sbv_cpus);

	WRITE_ONCE(stopping, true);
	if (!(__read_cr4() & X86_CR4_VMXE) || !c->on)
		return;
	c->on = false;
	vmx_cpu_off();
	cr4_clear_bits(X86_CR4_VMXE);
}

/* --- all of them --- */

static void regions_free(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
	{
		struct sbv_cpu *c = per_cpu_ptr(&sbv_cpus, cpu);

		if (c->region)
			sbv_host_ops.page_free(c->region);
		c->region = NULL;
	}
}

static int regions_alloc(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
	{
		struct sbv_cpu *c = per_cpu_ptr(&sbv_cpus, cpu);

		c->region = sbv_host_ops.page_alloc();
		if (!c->region) {
			regions_free();
			return -ENOMEM;
		}
	}
	return 0;
}

static void all_off(void)
{
	on_each_cpu(cpu_off_ipi, NULL, 1);
	if (emergency_registered)
		cpu_emergency_unregister_virt_callback(emergency_off);
	emergency_registered = false;
	regions_free();
}

static int all_on(void)
{
	int cpu, ret = regions_alloc();

	if (ret)
		return ret;
	on_each_cpu(cpu_on_ipi, NULL, 1);
	for_each_online_cpu(cpu) ret = ret ?: per_cpu(sbv_cpus, cpu).error;
	if (ret) {
		all_off();
		return ret;
	}
	if (!sbv_emergency_callback_taken()) {
		cpu_emergency_register_virt_callback(emergency_off);
		emergency_registered = true;
	}
	return 0;
}

/**
 * sbv_vmx_hold - one VM more wants VMX
 *
 * Return: 0; -EBUSY: it is somebody else's; -EIO: a CPU is not like the others, or VMXON failed;
 * -ENOMEM; -ESHUTDOWN: the machine restarts.
 */
int sbv_vmx_hold(void)
{
	int ret = 0;

	cpus_read_lock();
	mutex_lock(&vmx_lock);
	if (sbv_stopping())
		ret = -ESHUTDOWN;
	else if (!vmx_wanted)
		ret = all_on();
	if (!ret)
		vmx_wanted++;
	mutex_unlock(&vmx_lock);
	cpus_read_unlock();
	return ret;
}

void sbv_vmx_release(void)
{
	cpus_read_lock();
	mutex_lock(&vmx_lock);
	if (!--vmx_wanted)
		all_off();
	mutex_unlock(&vmx_lock);
	cpus_read_unlock();
}

/* Else CR4.VMXE on this CPU is somebody else's; of the moment. */
bool sbv_vmx_is_ours(void)
{
	return READ_ONCE(vmx_wanted) != 0;
}

/* --- what a CPU holds --- */

void sbv_cpu_adopt(struct sbv_vcpu *v)
{
	list_add(&v->loaded, &this_cpu_ptr(&sbv_cpus)->loaded);
}

static void vcpu_forget_ipi(void *arg)
{
	struct sbv_vcpu *v = arg;

	/* It may have gone down, and been emptied, since the caller looked. */
	if (vmx_vcpu_cpu(v->core) != smp_processor_id())
		return;
	vmx_vcpu_clear(v->core);
	list_del_init(&v->loaded);
}

void sbv_cpu_forget(struct sbv_vcpu *v)
{
	int cpu = vmx_vcpu_cpu(v->core);

	/* -ENXIO: the CPU is down, and cpu_empty was there before. */
	if (cpu >= 0)
		smp_call_function_single(cpu, vcpu_forget_ipi, v, 1);
}

/* --- leaving guest mode --- */

static void kick_nothing(void *unused)
{
}

/*
 * Until that stay in guest mode is over: not until the interrupt has been handled, for the CPU may
 * be about to wait for a lock that our caller holds, with interrupts off. The interrupt alone ends
 * guest mode, or the entry that is under way.
 */
static void vcpu_leave(const struct sbv_vcpu *v)
{
	unsigned int seq = smp_load_acquire(&v->guest_seq);
	int cpu = READ_ONCE(v->guest_cpu);
	bool sent = false;

	while ((seq & 1) && smp_load_acquire(&v->guest_seq) == seq) {
		/* -EBUSY: one is on its way already, but perhaps only just before it is sent. */
		if (!sent)
			sent = !smp_call_function_single_async(cpu, &per_cpu(sbv_cpus, cpu).kick);
		cpu_relax();
	}
}

/*
 * Pairs with run.c: a vCPU makes its sequence odd, then (full barrier) looks at the generation that
 * the core has advanced before it called us; so either it sees that, or we see it in guest mode.
 */
void sbv_leave_guest(struct sbv_vm *vm)
{
	int i;

	smp_mb();
	rcu_read_lock();
	for (i = 0; i < SBV_VCPUS_MAX; i++) {
		const struct sbv_vcpu *v = rcu_dereference(vm->vcpus[i]);

		if (v)
			vcpu_leave(v);
	}
	rcu_read_unlock();
}

/* --- hotplug, suspend, restart --- */

/* May not fail here; that it did is told by cpu_online_check. */
static int cpu_comes(unsigned int cpu)
{
	struct sbv_cpu *c = this_cpu_ptr(&sbv_cpus);

	c->error = vmx_wanted ? cpu_on(c) : 0;
	return 0;
}

static int cpu_goes(unsigned int cpu)
{
	cpu_off(this_cpu_ptr(&sbv_cpus));
	return 0;
}

/* Before the CPU takes tasks: without VMX it must not come up while there are VMs. */
static int cpu_online_check(unsigned int cpu)
{
	struct sbv_cpu *c = per_cpu_ptr(&sbv_cpus, cpu);

	if (!vmx_wanted || c->on)
		return 0;
	pr_warn("sandbox-vmx: CPU %u stays off: VMX could not be switched on (%d)\n", cpu,
		c->error);
	return c->error ?: -EIO;
}

/* One CPU is up, interrupts off, all tasks are frozen: no vCPU is loaded. */
static int cpu_suspend(SBV_SYSCORE_ARG)
{
	cpu_off(this_cpu_ptr(&sbv_cpus));
	return 0;
}

static void cpu_resume(SBV_SYSCORE_ARG)
{
	struct sbv_cpu *c = this_cpu_ptr(&sbv_cpus);

	if (vmx_wanted && cpu_on(c)) {
		/* Firmware may have left VMX off. vCPUs are refused from now on. */
		pr_err("sandbox-vmx: VMX did not come back after suspend\n");
		WRITE_ONCE(stopping, true);
	}
}

#ifdef SBV_SYSCORE_DATA
static const struct syscore_ops sbv_syscore_ops = {
#else
static struct syscore_ops sbv_syscore_ops = {
#endif
	.suspend = cpu_suspend,
	.resume = cpu_resume,
};

/* Some firmware hangs in a restart from VMX operation. Threads leave at the next interrupt (run.c
 * looks at sbv_stopping), and no new ones come in. */
static int reboot_notify(struct notifier_block *block, unsigned long action, void *data)
{
	WRITE_ONCE(stopping, true);
	percpu_down_write(&sbv_gate);
	percpu_up_write(&sbv_gate);
	on_each_cpu(cpu_off_ipi, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block sbv_reboot = {
	.notifier_call = reboot_notify,
	.priority = 0,
};

int sbv_cpu_init(void)
{
	int cpu, ret;

	for_each_possible_cpu(cpu)
	{
		struct sbv_cpu *c = per_cpu_ptr(&sbv_cpus, cpu);

		INIT_LIST_HEAD(&c->loaded);
		INIT_CSD(&c->kick, kick_nothing, NULL);
	}
	ret = cpuhp_setup_state_nocalls(
		SBV_CPUHP_STARTING, "sandbox-vmx:starting", cpu_comes, cpu_goes);
	if (ret)
		return ret;
	ret = cpuhp_setup_state_nocalls(
		CPUHP_AP_ONLINE_DYN, "sandbox-vmx:online", cpu_online_check, NULL);
	if (ret < 0) {
		cpuhp_remove_state_nocalls(SBV_CPUHP_STARTING);
		return ret;
	}
	online_state = ret;
	sbv_register_syscore(&sbv_syscore_ops);
	register_reboot_notifier(&sbv_reboot);
	preempt_notifier_inc();
	return 0;
}

void sbv_cpu_exit(void)
{
	preempt_notifier_dec();
	unregister_reboot_notifier(&sbv_reboot);
	sbv_unregister_syscore(&sbv_syscore_ops);
	cpuhp_remove_state_nocalls(online_state);
	cpuhp_remove_state_nocalls(SBV_CPUHP_STARTING);
	/* A kick that was sent is handled before the code goes: calls are taken in order. */
	on_each_cpu(kick_nothing, NULL, 1);
}
