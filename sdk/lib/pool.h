/* SPDX-License-Identifier: Apache-2.0
 *
 * Clones that were made in advance, and wait for input. Until one is taken nobody knows what for:
 * it has pipes, and no limits.
 */
#ifndef SDK_POOL_H
#define SDK_POOL_H

#include "sdk/lib/template.h"

/* One for this use. NULL with 0: there is none, or it is not a use for those; NULL with a code. */
int pool_take(struct sb_template *t, const struct sb_clone_config *c, struct sb **out,
	struct sb_error **error);
/* Makes what is missing. 0 or a code. */
int pool_fill(struct sb_template *t, struct sb_error **error);
void pool_clear(struct sb_template *t);

#endif
