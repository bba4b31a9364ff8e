/* SPDX-License-Identifier: Apache-2.0
 *
 * How a boot block grows (kernel-shim/abi/boot.h): what is added behind it is named by its offset.
 * Freestanding: runtime/metal builds one too.
 */
#ifndef LAUNCH_BOOT_BUILDER_H
#define LAUNCH_BOOT_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* used: of the block itself, at first; limit: the end of the room. full: something did not fit, and
 * has offset 0. */
struct boot_builder {
	uint8_t *base;
	uint64_t used, limit;
	bool full;
};

/* The offset of n bytes of p, or of room for them (NULL). align: a power of two. */
uint32_t boot_add_bytes(struct boot_builder *b, const void *p, size_t n, size_t align);
uint32_t boot_add_string(struct boot_builder *b, const char *s);
/* Of a table of offsets. v ends with NULL; *count: how many there were. */
uint32_t boot_add_strings(struct boot_builder *b, char **v, uint32_t *count);

struct boot_block;
/* Its boot_id, of 16 random bytes. */
void boot_set_id(struct boot_block *k, const uint8_t *random);

#endif
