/* SPDX-License-Identifier: Apache-2.0
 *
 * Root's right to every file is a capability, and the launcher has none in its jail: what another
 * user keeps for himself is then as closed to it as to anybody. Said before, because what the
 * program gets later is only "permission denied".
 */
#include <stdio.h>
#include <unistd.h>

#include "runtime/policy/policy_internal.h"

static bool in_group(gid_t gid)
{
	gid_t groups[256];
	int n = getgroups(256, groups);

	if (gid == getegid())
		return true;
	for (int i = 0; i < n; i++)
		if (groups[i] == gid)
			return true;
	return false;
}

bool rights_allow(const struct stat *st, unsigned want)
{
	unsigned shift = st->st_uid == geteuid() ? 6 : in_group(st->st_gid) ? 3 : 0;

	return geteuid() || (st->st_mode >> shift & want) == want;
}

void rights_note(const struct view *v, char *note, size_t size)
{
	for (unsigned i = 0; i < v->n; i++) {
		const struct launch_mount *m = &v->mounts[i];
		struct stat st;
		unsigned want = m->writable ? 06 : 04;

		if (m->kind != LAUNCH_MOUNT_HOST || fstat(m->fd, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			want |= 01;
		if (rights_allow(&st, want))
			continue;
		snprintf(note, size,
			"%s belongs to user %u, and root's right to %s it does not go into the "
			"sandbox: run it as that user",
			m->source, (unsigned)st.st_uid,
			rights_allow(&st, want & ~02u) ? "change" : "read");
		return;
	}
}
