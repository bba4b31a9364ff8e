/* SPDX-License-Identifier: Apache-2.0
 * What this host has for running user code in trapped processes.
 */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vmm/process/process_internal.h"

#ifndef HWCAP2_FSGSBASE
#define HWCAP2_FSGSBASE (1 << 1) /* arch/x86/include/uapi/asm/hwcap2.h */
#endif

/* x87, SSE, AVX, AVX-512. Not PKRU, which a program could use against the stub, and not AMX, whose
 * state does not fit and needs a permission of its own (arch_prctl(2), ARCH_REQ_XCOMP_PERM). */
#define XCR0_WANTED 0xe7ull

static uint64_t read_xcr0(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

/* SDM vol. 1, 13.2: CPUID leaf 0DH, subleaf n: size and offset of component n. */
static void probe_fpu(struct process_caps *caps)
{
	uint32_t a, b, c, d;

	caps->xcr0 = 0;
	caps->fpu_size = 512;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
		return;
	caps->xcr0 = read_xcr0() & XCR0_WANTED;
	caps->fpu_size = 576;
	for (uint32_t i = 2; i < 8; i++) {
		if (!(caps->xcr0 >> i & 1))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		if (a + b > caps->fpu_size)
			caps->fpu_size = a + b;
	}
}

int process_probe(struct process_caps *out, char *why, size_t why_size)
{
	uint32_t action = SECCOMP_RET_TRAP;

	memset(out, 0, sizeof(*out));
	if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action)) {
		snprintf(why, why_size, "this kernel has no seccomp filters: %s", strerror(errno));
		return -errno;
	}
	out->fsgsbase = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) != 0;
	probe_fpu(out);
	if (out->fpu_size > sizeof(((struct stub_ctx *)0)->fpu)) {
		snprintf(why, why_size, "the processor's state of %u bytes is too large",
			out->fpu_size);
		return -EOVERFLOW;
	}
	return 0;
}
