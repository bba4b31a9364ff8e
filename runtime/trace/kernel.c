/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/trace/trace.h"

#define BTF_FILE "/sys/kernel/btf/vmlinux"

const char kernel_needs_right[] = "the right to use BPF (root, or CAP_BPF and CAP_PERFMON)";

int kernel_target(struct kernel_target *out, int pid, const char **missing)
{
	struct stat ns;

	*missing = "a kernel with BTF (" BTF_FILE ")";
	if (access(BTF_FILE, R_OK))
		return -errno;
	*missing = "/proc";
	if (stat("/proc/self/ns/pid", &ns))
		return -errno;
	*out = (struct kernel_target){(uint32_t)pid, ns.st_dev, ns.st_ino};
	return 0;
}
