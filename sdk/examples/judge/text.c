/* SPDX-License-Identifier: Apache-2.0
 *
 * Output of programs is any bytes, JSON is text.
 */
#include <stdlib.h>
#include <string.h>

#include "sdk/examples/judge/judge.h"

/* Bytes of the character that begins here, or 0: none does (RFC 3629, section 4). */
static size_t character(const unsigned char *s, size_t left)
{
	size_t n = *s < 0x80   ? 1
		   : *s < 0xc2 ? 0
		   : *s < 0xe0 ? 2
		   : *s < 0xf0 ? 3
		   : *s < 0xf5 ? 4
			       : 0;

	if (n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
		(*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

json_t *text_json(const char *data, size_t size)
{
	static const char unknown[] = "\xef\xbf\xbd";
	char *clean = malloc(3 * size + 1), *to = clean;
	json_t *json;

	if (!clean)
		return NULL;
	for (size_t i = 0; i < size;) {
		size_t n = character((const unsigned char *)data + i, size - i);

		memcpy(to, n ? data + i : unknown, n ? n : 3);
		to += n ? n : 3;
		i += n ? n : 1;
	}
	json = json_stringn(clean, (size_t)(to - clean));
	free(clean);
	return json;
}
