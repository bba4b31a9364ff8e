/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "images/flat/writer.h"

/* CRC-32C bit by bit: of 3 KiB, once an image. */
static uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

void super_fill(uint8_t block[EROFS_BLOCK], struct erofs_super *s)
{
	uint8_t *at = block + EROFS_SUPER_OFFSET;

	memset(block, 0, EROFS_BLOCK);
	s->checksum = 0;
	memcpy(at, s, sizeof *s);
	s->checksum = crc32c(~0u, at, EROFS_BLOCK - EROFS_SUPER_OFFSET);
	memcpy(at, s, sizeof *s);
}
