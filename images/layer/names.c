/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of members: made safe, put in order, and taken for whiteouts.
 */
#include <errno.h>
#include <string.h>

#include "images/layer/layer_internal.h"

struct layer_locale layer_locale_enter(void)
{
	struct layer_locale l = {newlocale(LC_ALL_MASK, "C", (locale_t)0), (locale_t)0};

	if (l.own)
		l.before = uselocale(l.own);
	return l;
}

void layer_locale_leave(struct layer_locale *l)
{
	if (!l->own)
		return;
	uselocale(l->before);
	freelocale(l->own);
}

const char *layer_path_clean(const char *name, char out[LAYER_PATH_MAX + 1])
{
	size_t len = 0;

	for (const char *s = name; *s;) {
		size_t n = strcspn(s, "/");

		if (n == 2 && !memcmp(s, "..", 2))
			return "leads through \"..\"";
		if (n > LAYER_NAME_MAX)
			return "has a component of more than 255 bytes";
		if (n && !(n == 1 && *s == '.')) {
			if (len + n + 1 > LAYER_PATH_MAX)
				return "is longer than 4,095 bytes";
			if (len)
				out[len++] = '/';
			memcpy(out + len, s, n);
			len += n;
		}
		s += n;
		s += *s == '/';
	}
	out[len] = 0;
	return NULL;
}

/* The root's name in an archive is no name to be ordered by. */
static const char *as_path(const char *name)
{
	return strcmp(name, LAYER_ROOT_NAME) ? name : "";
}

int layer_path_compare(const char *a, const char *b)
{
	a = as_path(a);
	b = as_path(b);
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (!*a || !*b)
		return *a ? 1 : -1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

/* A component above the last that is a whiteout's name, which is no directory; or NULL. */
static const char *above_whiteout(const char *path, const char *last)
{
	for (const char *s = path; s < last; s = strchr(s, '/') + 1)
		if (!strncmp(s, LAYER_WHITEOUT_PREFIX, strlen(LAYER_WHITEOUT_PREFIX)))
			return s;
	return NULL;
}

int layer_whiteout_parse(char *path, int *kind)
{
	size_t prefix = strlen(LAYER_WHITEOUT_PREFIX);
	char *slash = strrchr(path, '/');
	char *last = slash ? slash + 1 : path;
	const char *above = above_whiteout(path, last);

	*kind = LAYER_NODE;
	if (above)
		return strncmp(above + prefix, LAYER_WHITEOUT_PREFIX, prefix) ? -EINVAL : -ENOENT;
	if (strncmp(last, LAYER_WHITEOUT_PREFIX, prefix))
		return 0;
	if (!strcmp(last, LAYER_OPAQUE_NAME)) {
		*(slash ? slash : path) = 0;
		*kind = LAYER_OPAQUE;
		return 0;
	}
	if (!strncmp(last + prefix, LAYER_WHITEOUT_PREFIX, prefix))
		return -ENOENT; /* AUFS, from which the names come, has more of its own */
	if (!last[prefix] || !strcmp(last + prefix, ".") || !strcmp(last + prefix, ".."))
		return -EINVAL;
	memmove(last, last + prefix, strlen(last + prefix) + 1);
	*kind = LAYER_WHITEOUT;
	return 0;
}
