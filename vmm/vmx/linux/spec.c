// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * What one guest could learn of another or of the host through the CPU's own state, and what the
 * host does for its processes applied to guests. Each costs one patched branch where the CPU does
 * not need it.
 *
 * - Branch predictors (Spectre v2): trained by one VM, used by another. IBPB when a CPU takes up a
 *   vCPU of another VM than it had last. Guests have no SPEC_CTRL: they run with the host's.
 * - Predictors trained by the guest, used by its launcher (VMSCAPE): the kernel's own flag has
 *   them flushed on the way to user mode.
 * - Return predictor: filled after each exit where the kernel does so for KVM (core/entry.S).
 * - Fill, store and load buffers (MDS, TAA, RFDS, MMIO stale data): VERW before each entry. The few
 *   stores after it are of the core's own bookkeeping.
 * - L1 data cache (L1TF): with EPT a guest can read by a not-present entry of its own what is in
 * the L1 cache. It is flushed before an entry after anything that may have brought in secrets:
 * another thread, user mode, steps that sleep. The short handlers between touch the guest's own
 * things. Not with shadow paging: there the tables are ours, and not-present is zero. What a
 * sibling hyperthread brings in is not flushed: said once in the log, as KVM does.
 * - ITLB_MULTIHIT: frame.c.
 */
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/sched/smt.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/nospec-branch.h>
#include <asm/processor.h>
#include <asm/segment.h>

#include "module.h"

static DEFINE_STATIC_KEY_FALSE(barrier_between_vms);
static DEFINE_STATIC_KEY_FALSE(clear_buffers);
static DEFINE_STATIC_KEY_FALSE(flush_l1d);

/* The VM that was on this CPU last: by number, which is not used again. */
static DEFINE_PER_CPU(u32, last_vm);

static bool buffers_leak(void)
{
	bool leak = false;

#ifdef X86_FEATURE_CLEAR_CPU_BUF
	leak |= boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF);
#endif
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
	leak |= boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF_VM);
#endif
	return leak;
}

/* Without the MSR (microcode before 2018) the cache would have to be filled by reading, which is
 * not done here: said in the log. */
static bool l1d_leaks(void)
{
	u64 arch = 0;

	if (!boot_cpu_has_bug(X86_BUG_L1TF) || !vmx_caps.ept ||
		l1tf_mitigation == L1TF_MITIGATION_OFF)
		return false;
	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES))
		rdmsrl_safe(MSR_IA32_ARCH_CAPABILITIES, &arch);
	return !(arch & ARCH_CAP_SKIP_VMENTRY_L1DFLUSH);
}

void sbv_spec_init(void)
{
#ifdef X86_FEATURE_RSB_VMEXIT
	vmx_fill_return_buffer = boot_cpu_has(X86_FEATURE_RSB_VMEXIT);
#endif
	if (boot_cpu_has(X86_FEATURE_USE_IBPB))
		static_branch_enable(&barrier_between_vms);
	if (buffers_leak())
		static_branch_enable(&clear_buffers);
	if (!l1d_leaks())
		return;
	if (boot_cpu_has(X86_FEATURE_FLUSH_L1D))
		static_branch_enable(&flush_l1d);
	else
		pr_warn("sandbox-vmx: L1TF: no microcode to flush the L1 cache; guests may read "
			"what is in it\n");
	if (sched_smt_active())
		pr_warn_once("sandbox-vmx: L1TF and SMT: guests may read what the sibling thread "
			     "uses (boot with nosmt)\n");
}

/* Preemption off. */
void sbv_spec_load(struct sbv_vcpu *v)
{
	/* Another thread was on the CPU, or the vCPU on another. */
	v->flush_l1d = true;
	if (!static_branch_unlikely(&barrier_between_vms) || this_cpu_read(last_vm) == v->vm->id)
		return;
	this_cpu_write(last_vm, v->vm->id);
	indirect_branch_prediction_barrier();
}

/* Interrupts off, right before the guest. */
void sbv_spec_enter(struct sbv_vcpu *v)
{
	static const u16 selector = __KERNEL_DS;

	if (static_branch_unlikely(&flush_l1d) && v->flush_l1d) {
		wrmsrl(MSR_IA32_FLUSH_CMD, L1D_FLUSH);
		v->flush_l1d = false;
	}
	/* Only VERW with an operand in memory clears; a selector that is writable costs least. */
	if (static_branch_unlikely(&clear_buffers))
		asm volatile("verw %[selector]" : : [selector] "m"(selector) : "cc");
}

/* Interrupts off, right behind it. */
void sbv_spec_exit(void)
{
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	if (cpu_feature_enabled(X86_FEATURE_IBPB_EXIT_TO_USER))
		this_cpu_write(x86_ibpb_exit_to_user, true);
#endif
}
