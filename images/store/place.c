/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the store is if nobody says so.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/store/place.h"

int store_place(const char *dir, char **out, struct image_error *e)
{
	const char *below = "";

	if (!dir)
		dir = getenv("SANDBOX_STORE");
	if (!dir || !*dir) {
		/* the XDG specification: a relative one is to be ignored */
		dir = getenv("XDG_DATA_HOME");
		below = "/sandbox/images";
		if (dir && *dir != '/')
			dir = NULL;
	}
	if (!dir) {
		dir = getenv("HOME");
		below = "/.local/share/sandbox/images";
	}
	if (!dir || !*dir)
		return image_fail(e, -EINVAL,
			"no image store: neither SANDBOX_STORE nor HOME is set; give --store DIR");
	if (asprintf(out, "%s%s", dir, below) < 0)
		return image_fail(e, -ENOMEM, "no memory");
	return 0;
}

int store_missing(const char *dir, struct image_error *e)
{
	return image_fail(e, -ENOENT,
		"there is no image store at %s; `sandbox image pack`, `import` or `pull` makes one",
		dir);
}
