/* SPDX-License-Identifier: Apache-2.0 */
#include <grp.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vmm/permission.h"

void vm_permission_explain(const char *path, char *why, size_t why_size)
{
	struct stat st;
	const struct group *g;

	if (!geteuid() || stat(path, &st)) {
		snprintf(why, why_size,
			"%s: permission denied even to root: the container or the file system "
			"forbids it",
			path);
		return;
	}
	g = getgrgid(st.st_gid);
	/* nobody should join group root for it */
	if ((st.st_mode & 0060) == 0060 && st.st_gid)
		snprintf(why, why_size, "%s: permission denied: add yourself to group %s", path,
			g ? g->gr_name : "kvm");
	else
		snprintf(why, why_size,
			"%s: permission denied: its mode is %04o, its group %s; as root: chgrp kvm "
			"%s && chmod 660 %s, then add yourself to group kvm",
			path, st.st_mode & 07777, g ? g->gr_name : "has no name", path, path);
}
