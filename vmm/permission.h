/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VMM_PERMISSION_H
#define VMM_PERMISSION_H

#include <stddef.h>

/* A device that exists was refused to this user: what would help, in a sentence. It depends on who
 * asks and on what the device's mode says. */
void vm_permission_explain(const char *path, char *why, size_t why_size);

#endif
