/* SPDX-License-Identifier: Apache-2.0
 * Capabilities for prctl(2).
 */
#ifndef SYS_CAPS_H
#define SYS_CAPS_H

#include "core/task.h"

/* prctl(2)'s requests about capabilities; -EINVAL: not one of them. a: its arguments. */
long caps_prctl(struct cred *c, const u64 *a);

#endif
