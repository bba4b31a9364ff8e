/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/prctl.h>
#include <linux/audit.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/security/boundary/policy.h"
#include "vmm/process/layout.h"

/* The turn's word of the process's own context, shared, for as long as it takes. */
static bool futex_allowed(const __u64 *a)
{
	const __u64 wait = 0, wake = 1, turn = STUB_CTX + offsetof(struct stub_ctx, turn);

	return a[0] == turn && (a[1] == wait || a[1] == wake) && a[3] == 0;
}

/* Shared memory of a file at a fixed place below the stub. Not of the control file, which is
 * descriptor 0; the kernel takes the descriptor's low half. */
static bool mmap_allowed(const __u64 *a)
{
	const __u64 flags = MAP_SHARED | MAP_FIXED;

	return a[0] < STUB_BASE && a[2] <= (PROT_READ | PROT_WRITE | PROT_EXEC) &&
	       (a[3] == flags || a[3] == (flags | MAP_POPULATE)) && a[4] << 32 != 0;
}

static bool bases_allowed(const __u64 *a)
{
	__u32 what = (__u32)a[0];

	return what == ARCH_SET_GS || what == ARCH_SET_FS;
}

bool policy_allows(const struct seccomp_data *d, bool fsgsbase)
{
	if (d->arch != AUDIT_ARCH_X86_64 || d->instruction_pointer < STUB_TEXT ||
		d->instruction_pointer - STUB_TEXT >= STUB_TEXT_SIZE)
		return false;
	switch (d->nr) {
	case SYS_futex:
		return futex_allowed(d->args);
	case SYS_mmap:
		return mmap_allowed(d->args);
	case SYS_munmap:
		return d->args[0] < STUB_BASE;
	case SYS_mprotect:
		return d->args[0] < STUB_BASE && d->args[2] <= 7;
	case SYS_arch_prctl:
		return !fsgsbase && bases_allowed(d->args);
	default:
		return false;
	}
}
