/* SPDX-License-Identifier: Apache-2.0
 * Random bytes.
 */
#ifndef CORE_RANDOM_H
#define CORE_RANDOM_H

#include "core/types.h"

void random_bytes(void *buf, size_t n);
/* From now on what is given out depends on these too. */
void random_add(const u8 *seed, size_t n);

#endif
