/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SNAPSHOT_FILE_INTERNAL_H
#define SNAPSHOT_FILE_INTERNAL_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/snapshot/file.h"

struct head_range {
	uint64_t off, size, sum;
};

struct snapshot_head {
	char magic[8];
	uint32_t version, page;
	uint64_t file_size;
	struct snapshot_needs needs;
	struct head_range part[SNAPSHOT_PARTS];
	struct head_range extents;
	uint64_t sum; /* of what is before it */
};
_Static_assert(sizeof(struct snapshot_head) <= SNAPSHOT_PAGE, "the head is one page");
_Static_assert(sizeof(struct snapshot_needs) == 128 && sizeof(struct snapshot_extent) == 40 &&
		       sizeof(struct snapshot_head) == 256,
	"no padding: the file's bytes are these");

static inline uint64_t snapshot_sum(const void *p, size_t n)
{
	return XXH3_64bits(p, n);
}

static inline uint64_t snapshot_page_up(uint64_t n)
{
	return (n + SNAPSHOT_PAGE - 1) & ~(uint64_t)(SNAPSHOT_PAGE - 1);
}

#endif
