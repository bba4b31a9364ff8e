/* SPDX-License-Identifier: Apache-2.0
 * The backend's entry in the list of backends.
 */
#include <stdio.h>
#include <string.h>

#include "vmm/process/process.h"
#include "vmm/vm.h"

static int process_available(char *why, size_t why_size)
{
	struct process_caps caps;

	return process_probe(&caps, why, why_size);
}

static int process_vm_probe(struct vm_caps *out)
{
	struct process_caps caps;
	char why[160];
	int r = process_probe(&caps, why, sizeof(why));

	memset(out, 0, sizeof(*out));
	if (r)
		return r;
	out->xsave = caps.xcr0 != 0;
	out->xcr0 = caps.xcr0;
	out->xsave_size = caps.fpu_size;
	out->fsgsbase = caps.fsgsbase;
	snprintf(out->note, sizeof(out->note),
		"no virtual machine: the host's kernel keeps programs in processes whose system "
		"calls are all trapped; CPUID is the host's");
	return 0;
}

const struct vm_ops vm_process_ops = {
	.name = "process",
	.processes = true,
	.available = process_available,
	.probe = process_vm_probe,
};
