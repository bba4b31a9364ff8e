/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "images/transfer/origin.h"

const char *name_familiar(const char *name)
{
	static const char *const prefixes[] = {
		"docker.io/library/", "index.docker.io/library/", "docker.io/"};

	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return name + strlen(prefixes[i]);
	return name;
}
