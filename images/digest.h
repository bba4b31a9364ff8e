/* SPDX-License-Identifier: Apache-2.0
 *
 * Digests as the image specification writes them. SHA-256 only: what everybody uses, and what the
 * store names files by; sha512 is refused with a sentence.
 */
#ifndef IMAGES_DIGEST_H
#define IMAGES_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_HEX  64
#define DIGEST_TEXT (7 + DIGEST_HEX + 1)

struct digest {
	char hex[DIGEST_HEX + 1]; /* lower case */
};

/* "sha256:<64 lower-case hex digits>" and nothing else. */
bool digest_parse(const char *text, struct digest *out);
void digest_text(const struct digest *d, char out[DIGEST_TEXT]);
bool digest_equal(const struct digest *a, const struct digest *b);

/* Hashing with libcrypto. NULL: no memory. */
struct hasher;
struct hasher *hasher_new(void);
void hasher_add(struct hasher *h, const void *data, size_t n);
void hasher_add_zeros(struct hasher *h, uint64_t n);   /* of a hole */
void hasher_end(struct hasher *h, struct digest *out); /* frees it; out may be NULL */
void digest_of(const void *data, size_t n, struct digest *out);

#endif
