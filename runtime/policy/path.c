/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths as text, and text that is safe to show.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "runtime/policy/policy_internal.h"

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
	size_t len;
	uint32_t c;

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	c = s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0; /* the NUL as well */
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < 0xa0 || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
		return 0;
	if ((c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	if ((len == 3 && c < 0x800) || (len == 4 && c < 0x10000))
		return 0;
	return len;
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
