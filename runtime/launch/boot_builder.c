/* SPDX-License-Identifier: Apache-2.0
 * A boot block grows.
 */
#include <string.h>

#include "kernel-shim/abi/boot.h"
#include "runtime/launch/boot_builder.h"

uint32_t boot_add_bytes(struct boot_builder *b, const void *p, size_t n, size_t align)
{
	uint64_t at = (b->used + align - 1) & ~(uint64_t)(align - 1);

	if (at + n > b->limit) {
		b->full = true;
		return 0;
	}
	if (p)
		memcpy(b->base + at, p, n);
	b->used = at + n;
	return (uint32_t)at;
}

uint32_t boot_add_string(struct boot_builder *b, const char *s)
{
	return boot_add_bytes(b, s, strlen(s) + 1, 1);
}

uint32_t boot_add_strings(struct boot_builder *b, char **v, uint32_t *count)
{
	uint32_t n = 0, table;

	while (v[n])
		n++;
	*count = n;
	table = boot_add_bytes(b, NULL, n * sizeof(uint32_t), 8);
	for (uint32_t i = 0; i < n && !b->full; i++)
		((uint32_t *)(b->base + table))[i] = boot_add_string(b, v[i]);
	return table;
}

void boot_set_id(struct boot_block *k, const uint8_t *random)
{
	memcpy(k->boot_id, random, sizeof(k->boot_id));
	k->boot_id[6] = (k->boot_id[6] & 0x0f) | 0x40;
	k->boot_id[8] = (k->boot_id[8] & 0x3f) | 0x80;
}
