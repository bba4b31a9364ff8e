/* SPDX-License-Identifier: Apache-2.0
 * From a path inside to the host's, for who looks a sampled file's names up.
 */
#include <stdio.h>
#include <string.h>

#include "runtime/launch/launch_internal.h"

/* `path` below target: what follows target, else NULL. */
static const char *below(const char *target, const char *path)
{
	size_t n = strcmp(target, "/") ? strlen(target) : 0;

	return !strncmp(path, target, n) && (!path[n] || path[n] == '/') ? path + n : NULL;
}

size_t launch_host_path(const struct launch_config *c, const char *path, char *out, size_t size)
{
	const char *rest = NULL;
	unsigned best = 0;
	int n;

	for (unsigned i = 0; i < c->nmounts; i++) {
		const char *r = below(c->mounts[i].target, path);

		if (r && (!rest || strlen(r) <= strlen(rest))) {
			rest = r;
			best = i;
		}
	}
	if (!rest || c->mounts[best].kind != LAUNCH_MOUNT_HOST)
		return 0;
	n = snprintf(out, size, "%s%s", c->mounts[best].source, rest);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}
