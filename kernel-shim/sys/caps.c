/* SPDX-License-Identifier: Apache-2.0
 * capget(2), capset(2) and what prctl(2) does with capabilities: the bounding and ambient sets,
 * the secure bits. The order of checks is security/commoncap.c's.
 */
#include <asm/errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include "core/cred.h"
#include "mm/mm.h"
#include "sys/caps.h"
#include "sys/sys.h"

static long cap_header(u64 uheader, struct __user_cap_header_struct *h, u32 *words)
{
	if (copy_from_user(h, uheader, sizeof(*h)))
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		*words = _LINUX_CAPABILITY_U32S_1;
		return 0;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		*words = _LINUX_CAPABILITY_U32S_3;
		return 0;
	default: /* tells which version it knows */
		if (put_user_u32(uheader, _LINUX_CAPABILITY_VERSION_3))
			return -EFAULT;
		return -EINVAL;
	}
}

static u32 word(u64 set, u32 i)
{
	return (u32)(set >> (32 * i));
}

long sys_capget(struct task *t, const u64 *a)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	struct __user_cap_header_struct h;
	struct task *target;
	u32 words;
	long r = cap_header(a[0], &h, &words);

	if (r) /* without a place for data it is a question for the version */
		return r == -EINVAL && !a[1] ? 0 : r;
	if (h.pid < 0)
		return -EINVAL;
	target = h.pid ? task_find(h.pid) : t;
	if (!target)
		return -ESRCH;
	for (u32 i = 0; i < words; i++) {
		data[i].effective = word(target->cred.cap_effective, i);
		data[i].permitted = word(target->cred.cap_permitted, i);
		data[i].inheritable = word(target->cred.cap_inheritable, i);
	}
	return copy_to_user(a[1], data, words * sizeof(data[0]));
}

static bool within(u64 set, u64 of)
{
	return !(set & ~of);
}

static long set_sets(struct cred *c, u64 effective, u64 permitted, u64 inheritable)
{
	if (!cred_has(c, CAP_SETPCAP) &&
		!within(inheritable, c->cap_inheritable | c->cap_permitted))
		return -EPERM;
	if (!within(inheritable, c->cap_inheritable | c->cap_bounding) ||
		!within(permitted, c->cap_permitted) || !within(effective, permitted))
		return -EPERM;
	c->cap_effective = effective;
	c->cap_permitted = permitted;
	c->cap_inheritable = inheritable;
	c->cap_ambient &= permitted & inheritable;
	return 0;
}

long sys_capset(struct task *t, const u64 *a)
{
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	struct __user_cap_header_struct h;
	u64 effective = 0, permitted = 0, inheritable = 0;
	u32 words;
	long r = cap_header(a[0], &h, &words);

	if (r)
		return r;
	if (h.pid && h.pid != t->tid)
		return -EPERM;
	if (copy_from_user(data, a[1], words * sizeof(data[0])))
		return -EFAULT;
	for (u32 i = 0; i < words; i++) {
		effective |= (u64)data[i].effective << (32 * i);
		permitted |= (u64)data[i].permitted << (32 * i);
		inheritable |= (u64)data[i].inheritable << (32 * i);
	}
	return set_sets(&t->cred, effective & CAP_ALL, permitted & CAP_ALL, inheritable & CAP_ALL);
}

/* -- prctl -- */

static long drop_from_bounding(struct cred *c, u64 cap)
{
	if (!cred_has(c, CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	c->cap_bounding &= ~CAP_BIT(cap);
	return 0;
}

static long set_securebits(struct cred *c, u64 bits)
{
	u32 old = c->securebits;

	if (((old & SECURE_ALL_LOCKS) >> 1 & (old ^ bits)) || (old & SECURE_ALL_LOCKS & ~bits) ||
		(bits & ~(u64)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) || !cred_has(c, CAP_SETPCAP))
		return -EPERM;
	c->securebits = (u32)bits;
	return 0;
}

static long set_keep_caps(struct cred *c, u64 on)
{
	if (on > 1)
		return -EINVAL;
	if (c->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	c->securebits &= ~(u32)SECBIT_KEEP_CAPS;
	c->securebits |= on ? SECBIT_KEEP_CAPS : 0;
	return 0;
}

static long raise_ambient(struct cred *c, u64 bit)
{
	if (!(c->cap_permitted & c->cap_inheritable & bit) ||
		(c->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
		return -EPERM;
	c->cap_ambient |= bit;
	return 0;
}

static long ambient(struct cred *c, const u64 *a)
{
	if (a[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
		if (a[2] | a[3] | a[4])
			return -EINVAL;
		c->cap_ambient = 0;
		return 0;
	}
	if (a[2] > CAP_LAST_CAP || a[3] | a[4])
		return -EINVAL;
	switch (a[1]) {
	case PR_CAP_AMBIENT_IS_SET:
		return !!(c->cap_ambient & CAP_BIT(a[2]));
	case PR_CAP_AMBIENT_RAISE:
		return raise_ambient(c, CAP_BIT(a[2]));
	case PR_CAP_AMBIENT_LOWER:
		c->cap_ambient &= ~CAP_BIT(a[2]);
		return 0;
	default:
		return -EINVAL;
	}
}

long caps_prctl(struct cred *c, const u64 *a)
{
	switch ((s32)a[0]) {
	case PR_CAPBSET_READ:
		return a[1] > CAP_LAST_CAP ? -EINVAL : !!(c->cap_bounding & CAP_BIT(a[1]));
	case PR_CAPBSET_DROP:
		return drop_from_bounding(c, a[1]);
	case PR_GET_SECUREBITS:
		return c->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(c, a[1]);
	case PR_GET_KEEPCAPS:
		return !!(c->securebits & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		return set_keep_caps(c, a[1]);
	case PR_CAP_AMBIENT:
		return ambient(c, a);
	default: /* PR_SET_SECCOMP too: filters are not run here, and pretending would be a lie */
		return -EINVAL;
	}
}
