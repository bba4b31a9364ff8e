/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "images/launcher.h"

int launcher_find(char out[PATH_MAX], struct image_error *e)
{
	static const char *const places[] = {"sandbox", "../../bin/sandbox"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	self[n > 0 ? n : 0] = 0;
	slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	for (size_t i = 0; slash && i < sizeof places / sizeof *places; i++)
		if (snprintf(out, PATH_MAX, "%s/%s", self, places[i]) < PATH_MAX &&
			!access(out, X_OK))
			return 0;
	return image_fail(e, -ENOENT, "sandbox is not installed beside sandbox-image");
}
