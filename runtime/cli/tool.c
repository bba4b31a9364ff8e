/* SPDX-License-Identifier: Apache-2.0
 *
 * The other programs of ours: what needs a library that the launcher shall not load is one of its
 * own.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cli/cli.h"

static const char *const places[] = {"", "../libexec/sandbox/"};

bool cli_tool_find(const char *program, char *out, size_t size)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	char *slash;

	if (n <= 0)
		return false;
	self[n] = 0;
	slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = 0;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		int len = snprintf(out, size, "%s/%s%s", self, places[i], program);

		if (len > 0 && (size_t)len < size && !access(out, X_OK))
			return true;
	}
	return false;
}

int cli_tool(const char *program, const char *verb, char **args)
{
	char tool[PATH_MAX];

	if (!cli_tool_find(program, tool, sizeof tool)) {
		cli_say("%s: %s is not installed beside sandbox", verb, program);
		return POLICY_FAILED;
	}
	execv(tool, args);
	cli_say("%s: cannot start %s: %s", verb, tool, strerror(errno));
	return POLICY_FAILED;
}
