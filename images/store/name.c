/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of images, as the distribution specification has them. Nothing but libc: the launcher links
 * it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "images/store/store.h"

#define LOWER	 "abcdefghijklmnopqrstuvwxyz"
#define DIGITS	 "0123456789"
#define LETTERS	 LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define TAG_MAX	 128
#define PORT_MAX 65535u

/* One path component: runs of lower-case letters and digits, between them ".", "_", "__" or any
 * number of "-". */
static bool component_valid(const char *s, size_t n)
{
	const char *end = s + n;

	for (;;) {
		size_t run = strspn(s, LOWER DIGITS);

		if (!run || run > (size_t)(end - s))
			return false;
		s += run;
		if (s == end)
			return true;
		if (*s == '-')
			s += strspn(s, "-");
		else if (s[0] == '_' && s[1] == '_')
			s += 2;
		else if (*s == '.' || *s == '_')
			s++;
		else
			return false;
		if (s >= end)
			return false;
	}
}

static bool path_valid(const char *s, size_t n)
{
	while (n) {
		const char *slash = memchr(s, '/', n);
		size_t part = slash ? (size_t)(slash - s) : n;

		if (!component_valid(s, part))
			return false;
		if (!slash)
			return true;
		s += part + 1;
		n -= part + 1;
	}
	return false;
}

static bool tag_valid(const char *s)
{
	size_t n = strlen(s);

	return n && n <= TAG_MAX && *s != '.' && *s != '-' && strspn(s, LETTERS DIGITS "._-") == n;
}

static bool port_valid(const char *s, size_t n)
{
	unsigned port = 0;

	if (!n || n > 5 || strspn(s, DIGITS) < n)
		return false;
	for (size_t i = 0; i < n; i++)
		port = port * 10 + (unsigned)(s[i] - '0');
	return port && port <= PORT_MAX;
}

/* "host", "host:port", "[::1]:port" in s[0..n). */
static bool host_valid(const char *s, size_t n)
{
	const char *end = s + n, *p = s;

	if (*p == '[') {
		p += 1 + strspn(p + 1, DIGITS "abcdefABCDEF:.");
		if (p >= end || *p++ != ']' || p - s < 4)
			return false;
	} else {
		size_t run = strspn(s, LETTERS DIGITS ".-");

		if (!run || run > n || strchr(".-", *s) || strchr(".-", s[run - 1]))
			return false;
		for (size_t i = 1; i < run; i++)
			if (s[i] == '.' && s[i - 1] == '.')
				return false;
		p += run;
	}
	if (p == end)
		return true;
	return *p == ':' && port_valid(p + 1, (size_t)(end - p - 1));
}

/* Bytes of the registry in front, without its slash; 0: none. As everybody does it: the first
 * component is one if it could not be a name's. */
static size_t host_length(const char *text)
{
	size_t n = strcspn(text, "/");

	if (!text[n])
		return 0;
	if (memchr(text, '.', n) || memchr(text, ':', n) || *text == '[' ||
		(n == 9 && !memcmp(text, "localhost", 9)))
		return n;
	return 0;
}

static int invalid(const char *text, const char *why, struct image_error *e)
{
	return image_fail(e, -EINVAL, "\"%.300s\" is no name of an image: %s", text, why);
}

int image_name_parse(const char *text, char out[STORE_NAME_MAX], struct image_error *e)
{
	size_t host = host_length(text), n = strlen(text);
	const char *path = text + host + (host != 0);
	const char *colon = strchr(path, ':');
	size_t path_n = colon ? (size_t)(colon - path) : strlen(path);
	struct digest d;

	if (digest_parse(text, &d))
		return invalid(text, "it is a digest", e);
	if (strchr(text, '@'))
		return invalid(text, "a digest (@sha256:…) cannot be part of it here", e);
	if (host && !host_valid(text, host))
		return invalid(text, "its registry is not HOST or HOST:PORT", e);
	if (!path_valid(path, path_n))
		return invalid(text,
			"it must be NAME[:TAG] in lower-case letters and digits, with \".\", "
			"\"_\", "
			"\"-\" and \"/\" between them",
			e);
	if (colon && !tag_valid(colon + 1))
		return invalid(text,
			"its tag must be 1 to 128 letters, digits, \"_\", \".\" and \"-\", and not "
			"begin with \".\" or \"-\"",
			e);
	if (n + (colon ? 0 : sizeof ":latest" - 1) >= STORE_NAME_MAX)
		return invalid(text, "it is longer than 255 bytes", e);
	snprintf(out, STORE_NAME_MAX, "%s%s", text, colon ? "" : ":latest");
	return 0;
}
