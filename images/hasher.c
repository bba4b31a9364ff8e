/* SPDX-License-Identifier: Apache-2.0
 *
 * Hashing, apart from digest.c: the launcher links that one, and no libcrypto.
 */
#include <openssl/evp.h>
#include <stdlib.h>

#include "images/digest.h"

struct hasher {
	EVP_MD_CTX *ctx;
};

struct hasher *hasher_new(void)
{
	struct hasher *h = calloc(1, sizeof *h);

	if (!h)
		return NULL;
	h->ctx = EVP_MD_CTX_new();
	if (!h->ctx || !EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL)) {
		EVP_MD_CTX_free(h->ctx);
		free(h);
		return NULL;
	}
	return h;
}

void hasher_add(struct hasher *h, const void *data, size_t n)
{
	EVP_DigestUpdate(h->ctx, data, n);
}

void hasher_add_zeros(struct hasher *h, uint64_t n)
{
	static const unsigned char zeros[64u << 10];

	while (n) {
		size_t part = n < sizeof zeros ? (size_t)n : sizeof zeros;

		hasher_add(h, zeros, part);
		n -= part;
	}
}

static void put_hex(const unsigned char *bytes, struct digest *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_HEX / 2; i++) {
		out->hex[2 * i] = digits[bytes[i] >> 4];
		out->hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	out->hex[DIGEST_HEX] = 0;
}

void hasher_end(struct hasher *h, struct digest *out)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];

	EVP_DigestFinal_ex(h->ctx, bytes, NULL);
	if (out)
		put_hex(bytes, out);
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void digest_of(const void *data, size_t n, struct digest *out)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];

	EVP_Digest(data, n, bytes, NULL, EVP_sha256(), NULL);
	put_hex(bytes, out);
}
