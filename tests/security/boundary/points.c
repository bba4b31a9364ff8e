/* SPDX-License-Identifier: Apache-2.0 */
#include <asm/prctl.h>
#include <linux/audit.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tests/security/boundary/points.h"
#include "vmm/process/layout.h"

#define TURN  (STUB_CTX + offsetof(struct stub_ctx, turn))
#define IP    (STUB_TEXT + 0x123)
#define FIXED (MAP_SHARED | MAP_FIXED)

/* What the filter lets through: the points from which the others are made. */
const struct seccomp_data points_allowed[POINTS_ALLOWED] = {
	{SYS_futex, AUDIT_ARCH_X86_64, IP, {TURN, FUTEX_WAIT, 0, 0, 0, 0}},
	{SYS_futex, AUDIT_ARCH_X86_64, STUB_TEXT, {TURN, FUTEX_WAKE, 1, 0, 5, 6}},
	{SYS_mmap, AUDIT_ARCH_X86_64, IP, {0x10000, 4096, 7, FIXED, STUB_FD_RAM, 0}},
	{SYS_mmap, AUDIT_ARCH_X86_64, IP, {STUB_BASE - 4096, 8, 0, FIXED | MAP_POPULATE, 9, 1}},
	{SYS_munmap, AUDIT_ARCH_X86_64, IP, {0x10000, 4096, 0, 0, 0, 0}},
	{SYS_munmap, AUDIT_ARCH_X86_64, STUB_TEXT + STUB_TEXT_SIZE - 1, {STUB_BASE - 1, ~0ull}},
	{SYS_mprotect, AUDIT_ARCH_X86_64, IP, {0x10000, 4096, PROT_READ, 0, 0, 0}},
	{SYS_mprotect, AUDIT_ARCH_X86_64, IP, {STUB_BASE - 4096, ~0ull, 7, ~0ull, 0, 0}},
	{SYS_arch_prctl, AUDIT_ARCH_X86_64, IP, {ARCH_SET_FS, 0x10000, 0, 0, 0, 0}},
	{SYS_arch_prctl, AUDIT_ARCH_X86_64, IP, {ARCH_SET_GS, ~0ull, 0, 0, 0, 0}},
};

/* Borders of everything that the policy mentions; also taken one less and one more, with bits of
 * the upper half set, and as an upper half. */
static const uint64_t borders[] = {0, 1, 2, 3, 7, 8, MAP_SHARED_VALIDATE | MAP_FIXED, FIXED,
	FIXED | MAP_POPULATE, MAP_PRIVATE | MAP_FIXED, FIXED | MAP_ANONYMOUS, FIXED | MAP_GROWSDOWN,
	FIXED | MAP_LOCKED, MAP_SHARED, MAP_FIXED, MAP_POPULATE, FIXED | MAP_HUGETLB,
	FIXED | MAP_FIXED_NOREPLACE, PROT_GROWSDOWN | 1, PROT_GROWSUP | 1, FUTEX_PRIVATE_FLAG,
	FUTEX_WAIT_BITSET, FUTEX_CLOCK_REALTIME, FUTEX_LOCK_PI, ARCH_SET_GS, ARCH_SET_FS,
	ARCH_GET_FS, SYS_mmap, SYS_munmap, SYS_mprotect, SYS_futex, SYS_arch_prctl, SYS_mremap,
	SYS_rt_sigreturn, 0x40000000, 0x40000000 + SYS_mmap, 0x80000000, 0xffffffff, 0x100000000,
	AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, STUB_BASE, STUB_CONST, STUB_TEXT,
	STUB_TEXT + STUB_TEXT_SIZE, STUB_CTX, TURN, STUB_END, 1ull << 47, ~0ull, 1ull << 63,
	0xffffffffff600000};
_Static_assert(
	sizeof(borders) / sizeof(borders[0]) * POINT_FORMS == POINT_BORDERS, "each in all forms");

uint64_t point_border(unsigned n)
{
	uint64_t v = borders[n / POINT_FORMS];

	switch (n % POINT_FORMS) {
	case 1:
		return v - 1;
	case 2:
		return v + 1;
	case 3:
		return v | 1ull << 32;
	case 4:
		return v | 1ull << 63;
	case 5:
		return v ^ 1ull << 47;
	case 6:
		return v << 32;
	case 7:
		return (uint32_t)v;
	default:
		return v;
	}
}

void point_set(struct seccomp_data *d, unsigned field, uint64_t v)
{
	if (field == 0)
		d->nr = (int)v;
	else if (field == 1)
		d->arch = (uint32_t)v;
	else if (field == 2)
		d->instruction_pointer = v;
	else
		d->args[field - 3] = v;
}

uint64_t point_get(const struct seccomp_data *d, unsigned field)
{
	if (field == 0)
		return (uint32_t)d->nr;
	if (field == 1)
		return d->arch;
	return field == 2 ? d->instruction_pointer : d->args[field - 3];
}
