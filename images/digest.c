/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "images/digest.h"

#define PREFIX "sha256:"

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
