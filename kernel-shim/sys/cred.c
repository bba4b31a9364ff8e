/* SPDX-License-Identifier: Apache-2.0
 * User and group ids (credentials(7), setresuid(2)). Each call changes the calling thread only;
 * libc does it in every thread.
 */
#include <asm/errno.h>

#include "core/cred.h"
#include "mm/mm.h"
#include "sys/sys.h"

#define NO_ID 0xffffffffu

/* The rules are written once for both sets of ids: that which `cap` lets change at will. */
static struct cred_ids *ids_of(struct task *t, u32 cap)
{
	return cap == CAP_SETUID ? &t->cred.user : &t->cred.group;
}

/* What a program without privilege may switch to: one of its three ids. */
static bool may_become(const struct cred_ids *i, u32 id)
{
	return id == i->real || id == i->effective || id == i->saved;
}

/* commit_creds: a change of effective or file-system ids makes the process undumpable
 * (suid_dumpable 0) and forgets the parent-death signal. */
static void ids_changed(struct task *t, const struct cred *old)
{
	const struct cred *c = &t->cred;

	if (old->euid == c->euid && old->egid == c->egid && old->fsuid == c->fsuid &&
		old->fsgid == c->fsgid)
		return;
	t->proc->dumpable = 0;
	t->pdeath_signal = 0;
}

static long set_id(struct task *t, const u64 *a, u32 cap)
{
	struct cred_ids *i = ids_of(t, cap);
	u32 id = (u32)a[0];
	struct cred old = t->cred;

	if (id == NO_ID)
		return -EINVAL;
	if (cred_has(&t->cred, cap))
		i->real = i->saved = id;
	else if (id != i->real && id != i->saved)
		return -EPERM;
	i->effective = i->fs = id;
	cred_uid_changed(&t->cred, &old);
	ids_changed(t, &old);
	return 0;
}

static long set_reid(struct task *t, const u64 *a, u32 cap)
{
	struct cred_ids *i = ids_of(t, cap);
	u32 real = (u32)a[0], effective = (u32)a[1], old_real = i->real;
	struct cred old = t->cred;

	if (!cred_has(&t->cred, cap)) {
		if (real != NO_ID && real != i->real && real != i->effective)
			return -EPERM;
		if (effective != NO_ID && !may_become(i, effective))
			return -EPERM;
	}
	if (real != NO_ID)
		i->real = real;
	if (effective != NO_ID)
		i->effective = effective;
	if (real != NO_ID || (effective != NO_ID && effective != old_real))
		i->saved = i->effective;
	i->fs = i->effective;
	cred_uid_changed(&t->cred, &old);
	ids_changed(t, &old);
	return 0;
}

static long set_resid(struct task *t, const u64 *a, u32 cap)
{
	struct cred_ids *i = ids_of(t, cap);
	u32 real = (u32)a[0], effective = (u32)a[1], saved = (u32)a[2];
	struct cred old = t->cred;

	if (!cred_has(&t->cred, cap)) {
		if ((real != NO_ID && !may_become(i, real)) ||
			(effective != NO_ID && !may_become(i, effective)) ||
			(saved != NO_ID && !may_become(i, saved)))
			return -EPERM;
	}
	if (real != NO_ID)
		i->real = real;
	if (effective != NO_ID)
		i->effective = effective;
	if (saved != NO_ID)
		i->saved = saved;
	i->fs = i->effective;
	cred_uid_changed(&t->cred, &old);
	ids_changed(t, &old);
	return 0;
}

/* Never fails: returns the old id, changed or not. */
static long set_fsid(struct task *t, const u64 *a, u32 cap)
{
	struct cred_ids *i = ids_of(t, cap);
	u32 id = (u32)a[0], old = i->fs;
	struct cred before = t->cred;

	if (id != NO_ID && (cred_has(&t->cred, cap) || id == old || may_become(i, id)))
		i->fs = id;
	cred_fsuid_changed(&t->cred, &before);
	ids_changed(t, &before);
	return old;
}

static long get_resid(const struct cred_ids *i, const u64 *a)
{
	if (put_user_u32(a[0], i->real) || put_user_u32(a[1], i->effective) ||
		put_user_u32(a[2], i->saved))
		return -EFAULT;
	return 0;
}

long sys_getuid(struct task *t, const u64 *a)
{
	return t->cred.uid;
}

long sys_geteuid(struct task *t, const u64 *a)
{
	return t->cred.euid;
}

long sys_getgid(struct task *t, const u64 *a)
{
	return t->cred.gid;
}

long sys_getegid(struct task *t, const u64 *a)
{
	return t->cred.egid;
}

long sys_setuid(struct task *t, const u64 *a)
{
	return set_id(t, a, CAP_SETUID);
}

long sys_setgid(struct task *t, const u64 *a)
{
	return set_id(t, a, CAP_SETGID);
}

long sys_setreuid(struct task *t, const u64 *a)
{
	return set_reid(t, a, CAP_SETUID);
}

long sys_setregid(struct task *t, const u64 *a)
{
	return set_reid(t, a, CAP_SETGID);
}

long sys_setresuid(struct task *t, const u64 *a)
{
	return set_resid(t, a, CAP_SETUID);
}

long sys_setresgid(struct task *t, const u64 *a)
{
	return set_resid(t, a, CAP_SETGID);
}

long sys_getresuid(struct task *t, const u64 *a)
{
	return get_resid(&t->cred.user, a);
}

long sys_getresgid(struct task *t, const u64 *a)
{
	return get_resid(&t->cred.group, a);
}

long sys_setfsuid(struct task *t, const u64 *a)
{
	return set_fsid(t, a, CAP_SETUID);
}

long sys_setfsgid(struct task *t, const u64 *a)
{
	return set_fsid(t, a, CAP_SETGID);
}

/* -- supplementary groups -- */

long sys_getgroups(struct task *t, const u64 *a)
{
	const struct cred *c = &t->cred;
	s32 size = (s32)a[0];

	if (size < 0)
		return -EINVAL;
	if (!size)
		return c->ngroups;
	if ((u32)size < c->ngroups)
		return -EINVAL;
	if (copy_to_user(a[1], c->groups, c->ngroups * sizeof(c->groups[0])))
		return -EFAULT;
	return c->ngroups;
}

long sys_setgroups(struct task *t, const u64 *a)
{
	struct cred *c = &t->cred;
	u32 n = (u32)a[0], groups[ARRAY_SIZE(c->groups)];

	if (!cred_has(c, CAP_SETGID))
		return -EPERM;
	if (n > ARRAY_SIZE(groups)) /* Linux: 65536; here a task holds them itself */
		return -EINVAL;
	if (copy_from_user(groups, a[1], n * sizeof(groups[0])))
		return -EFAULT;
	memcpy(c->groups, groups, n * sizeof(groups[0]));
	c->ngroups = n;
	return 0;
}
