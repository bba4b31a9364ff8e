/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths as text, and text that is safe to show.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/policy/policy_internal.h"
#include "runtime/policy/utf8.h"

/* Appends the components of s to out, whose length is *len (1 for "/"). */
static int append(char out[POLICY_PATH_MAX], size_t *len, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.') {
			while (*len > 1 && out[*len - 1] != '/')
				--*len;
			if (*len > 1)
				--*len;
		} else if (n && !(n == 1 && s[0] == '.')) {
			if (*len + n + 2 > POLICY_PATH_MAX)
				return -ENAMETOOLONG;
			if (*len > 1)
				out[(*len)++] = '/';
			memcpy(out + *len, s, n);
			*len += n;
		}
		s += n;
		s += *s == '/';
	}
	out[*len] = 0;
	return 0;
}

int path_normalise(char out[POLICY_PATH_MAX], const char *base, const char *path)
{
	size_t len = 1;
	int r;

	out[0] = '/';
	r = *path == '/' ? 0 : append(out, &len, base);
	return r ? r : append(out, &len, path);
}

bool path_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (n == 1)
		return true;
	return !strncmp(path, dir, n) && (path[n] == '/' || !path[n]);
}

const char *path_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	path += n == 1 ? 0 : n;
	return path + (*path == '/');
}

/* Length of the UTF-8 sequence at s that a terminal only shows, or 0. U+0080 to U+009F are control
 * characters, U+202A to U+202E and U+2066 to U+2069 turn the direction of what follows. */
static size_t shown_len(const unsigned char *s)
{
	uint32_t c;
	size_t len = utf8_decode(s, UTF8_MAX, &c); /* it ends at the NUL */

	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return 0;
	return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ? 0 : len;
}

void policy_clean_text(char *out, size_t size, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t o = 0;

	while (*s) {
		size_t n = shown_len(s);

		if (o + (n ? n : 1) + 1 > size)
			break;
		if (n) {
			memcpy(out + o, s, n);
			o += n;
			s += n;
		} else {
			out[o++] = '?';
			s++;
		}
	}
	out[o] = 0;
}

int policy_fail(struct policy_error *e, int code, const char *fmt, ...)
{
	char text[sizeof e->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	e->code = code;
	policy_clean_text(e->text, sizeof e->text, text);
	return -EINVAL;
}
