/* SPDX-License-Identifier: Apache-2.0
 * /proc/PID/mounts and mountinfo.
 */
#include "fs/proc_internal.h"

#define MOUNT_ESC " \t\n" /* these would end the field (fs/proc_namespace.c mangle) */

static const struct {
	u32 flag;
	const char *word;
} options[] = {
	/* in Linux's order */
	{MOUNT_NOSUID, ",nosuid"},
	{MOUNT_NODEV, ",nodev"},
	{MOUNT_NOEXEC, ",noexec"},
	{MOUNT_NOATIME, ",noatime"},
	{MOUNT_NODIRATIME, ",nodiratime"},
	{MOUNT_RELATIME, ",relatime"},
	{MOUNT_NOSYMFOLLOW, ",nosymfollow"},
};

static void show_options(struct seqbuf *s, const struct mount *m, bool readonly)
{
	seq_puts(s, readonly ? " ro" : " rw");
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (m->flags & options[i].flag)
			seq_puts(s, options[i].word);
	}
}

/* What is mounted, as its own file system names it. */
static void show_root(struct seqbuf *s, struct mount *m)
{
	struct mount bare = {.super = m->super};
	struct path p = {.mnt = &bare, .dentry = m->root};

	seq_path(s, &p, MOUNT_ESC);
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
		seq_printf(s, " %s", m->super->type);
		show_options(s, m, (m->flags & MOUNT_RO) || m->super->readonly);
		seq_puts(s, " 0 0\n");
	}
	return 0;
}

int proc_show_mountinfo(struct seqbuf *s, const struct pseudo_node *n)
{
	list_for_each(pos, &kern->mounts)
	{
		struct mount *m = list_entry(pos, struct mount, link);
		u64 dev = m->super->dev;

		seq_printf(s, "%d %d %u:%u ", m->id, m->parent ? m->parent->id : 1, DEV_MAJOR(dev),
			DEV_MINOR(dev));
		show_root(s, m);
		seq_puts(s, " ");
		show_mountpoint(s, m);
		show_options(s, m, m->flags & MOUNT_RO);
		seq_printf(s, " - %s ", m->super->type);
		show_source(s, m);
		seq_printf(s, " %s\n", m->super->readonly ? "ro" : "rw");
	}
	return 0;
}
