/* SPDX-License-Identifier: Apache-2.0
 * /proc/PID/mounts and mountinfo.
 */
#include "fs/proc_internal.h"

#define MOUNT_ESC " \t\n" /* these would end the field (fs/proc_namespace.c mangle) */

static const char *mode_of(const struct mount *m)
{
	return m->flags & MOUNT_RO ? "ro" : "rw";
}

static void show_mountpoint(struct seqbuf *s, struct mount *m)
{
	struct path p = {.mnt = m, .dentry = m->root};

	seq_path(s, &p, MOUNT_ESC);
}

static void show_source(struct seqbuf *s, const struct mount *m)
{
	const char *source = m->source && m->source[0] ? m->source : m->super->type;

	seq_escape(s, source, MOUNT_ESC);
}

int proc_show_mounts(struct seqbuf *s, const struct pseudo_node *n)
{
	list_for_each(pos, &kern->mounts)
	{
		struct mount *m = list_entry(pos, struct mount, link);

		show_source(s, m);
		seq_puts(s, " ");
		show_mountpoint(s, m);
		seq_printf(s, " %s %s,relatime 0 0\n", m->super->type, mode_of(m));
	}
	return 0;
}

int proc_show_mountinfo(struct seqbuf *s, const struct pseudo_node *n)
{
	list_for_each(pos, &kern->mounts)
	{
		struct mount *m = list_entry(pos, struct mount, link);
		u64 dev = m->super->dev;

		seq_printf(s, "%d %d %u:%u / ", m->id, m->parent ? m->parent->id : 1,
			DEV_MAJOR(dev), DEV_MINOR(dev));
		show_mountpoint(s, m);
		seq_printf(s, " %s,relatime - %s ", mode_of(m), m->super->type);
		show_source(s, m);
		seq_printf(s, " %s\n", m->super->readonly ? "ro" : "rw");
	}
	return 0;
}
