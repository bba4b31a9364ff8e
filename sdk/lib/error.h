/* SPDX-License-Identifier: Apache-2.0
 *
 * Error objects: made where the sentence is known, handed up through `struct sb_error **`.
 */
#ifndef SDK_ERROR_H
#define SDK_ERROR_H

#include "sdk/include/sandbox.h"

/* Each returns code. out may be NULL. Where there is no memory for the object it is one that says
 * so, of code SB_NO_MEMORY; the call's own code stays. */
__attribute__((format(printf, 3, 4))) int error_set(
	struct sb_error **out, int code, const char *fmt, ...);
/* SB_SYSTEM, or SB_NO_MEMORY for ENOMEM: the sentence, and as its cause "call: strerror". */
__attribute__((format(printf, 4, 5))) int error_system(
	struct sb_error **out, const char *call, int err, const char *fmt, ...);
/* The cause of what *out says, where there is one. */
__attribute__((format(printf, 3, 4))) void error_add_cause(
	struct sb_error **out, int code, const char *fmt, ...);
int error_no_memory(struct sb_error **out);

#endif
