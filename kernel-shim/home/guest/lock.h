/* SPDX-License-Identifier: Apache-2.0
 * The kernel lock of home guest with several processors. Knows of the machine only what it is to
 * call.
 */
#ifndef HOME_GUEST_LOCK_H
#define HOME_GUEST_LOCK_H

#include "core/types.h"

/* Processor `me` takes it; looks for a while, then parks. */
void guest_lock_take(u32 me);
void guest_lock_drop(void);

/* cpu.c: this processor sleeps until guest_unpark was called for it since its last guest_park
 * returned, or CLOCK_MONOTONIC deadline; may return early. */
void guest_park(u64 deadline);
void guest_unpark(u32 cpu);

#endif
