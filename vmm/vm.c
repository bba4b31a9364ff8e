/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/vm.h"

static const char *const exit_names[VM_EXIT_REASONS] = {
	[VM_EXIT_IO_OUT] = "io-out",
	[VM_EXIT_IO_IN] = "io-in",
	[VM_EXIT_MMIO] = "mmio",
	[VM_EXIT_HLT] = "hlt",
	[VM_EXIT_INTR] = "intr",
	[VM_EXIT_IRQ_WINDOW] = "irq-window",
	[VM_EXIT_SHUTDOWN] = "shutdown",
	[VM_EXIT_FAIL] = "fail",
	[VM_EXIT_MEMORY] = "memory",
};

const char *vm_exit_name(enum vm_exit_reason reason)
{
	if ((unsigned)reason >= VM_EXIT_REASONS)
		return "unknown";
	return exit_names[reason];
}
