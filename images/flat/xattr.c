/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/flat/writer.h"

#define AREA_MAX (sizeof(struct erofs_xattr_header) + 4u * (UINT16_MAX - 1u))

static const struct prefix {
	const char *text;
	uint8_t number;
	bool whole; /* nothing may follow */
} prefixes[] = {
	{"user.", EROFS_XATTR_USER, false},
	{"system.posix_acl_access", EROFS_XATTR_ACL_ACCESS, true},
	{"system.posix_acl_default", EROFS_XATTR_ACL_DEFAULT, true},
	{"trusted.", EROFS_XATTR_TRUSTED, false},
	{"security.", EROFS_XATTR_SECURITY, false},
};

static const struct prefix *prefix_of(const char *name, const char **rest)
{
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		size_t n = strlen(prefixes[i].text);

		if (strncmp(name, prefixes[i].text, n))
			continue;
		*rest = name + n;
		if (prefixes[i].whole ? !**rest : **rest && strlen(*rest) <= UINT8_MAX)
			return &prefixes[i];
	}
	return NULL;
}

/* Each name once, as many as there is room for. */
static void leave_out(char list[256], const char *name)
{
	size_t used = strlen(list), len = strlen(name);

	for (const char *at = list; (at = strstr(at, name)); at++)
		if ((at == list || at[-1] == ' ') && (at[len] == ',' || !at[len]))
			return;
	if (used + len + 3 <= 256)
		snprintf(list + used, 256 - used, "%s%s", used ? ", " : "", name);
}

static int by_name(const void *left, const void *right)
{
	const struct layer_xattr *a = left, *b = right;

	return strcmp(a->name, b->name);
}

/* false: the format has no room for it. */
static bool append(uint8_t *area, size_t *used, const struct layer_xattr *x,
	const struct prefix *prefix, const char *rest)
{
	size_t len = strlen(rest), size = sizeof(struct erofs_xattr_entry) + len + x->size;
	struct erofs_xattr_entry entry = {.name_len = (uint8_t)len, .prefix = prefix->number};

	if (x->size > UINT16_MAX || size + 3 > AREA_MAX - *used)
		return false;
	entry.value_size = (uint16_t)x->size;
	memcpy(area + *used, &entry, sizeof entry);
	memcpy(area + *used + sizeof entry, rest, len);
	if (x->size)
		memcpy(area + *used + sizeof entry + len, x->value, x->size);
	memset(area + *used + size, 0, -size & 3);
	*used += (size + 3) & ~(size_t)3;
	return true;
}

static void pack(
	const struct layer_xattr *x, size_t n, uint8_t *area, size_t *used, char left_out[256])
{
	const char *rest;

	memset(area, 0, sizeof(struct erofs_xattr_header));
	*used = sizeof(struct erofs_xattr_header);
	for (size_t i = 0; i < n; i++) {
		const struct prefix *prefix = prefix_of(x[i].name, &rest);

		if (i + 1 < n && !strcmp(x[i].name, x[i + 1].name))
			continue;
		if (!prefix || !append(area, used, &x[i], prefix, rest))
			leave_out(left_out, x[i].name);
	}
}

int xattr_pack(const struct layer_xattr *x, size_t n, uint8_t **area, uint32_t *size,
	char left_out[256], struct image_error *e)
{
	struct layer_xattr *sorted;
	uint8_t *whole;
	size_t used;
	int r = 0;

	*area = NULL;
	*size = 0;
	if (!n)
		return 0;
	sorted = reallocarray(NULL, n, sizeof *sorted);
	whole = malloc(AREA_MAX);
	if (!sorted || !whole) {
		r = image_fail(e, -ENOMEM, "out of memory for extended attributes");
		goto free_both;
	}
	memcpy(sorted, x, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, by_name);
	pack(sorted, n, whole, &used, left_out);
	if (used > sizeof(struct erofs_xattr_header)) {
		uint8_t *fit = realloc(whole, used);

		*area = fit ? fit : whole;
		*size = (uint32_t)used;
		whole = NULL;
	}
free_both:
	free(sorted);
	free(whole);
	return r;
}
