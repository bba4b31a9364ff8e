/* SPDX-License-Identifier: Apache-2.0
 * What mount(2) can make: memory, and the sandbox's own /proc, /sys, /dev and message queues once
 * more.
 */
#include "fs/fs_internal.h"
#include "fs/tmpfs.h"
#include "ipc/ipc.h"

/* -- tmpfs's options, "size=1M,mode=700" -- */

static bool number(const char **p, u32 base, u64 *out)
{
	const char *start = *p;

	*out = 0;
	for (; **p >= '0' && **p < (char)('0' + base); (*p)++) {
		if (__builtin_mul_overflow(*out, base, out) ||
			__builtin_add_overflow(*out, (u64)(**p - '0'), out))
			return false;
	}
	return *p != start;
}

/* "64k", "50%" of the memory. */
static bool size(const char **p, u64 *out)
{
	static const char units[] = "kmgtKMGT";

	if (!number(p, 10, out))
		return false;
	if (**p == '%') {
		*out = *out > 1000 ? pages_total() : *out * pages_total() / 100;
		*out *= PAGE_SIZE;
		(*p)++;
		return true;
	}
	for (u32 i = 0; **p && i < sizeof(units) - 1; i++) {
		if (**p != units[i])
			continue;
		if (*out >> (63 - 10 * (i % 4 + 1)))
			return false;
		*out <<= 10 * (i % 4 + 1);
		(*p)++;
		break;
	}
	return true;
}

static bool starts(const char **p, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*p, word, n))
		return false;
	*p += n;
	return true;
}

static bool one_option(const char **p, struct tmpfs_options *o)
{
	u64 n = 0;
	bool good;

	if (starts(p, "size=")) {
		good = size(p, &o->size);
		o->has_size = true;
	} else if (starts(p, "nr_blocks=")) {
		good = size(p, &n) && n < 1ull << 50;
		o->size = n * PAGE_SIZE;
		o->has_size = true;
	} else if (starts(p, "nr_inodes=")) {
		good = size(p, &n); /* memory is the limit */
	} else if (starts(p, "mode=")) {
		good = number(p, 8, &n);
		o->mode = (u32)n & 07777;
	} else if (starts(p, "uid=")) {
		good = number(p, 10, &n) && n < ~0u;
		o->uid = (u32)n;
	} else if (starts(p, "gid=")) {
		good = number(p, 10, &n) && n < ~0u;
		o->gid = (u32)n;
	} else {
		good = starts(p, "inode64") || starts(p, "inode32");
	}
	return good && (!**p || **p == ',');
}

static bool parse(const char *text, struct tmpfs_options *o)
{
	while (*text) {
		if (*text == ',')
			text++;
		else if (!one_option(&text, o))
			return false;
	}
	return true;
}

/* -- types -- */

/* The one that boot mounted: there is one of each. */
static struct super *of_boot(const char *type)
{
	list_for_each(l, &kern->mounts)
	{
		struct super *s = list_entry(l, struct mount, link)->super;

		if (!strcmp(s->type, type)) {
			super_get(s);
			return s;
		}
	}
	return err_ptr(-EPERM);
}

static struct super *queues(const char *text)
{
	struct super *s = mq_super();

	if (!s || *text)
		return err_ptr(s ? -EINVAL : -ENOMEM);
	super_get(s);
	return s;
}

static struct super *memory(const char *text, u32 flags)
{
	struct tmpfs_options o = {.mode = 01777, .uid = fs_cred()->fsuid, .gid = fs_cred()->fsgid};
	struct super *s;

	if (!parse(text, &o))
		return err_ptr(-EINVAL);
	s = tmpfs_mount(o.size, o.mode, o.uid, o.gid);
	if (!s)
		return err_ptr(-ENOMEM);
	s->readonly = flags & MS_RDONLY;
	return s;
}

struct super *fstype_mount(const char *type, const char *text, u32 flags)
{
	static const char *const own[] = {"proc", "sysfs", "devtmpfs"};

	if (!strcmp(type, "tmpfs"))
		return memory(text, flags);
	if (!strcmp(type, "mqueue"))
		return queues(text);
	for (u32 i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (!strcmp(type, own[i]))
			return of_boot(type);
	}
	return err_ptr(-ENODEV);
}

int fstype_remount(struct super *s, const char *text)
{
	struct tmpfs_options o = {0};

	if (!parse(text, &o))
		return -EINVAL;
	return o.has_size ? tmpfs_resize(s, o.size) : 0;
}
