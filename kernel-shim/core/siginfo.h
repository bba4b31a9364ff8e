/* SPDX-License-Identifier: Apache-2.0
 * si_code values of the uapi header, without its POLL_*, which fs/vfs.h uses for poll(2). Include
 * first.
 */
#ifndef CORE_SIGINFO_H
#define CORE_SIGINFO_H

#include <asm-generic/siginfo.h>

#undef POLL_IN
#undef POLL_OUT
#undef POLL_MSG
#undef POLL_ERR
#undef POLL_PRI
#undef POLL_HUP

#endif
