// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * sandbox-vmx.ko: /dev/sandbox-vmx, virtual machines on Intel's VMX for `sandbox run --backend
 * vmx`.
 *
 * The module uses symbols that the kernel exports to GPL modules alone. So all of it, the core
 * included, is offered under GPL-2.0 beside Apache-2.0, and MODULE_LICENSE names that one.
 */
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "module.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

#define PREFIX "sandbox-vmx: "

static bool ept = true;
module_param(ept, bool, 0444);
MODULE_PARM_DESC(ept, "use EPT where the CPU has it; 0: shadow paging (default 1)");

enum sbv_state sbv_state;
char sbv_state_why[128];

/* Group kvm comes from 61-sandbox-vmx.rules: the kernel knows no groups by name. */
static struct miscdevice sbv_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "sandbox-vmx",
	.mode = 0660,
	.fops = &sbv_device_fops,
};

/*
 * The module loads where VMX cannot be used as well: SBV_CAPS then says why, which is what
 * `sandbox doctor` shows.
 */
static int __init sbv_init(void)
{
	int ret;

	/* NMIs are handed on by INT 2, which FRED's entry takes for something else. */
#ifdef X86_FEATURE_FRED
	if (cpu_feature_enabled(X86_FEATURE_FRED)) {
		pr_err(PREFIX "the kernel uses FRED (boot with fred=off)\n");
		return -ENODEV;
	}
#endif
	sbv_state = vmx_discover(ept, sbv_state_why);
	sbv_spec_init();
	ret = sbv_cpu_init();
	if (ret)
		return ret;
	sbv_debug_init();
	ret = misc_register(&sbv_misc);
	if (ret) {
		sbv_debug_exit();
		sbv_cpu_exit();
		return ret;
	}
	if (sbv_state == SBV_STATE_READY || sbv_state == SBV_STATE_IN_USE)
		pr_info(PREFIX "%s\n", vmx_caps.ept ? "EPT" : "shadow paging");
	else
		pr_info(PREFIX "%s\n", sbv_state_why);
	return 0;
}

static void __exit sbv_exit(void)
{
	misc_deregister(&sbv_misc);
	sbv_debug_exit();
	sbv_cpu_exit();
	/* VMs are freed behind RCU. */
	rcu_barrier();
}

module_init(sbv_init);
module_exit(sbv_exit);

MODULE_DESCRIPTION("Virtual machines for sandbox, on VMX");
MODULE_LICENSE("GPL");
