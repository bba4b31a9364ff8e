/* SPDX-License-Identifier: Apache-2.0
 * Descriptors of processes, for the calls that take one besides other things.
 */
#ifndef SYS_PIDFD_H
#define SYS_PIDFD_H

#include "core/types.h"

/* The pid that fd stands for (0: it has been waited for) and whether it does not block. 0 or
 * -EBADF.
 */
int pidfd_target(s32 fd, s32 *pid, bool *nonblock);

#endif
