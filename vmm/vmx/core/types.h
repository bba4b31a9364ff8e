/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 * The few types and functions that the core takes from whatever it is compiled for.
 */
#ifndef VMX_CORE_TYPES_H
#define VMX_CORE_TYPES_H

#include <asm/errno.h>

#ifdef __KERNEL__
#include <linux/string.h>
#include <linux/types.h>
#ifndef UINT64_MAX
#define UINT64_MAX (~(uint64_t)0)
#endif
#ifndef UINT32_MAX
#define UINT32_MAX (~(uint32_t)0)
#endif
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h> /* memset, memcpy: metal has its own */
#endif

#define VMX_PAGE_SHIFT 12
#define VMX_PAGE_SIZE  4096ull
#define VMX_PAGE_MASK  (~(VMX_PAGE_SIZE - 1))

#define VMX_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#endif
