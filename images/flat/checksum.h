/* SPDX-License-Identifier: Apache-2.0
 *
 * CRC-32C without its last inversion, as superblocks have it. Bit by bit: it is of 3 KiB, once an
 * image.
 */
#ifndef FLAT_CHECKSUM_H
#define FLAT_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t crc32c(uint32_t crc, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		crc ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

#endif
