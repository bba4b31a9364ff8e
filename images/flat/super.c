/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "images/flat/checksum.h"
#include "images/flat/writer.h"

void super_fill(uint8_t block[EROFS_BLOCK], struct erofs_super *s)
{
	uint8_t *at = block + EROFS_SUPER_OFFSET;

	memset(block, 0, EROFS_BLOCK);
	s->checksum = 0;
	memcpy(at, s, sizeof *s);
	s->checksum = crc32c(~0u, at, EROFS_BLOCK - EROFS_SUPER_OFFSET);
	memcpy(at, s, sizeof *s);
}
