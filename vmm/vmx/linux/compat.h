/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The kernels' differences, in one place. Written against 6.1 and 6.12; what changed:
 *
 * - register_syscore_ops became register_syscore, whose callbacks take a pointer (6.19, carried
 *   back to some 6.12: Kbuild looks at the header).
 * - cpu_emergency_register_virt_callback (6.6, carried back to Debian's 6.1): the one callback that
 *   a crash or an emergency restart calls on each CPU. Until 6.12 kvm_intel claims it for as long
 *   as it is loaded, later for as long as it has VMX on.
 * - Feature bits for what the CPU's bugs want done come and go: asked by name with #ifdef (spec.c).
 * - From 6.18 on exports of use to hypervisors alone are for KVM's modules by name
 *   (EXPORT_SYMBOL_FOR_KVM). Here that can be do_machine_check, load_fixmap_gdt,
 *   the emergency callback and x86_ibpb_exit_to_user: modpost names the missing one.
 */
#ifndef SANDBOX_VMX_COMPAT_H
#define SANDBOX_VMX_COMPAT_H

#include <linux/module.h>
#include <linux/syscore_ops.h>
#include <linux/version.h>
#include <asm/reboot.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "sandbox-vmx needs Linux 6.1 or later"
#endif
/* The core takes its lock with interrupts off, and frees pages under it. */
#ifdef CONFIG_PREEMPT_RT
#error "sandbox-vmx does not run on PREEMPT_RT kernels"
#endif
#ifndef CONFIG_PREEMPT_NOTIFIERS
#error "sandbox-vmx needs CONFIG_PREEMPT_NOTIFIERS, which CONFIG_KVM selects"
#endif
#ifndef CONFIG_MMU_NOTIFIER
#error "sandbox-vmx needs CONFIG_MMU_NOTIFIER, which CONFIG_KVM selects"
#endif

#ifdef SBV_SYSCORE_DATA
#define SBV_SYSCORE_ARG void *data

static struct syscore sbv_syscore;

#define sbv_register_syscore(operations)                                                           \
	do {                                                                                       \
		sbv_syscore.ops = (operations);                                                    \
		register_syscore(&sbv_syscore);                                                    \
	} while (0)
#define sbv_unregister_syscore(operations) unregister_syscore(&sbv_syscore)
#else
#define SBV_SYSCORE_ARG			   void
#define sbv_register_syscore(operations)   register_syscore_ops(operations)
#define sbv_unregister_syscore(operations) unregister_syscore_ops(operations)
#endif

/*
 * Is the emergency callback somebody else's for sure? Where kvm.ko is loaded on the kernels before
 * 6.12 it is, and KVM's goes by CR4.VMXE: it switches off our VMX as well.
 */
static inline bool sbv_emergency_callback_taken(void)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0) && defined(MODULE)
	if (!__symbol_get("kvm_rebooting"))
		return false;
	__symbol_put("kvm_rebooting");
	return true;
#else
	return false;
#endif
}

#endif
