/* SPDX-License-Identifier: Apache-2.0
 * What a program did not get because the sandbox was not given it: told under -v, with the option
 * that would give it. The host does not hear of it otherwise: such names end in the part of "/"
 * that only the sandbox has, made for the mountpoints and read-only.
 */
#include "fs/fs_internal.h"

#define TEXT_MAX 1000u /* of a line for the launcher */

static bool is_own_part(const struct mount *m)
{
	return (m->flags & MOUNT_RO) && !m->super->remote;
}

/* The whole path of n's last component. */
static s64 last_path(const struct namei *n, char *buf)
{
	s64 len = path_string(&n->path, buf, TEXT_MAX);

	if (len <= 0 || (u64)len + n->last_len + 2 > TEXT_MAX)
		return -ENAMETOOLONG;
	if (len == 1)
		len = 0; /* "/" */
	buf[len] = '/';
	memcpy(buf + len + 1, n->last, n->last_len);
	buf[(u64)len + 1 + n->last_len] = 0;
	return len;
}

void denial_tell(const struct namei *n, const char *option)
{
	char *buf;

	if (!kern->verbose || n->kernel || n->kind != LAST_NAME || !is_own_part(n->path.mnt))
		return;
	buf = kalloc(TEXT_MAX);
	if (buf && last_path(n, buf) >= 0)
		klog(CHAN_LOG_DENIED, "%s %s", option, buf);
	kfree(buf);
}
