/* SPDX-License-Identifier: Apache-2.0
 * AddressSanitizer, where it is on, has to be told that the stack changes.
 */
#ifndef HOME_HOST_FIBER_H
#define HOME_HOST_FIBER_H

#include "home/platform.h"

#ifndef __has_feature
#define __has_feature(x) 0 /* gcc, which defines __SANITIZE_ADDRESS__ instead */
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/common_interface_defs.h>

static inline void fiber_leave(struct kctx *from, const struct kctx *to)
{
	__sanitizer_start_switch_fiber(
		&from->fake_stack, (const void *)to->stack_lo, to->stack_size);
}

/* On the new stack; c is what fiber_leave left, NULL the first time. */
static inline void fiber_arrive(struct kctx *c)
{
	__sanitizer_finish_switch_fiber(c ? c->fake_stack : NULL, NULL, NULL);
}
#else
static inline void fiber_leave(struct kctx *from, const struct kctx *to)
{
}

static inline void fiber_arrive(struct kctx *c)
{
}
#endif

#endif
