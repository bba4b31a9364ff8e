/* SPDX-License-Identifier: Apache-2.0
 *
 * State as bytes: one walk over its fields writes them, and the same walk reads them. What is read
 * is not believed: each function says its bounds, and after a mistake all that is read is 0.
 */
#ifndef SNAPSHOT_CODER_H
#define SNAPSHOT_CODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coder {
	bool reads;
	uint8_t *p;
	size_t n, room; /* bytes that are there; written: and room for so many */
	size_t at;	/* of the next one that is read */
	int err;	/* the first mistake: -EBADMSG, -ENOMEM; else 0 */
};

#define CODER_STRING_MAX 65536u

/* p stays the caller's. */
struct coder coder_of(const uint8_t *p, size_t n);
void coder_free(struct coder *c); /* of one that wrote */
void coder_bytes(struct coder *c, void *p, size_t n);
void coder_u8(struct coder *c, uint8_t *v);
void coder_bool(struct coder *c, bool *v);
void coder_u16(struct coder *c, uint16_t *v);
void coder_u32(struct coder *c, uint32_t *v);
void coder_u64(struct coder *c, uint64_t *v);
/* A number that must not be more than max. */
void coder_count(struct coder *c, uint32_t *v, uint32_t max);
/* NULL is one too. Read: in fresh memory, and never NULL with err 0 if it was not. */
void coder_string(struct coder *c, char **s);
/* What was read is nonsense. */
void coder_fail(struct coder *c);
/* 0, or the first mistake; read: something is left over. */
int coder_end(struct coder *c);

#endif
