/* SPDX-License-Identifier: Apache-2.0
 * File systems made of const tables: /proc and /dev. A table's row describes a node; what a node is
 * about (a process, a descriptor) is in struct pseudo_node.
 */
#ifndef FS_PSEUDO_H
#define FS_PSEUDO_H

#include "fs/seqbuf.h"
#include "fs/vfs.h"

struct pseudo_def;

struct pseudo_node { /* inode.priv */
	const struct pseudo_def *def;
	s32 pid; /* of a process, 0: of none */
	s32 tid; /* of one of its threads: below task/ */
	s32 fd;
};

struct pseudo_dirent {
	char name[16];
	u8 type; /* DT_* */
	struct pseudo_node node;
};

struct pseudo_def {
	const char *name;
	u32 mode;			   /* type and permissions */
	u32 major, minor;		   /* of a device */
	const char *target;		   /* of a link that is always the same */
	const struct pseudo_def *children; /* of a directory; ends with a NULL name */
	const struct pseudo_def *more;	   /* further fixed entries, or NULL */
	/* Text of a file, made when it is read from the start. 0 or -errno. */
	int (*show)(struct seqbuf *s, const struct pseudo_node *n);
	/* A write: text ends with NUL. 0: all of it was taken; or -errno. */
	long (*store)(const struct pseudo_node *n, const char *text, size_t len);
	/* Links. follow returns references. */
	s64 (*readlink)(const struct pseudo_node *n, char *buf, size_t size);
	int (*follow)(const struct pseudo_node *n, struct path *out);
	/* Entries of a directory besides children. next: the first at *cursor or after; false:
	 * none; sets *cursor to it. */
	int (*lookup)(
		const struct pseudo_node *dir, const char *name, u32 len, struct pseudo_node *out);
	bool (*next)(const struct pseudo_node *dir, u64 *cursor, struct pseudo_dirent *out);
	/* An inode of another file system instead, a new reference; NULL when memory is out. */
	struct inode *(*graft)(struct super *s);
	int (*open)(const struct pseudo_node *n); /* may the caller? */
	const struct file_ops *fops;		  /* instead of show and store */
};

/* Says who owns a node, and whether what it is about is still there. */
struct pseudo_fs {
	const char *type;
	const struct pseudo_def *root;
	u64 magic; /* statfs f_type */
	bool (*refresh)(struct inode *i, const struct pseudo_node *n);
	/* chmod, chown. Absent, or false: the node keeps what it has. */
	bool (*set_access)(struct inode *i, const struct pseudo_node *n, const struct setattr *a);
};
struct super *pseudo_mount(const struct pseudo_fs *fs);

/* A name that is a number without leading zeroes; -1: it is not. */
s32 pseudo_parse_id(const char *name, u32 len);

static inline const struct pseudo_node *pseudo_of(const struct inode *i)
{
	return i->priv;
}

#endif
