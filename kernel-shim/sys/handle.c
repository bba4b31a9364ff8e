/* SPDX-License-Identifier: Apache-2.0
 * name_to_handle_at(2): no file system here gives handles, and programs that ask for one go on
 * without.
 */
#include "fs/fs_internal.h"
#include "sys/sys.h"

long sys_name_to_handle_at(struct task *t, const u64 *a)
{
	u32 flags = (u32)a[4], lookup = flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0;
	struct path p;
	long r;

	if (flags & ~(u32)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH)
		lookup |= LOOKUP_EMPTY;
	r = path_lookup_user((s32)a[0], a[1], lookup, &p);
	if (r)
		return r;
	path_put(&p);
	return -EOPNOTSUPP;
}
