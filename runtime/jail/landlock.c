/* SPDX-License-Identifier: Apache-2.0
 * Landlock (landlock(7)): the launcher may open only what lies below a grant, with the grant's
 * rights. A second wall behind the service's own checks.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/jail/jail_internal.h"

#define ACCESS_READ	  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_FILE_WRITE LANDLOCK_ACCESS_FS_WRITE_FILE
#define ACCESS_DIR_WRITE                                                                           \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |                          \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                      \
		LANDLOCK_ACCESS_FS_MAKE_SYM)
#define ACCESS_NEVER                                                                               \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK)

static int add_rule(int ruleset, const struct launch_mount *m, bool refer)
{
	struct landlock_path_beneath_attr rule = {
		.parent_fd = m->fd, .allowed_access = ACCESS_READ};
	struct stat st;

	if (fstat(m->fd, &st))
		return -errno;
	if (m->writable)
		rule.allowed_access |= ACCESS_FILE_WRITE | ACCESS_DIR_WRITE |
				       (refer ? LANDLOCK_ACCESS_FS_REFER : 0);
	if (!S_ISDIR(st.st_mode)) /* a file takes only the rights that files have */
		rule.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE;
	if (!syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return 0;
	/* EBADFD: a memfd, which has no place in the hierarchy that rules are about */
	return errno == EBADFD ? 0 : -errno;
}

static int restrict_to_grants(const struct launch_config *c, int ruleset, bool refer)
{
	for (unsigned i = 0; i < c->nmounts; i++) {
		int r = 0;

		if (c->mounts[i].kind == LAUNCH_MOUNT_HOST)
			r = add_rule(ruleset, &c->mounts[i], refer);
		if (r)
			return r;
	}
	return syscall(SYS_landlock_restrict_self, ruleset, 0) ? -errno : 0;
}

void jail_landlock(const struct launch_config *c, struct launch_jail_state *st)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	bool refer =
		abi >= 2; /* before it, links and renames between directories are always refused */
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = ACCESS_READ | ACCESS_FILE_WRITE | ACCESS_DIR_WRITE |
				     ACCESS_NEVER | (refer ? LANDLOCK_ACCESS_FS_REFER : 0),
	};
	int ruleset, r;

	if (abi < 1) {
		jail_missing(st,
			"Landlock: this kernel does not offer it (CONFIG_SECURITY_LANDLOCK, "
			"lsm=landlock)");
		return;
	}
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0) {
		jail_missing(st, "Landlock: %s", strerror(errno));
		return;
	}
	r = restrict_to_grants(c, ruleset, refer);
	close(ruleset);
	if (r)
		jail_missing(st, "Landlock: %s", strerror(-r));
	else
		st->landlock = true;
}
