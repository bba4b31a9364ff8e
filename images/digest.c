/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "images/digest.h"

#define PREFIX "sha256:"

struct hasher {
	EVP_MD_CTX *ctx;
};

bool digest_parse(const char *text, struct digest *out)
{
	size_t n = strlen(PREFIX);

	if (strncmp(text, PREFIX, n) || strspn(text + n, "0123456789abcdef") != DIGEST_HEX ||
		text[n + DIGEST_HEX])
		return false;
	memcpy(out->hex, text + n, DIGEST_HEX + 1);
	return true;
}

void digest_text(const struct digest *d, char out[DIGEST_TEXT])
{
	memcpy(out, PREFIX, strlen(PREFIX));
	memcpy(out + strlen(PREFIX), d->hex, DIGEST_HEX + 1);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return !memcmp(a->hex, b->hex, DIGEST_HEX);
}

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
