/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "images/store/store_internal.h"

/* What helps, where something does. */
static const char *hint(int err)
{
	switch (-err) {
	case ENOSPC:
	case EDQUOT:
		return "; `sandbox image gc` frees what no image needs";
	case EFBIG:
		return "; a limit on the size of files is set (ulimit -f)";
	case EACCES:
	case EPERM:
	case EROFS:
		return "; choose another store with --store";
	default:
		return "";
	}
}

int store_fail(const struct store *s, struct image_error *e, int err, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return image_fail(
		e, err, "image store %s: cannot %s: %s%s", s->dir, what, strerror(-err), hint(err));
}

int store_writable(const struct store *s, struct image_error *e)
{
	if (s->mode != STORE_READ)
		return 0;
	return image_fail(e, -EROFS, "image store %s was opened only to be read", s->dir);
}
