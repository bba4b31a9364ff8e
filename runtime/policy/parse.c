/* SPDX-License-Identifier: Apache-2.0
 *
 * Words of the command line: sizes, durations, counts, grants.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/policy/policy_internal.h"

#define NS_PER_S 1000000000ull

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* A decimal number with an optional fraction, as number * scale, rounded down. */
static int parse_scaled(const char *s, size_t len, uint64_t scale, uint64_t *out)
{
	uint64_t whole = 0, part = 0, unit = 1;
	size_t i = 0;

	for (; i < len && is_digit(s[i]); i++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, s[i] - '0', &whole))
			return -ERANGE;
	if (!i)
		return -EINVAL;
	if (i < len) {
		if (s[i++] != '.' || i == len)
			return -EINVAL;
		for (; i < len; i++) {
			if (!is_digit(s[i]))
				return -EINVAL;
			if (unit > 100000000)
				continue; /* finer than any unit */
			part = part * 10 + (uint64_t)(s[i] - '0');
			unit *= 10;
		}
	}
	if (__builtin_mul_overflow(whole, scale, &whole))
		return -ERANGE;
	part = (uint64_t)((unsigned __int128)part * scale / unit);
	return __builtin_add_overflow(whole, part, out) ? -ERANGE : 0;
}

int policy_parse_size(const char *s, uint64_t *out)
{
	static const char units[] = "KMGT";
	size_t len = strlen(s);
	unsigned shift = 0;

	if (len && (s[len - 1] == 'B' || s[len - 1] == 'b'))
		len--;
	if (len > 1 && s[len - 1] == 'i' && s[len])
		len--; /* "MiB" */
	if (len) {
		char c = s[len - 1];
		const char *u = strchr(units, c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);

		if (u) {
			shift = 10 * (unsigned)(u - units + 1);
			len--;
		}
	}
	return parse_scaled(s, len, 1ull << shift, out);
}

int policy_parse_duration(const char *s, uint64_t *out)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{"ms", NS_PER_S / 1000},
		{"us", NS_PER_S / 1000000},
		{"s", NS_PER_S},
		{"m", 60 * NS_PER_S},
		{"h", 3600 * NS_PER_S},
		{"d", 86400 * NS_PER_S},
	};
	size_t len = strlen(s);

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		size_t n = strlen(units[i].name);

		if (len > n && !strcmp(s + len - n, units[i].name) && is_digit(s[len - n - 1]))
			return parse_scaled(s, len - n, units[i].ns, out);
	}
	return parse_scaled(s, len, NS_PER_S, out);
}

int policy_parse_count(const char *s, uint32_t *out)
{
	uint64_t v;
	int r;

	if (strchr(s, '.'))
		return -EINVAL;
	r = parse_scaled(s, strlen(s), 1, &v);
	if (r)
		return r;
	if (!v)
		return -EINVAL;
	if (v > UINT32_MAX)
		return -ERANGE;
	*out = (uint32_t)v;
	return 0;
}

/* The part of *s up to an unescaped colon; *s is set behind it, or to NULL at the end. */
static char *next_part(const char **s)
{
	char *out = malloc(strlen(*s) + 1), *o = out;
	const char *p = *s;

	if (!out)
		return NULL;
	while (*p && *p != ':') {
		if (p[0] == '\\' && (p[1] == ':' || p[1] == '\\'))
			p++;
		*o++ = *p++;
	}
	*o = 0;
	*s = *p ? p + 1 : NULL;
	return out;
}

static int grant_target(struct policy_grant *g, const char *text)
{
	char buf[POLICY_PATH_MAX];

	if (*text != '/' || path_normalise(buf, "/", text))
		return -EINVAL;
	g->target = strdup(buf);
	return g->target ? 0 : -ENOMEM;
}

int policy_parse_grant(enum policy_grant_kind kind, const char *s, struct policy_grant *out)
{
	struct policy_grant g = {.kind = kind};
	char *first, *second = NULL;
	int r = 0;

	first = next_part(&s);
	if (s)
		second = next_part(&s);
	if (!first || !*first || s || (second && !*second)) {
		r = first ? -EINVAL : -ENOMEM;
	} else if (kind == POLICY_TMPFS) {
		r = grant_target(&g, first);
		if (!r && second)
			r = policy_parse_size(second, &g.size);
	} else {
		g.source = strdup(first);
		r = g.source ? 0 : -ENOMEM;
		if (!r && second)
			r = grant_target(&g, second);
	}
	free(first);
	free(second);
	if (r)
		policy_grant_clear(&g);
	else
		*out = g;
	return r;
}

void policy_grant_clear(struct policy_grant *g)
{
	free(g->source);
	free(g->target);
	g->source = g->target = NULL;
}

bool policy_hostname_valid(const char *s)
{
	size_t len = strlen(s);

	if (!len || len > 64 || s[0] == '-' || s[0] == '.')
		return false;
	for (; *s; s++)
		if (!is_digit(*s) && !(*s >= 'a' && *s <= 'z') && !(*s >= 'A' && *s <= 'Z') &&
			*s != '-' && *s != '.' && *s != '_')
			return false;
	return true;
}

void policy_format_size(char out[16], uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 1024 && u < 4) {
		v /= 1024;
		u++;
	}
	snprintf(out, 16, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}
