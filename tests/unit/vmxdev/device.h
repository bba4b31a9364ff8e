/* SPDX-License-Identifier: Apache-2.0
 *
 * A made-up /dev/sandbox-vmx in the place of vmm/vmx/user/system.c.
 */
#ifndef TESTS_UNIT_VMXDEV_DEVICE_H
#define TESTS_UNIT_VMXDEV_DEVICE_H

#include "vmm/vmx/user/user.h"

struct device {
	int open_result; /* of the next opens: 0, or -errno */
	int caps_result;
	struct sbv_caps caps;
	unsigned opened, closed;

	/* What a run does: `runs` of them answer -EAGAIN, then it ends with `exit`. */
	unsigned again;
	int run_result;
	struct sbv_run exit; /* what comes from the module; regs too */
	bool irq_taken;

	/* What came in. */
	unsigned ran;
	struct sbv_run seen; /* the page as the last run found it */
	struct sbv_sregs sregs;
	struct sbv_vcpu_state state;
	int state_result;
	struct sbv_memory memory;
	struct sbv_doorbell bell;
	_Alignas(64) unsigned char fpu[1024];

	struct sbv_run page;
};

extern struct device device;

/* As it is where everything works. */
void device_reset(void);

#endif
