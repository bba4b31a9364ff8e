/* SPDX-License-Identifier: Apache-2.0
 * Capabilities (capabilities(7)): root's rights in parts, and what becomes of them when ids change
 * and programs are executed (Linux security/commoncap.c). They hold inside of the sandbox; what the
 * host lets anybody do, its own launcher decides.
 */
#include <linux/securebits.h>

#include "core/cred.h"

/* What goes with the file-system id. */
#define CAP_FS_SET                                                                                 \
	(CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_MKNOD) | CAP_BIT(CAP_DAC_OVERRIDE) |                     \
		CAP_BIT(CAP_DAC_READ_SEARCH) | CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) |         \
		CAP_BIT(CAP_MAC_OVERRIDE) | CAP_BIT(CAP_LINUX_IMMUTABLE))

bool cred_has(const struct cred *c, u32 cap)
{
	return c->cap_effective & CAP_BIT(cap);
}

void cred_first(struct cred *c)
{
	c->cap_bounding = CAP_ALL;
	c->cap_permitted = c->cap_effective = c->euid ? 0 : CAP_ALL;
}

static bool is_any_root(const struct cred *c)
{
	return !c->uid || !c->euid || !c->suid;
}

void cred_uid_changed(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (is_any_root(old) && !is_any_root(c)) {
		if (!(c->securebits & SECBIT_KEEP_CAPS))
			c->cap_permitted = c->cap_effective = 0;
		c->cap_ambient = 0;
	}
	if (!old->euid && c->euid)
		c->cap_effective = 0;
	if (old->euid && !c->euid)
		c->cap_effective = c->cap_permitted;
}

void cred_fsuid_changed(struct cred *c, const struct cred *old)
{
	if (c->securebits & SECBIT_NO_SETUID_FIXUP)
		return;
	if (!old->fsuid && c->fsuid)
		c->cap_effective &= ~CAP_FS_SET;
	if (old->fsuid && !c->fsuid)
		c->cap_effective |= CAP_FS_SET & c->cap_permitted;
}

void cred_exec(struct cred *c)
{
	bool root = !(c->securebits & SECBIT_NOROOT);
	bool all = root && (!c->euid || !c->uid);

	c->cap_permitted = (all ? c->cap_bounding | c->cap_inheritable : 0) | c->cap_ambient;
	c->cap_effective = root && !c->euid ? c->cap_permitted : c->cap_ambient;
	c->securebits &= ~(u32)SECBIT_KEEP_CAPS;
}
