/* SPDX-License-Identifier: Apache-2.0
 * Structures of calls that grow from one kernel to the next.
 */
#include <asm/errno.h>

#include "mm/mm.h"
#include "sys/uapi.h"

int copy_struct_from_user(void *dst, size_t known, size_t least, u64 uaddr, u64 size)
{
	u8 extra;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < least)
		return -EINVAL;
	for (u64 i = known; i < size; i++) {
		if (copy_from_user(&extra, uaddr + i, 1))
			return -EFAULT;
		if (extra)
			return -E2BIG;
	}
	memset(dst, 0, known);
	return copy_from_user(dst, uaddr, min_u64(size, known));
}
