/* SPDX-License-Identifier: Apache-2.0
 *
 * Arguments of the program that name files of the host which it will not see: the user meant them,
 * and is told what would give them. Only a remark; the program may mean something else.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

/* FILE and --option=FILE. */
static const char *file_part(const char *word)
{
	const char *value = *word == '-' ? strchr(word, '=') : NULL;

	return value ? value + 1 : word;
}

static bool is_seen(const struct view *v, const char *path)
{
	const struct launch_mount *m = view_covering(v, path);
	struct view_node node;
	int r;

	if (m && (m->kind == LAUNCH_MOUNT_PROC || m->kind == LAUNCH_MOUNT_DEV ||
			 m->kind == LAUNCH_MOUNT_SYS))
		return true; /* the sandbox's own, whatever the host has there */
	r = view_lookup(v, path, &node);
	if (!r)
		view_node_close(&node);
	return !r;
}

static bool is_missed(const struct view *v, const char *cwd, const char *word)
{
	char path[POLICY_PATH_MAX];

	if (!*word || (*word != '/' && !*cwd) || path_normalise(path, cwd, word))
		return false;
	return !access(path, F_OK) && !is_seen(v, path);
}

void arguments_note(const struct view *v, char **argv, const char *cwd, char *note, size_t size)
{
	const char *first = NULL;
	unsigned more = 0;

	for (unsigned i = 1; argv[0] && argv[i]; i++) {
		const char *word = file_part(argv[i]);

		if (!is_missed(v, cwd, word))
			continue;
		if (first)
			more++;
		else
			first = word;
	}
	if (first)
		snprintf(note, size,
			"the program did not see %s%s, which its command line names: --ro %s gives "
			"it",
			first, more ? " and others" : "", first);
}
