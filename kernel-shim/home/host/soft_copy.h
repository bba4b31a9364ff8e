/* SPDX-License-Identifier: Apache-2.0
 *
 * Access to memory of which one side may be a file mapping that has lost its pages, or finds no
 * room: 0, or -EFAULT instead of SIGBUS. For all of the launcher.
 */
#ifndef HOME_HOST_SOFT_COPY_H
#define HOME_HOST_SOFT_COPY_H

#include <stddef.h>
#include <stdint.h>

/* Installs the SIGBUS handler. 0 or -errno. */
int host_soft_copy_init(void);
int host_soft_copy(void *dst, const void *src, size_t n);
/* The same for a compare-and-exchange. */
int host_soft_cmpxchg(uint32_t *word, uint32_t expect, uint32_t desired, uint32_t *old);

#endif
