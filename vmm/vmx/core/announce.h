/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What a guest's kernel can say by VMCALL in ring 0, where there is shadow paging (else #UD):
 *	rax = VMX_CALL_ANNOUNCE_MODE, rbx = 1: from now on changes are announced; 0: not any more
 *	rax = VMX_CALL_ANNOUNCE, rbx = guest-physical address of a list, 8-byte aligned,
 *	      rcx = its entries, at most VMX_ANNOUNCE_MAX
 * rax is then 0, or -errno: EINVAL, ENXIO or EFAULT for the list, ENOSYS for another number.
 */
#ifndef VMX_CORE_ANNOUNCE_H
#define VMX_CORE_ANNOUNCE_H

#include "types.h"

#define VMX_CALL_ANNOUNCE_MODE 0x53420001ull
#define VMX_CALL_ANNOUNCE      0x53420002ull
#define VMX_ANNOUNCE_MAX       128u

/* Entries of [gva, gva + pages * 4096) under cr3 changed; or all of this root is gone. */
struct vmx_announcement {
	uint64_t cr3, gva, pages;
};
#define VMX_ANNOUNCE_ROOT_GONE UINT64_MAX

#endif
