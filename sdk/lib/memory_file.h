/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that are only in memory (memfd_create(2)): given to a sandbox, or taken out of it.
 */
#ifndef SDK_MEMORY_FILE_H
#define SDK_MEMORY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "sdk/include/sandbox.h"

/* *fd: a descriptor with this content, at its beginning; sealed: nobody can change it, whatever he
 * has open. 0 or a code. */
int memory_file_make(const void *data, size_t size, unsigned mode, bool sealed, int *fd,
	struct sb_error **error);
/* Its content, at most limit bytes of it, NUL-terminated and to be freed. 0 or a code. */
int memory_file_take(
	int fd, size_t limit, char **data, size_t *size, bool *truncated, struct sb_error **error);

#endif
