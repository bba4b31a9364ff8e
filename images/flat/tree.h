/* SPDX-License-Identifier: Apache-2.0
 *
 * The tree that layers leave, in memory until the image's metadata is written. Names are entries of
 * directories; nodes are what they name, shared by hard links. A directory's entries are a balanced
 * tree (tsearch): hostile names make it no slower, and a walk of it is sorted.
 */
#ifndef FLAT_TREE_H
#define FLAT_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "images/error.h"

#define TREE_NAME_MAX  255u
#define TREE_DEPTH_MAX 2048u /* what a path can name at most; recursion below relies on it */
#define TREE_LINKS_MAX 40u   /* symbolic links in a path, as Linux has it */

struct node {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint32_t rdev; /* as it is on disk */
	int64_t mtime;
	uint32_t mtime_ns;
	uint32_t nlink; /* entries that name it; of a directory, set when it is written */
	uint64_t size;
	uint64_t nid; /* when it is written: 0 until it has its place */
	uint32_t block;
	uint32_t xattr_size; /* whole area, header included; 0: none */
	uint8_t *xattrs;     /* as it is on disk */
	uint8_t *tail; /* after the inode: a symbolic link's text, a small file, a last part */
	uint32_t tail_size;
	uint32_t nmap;
	uint8_t layout;
	uint8_t chunk_bits;
	uint16_t depth;	  /* directories */
	uint16_t cleared; /* the layer in which all that lower ones left here is gone */
	bool listed;
	union {
		uint32_t *map; /* regular files with holes: block numbers */
		struct {
			void *children; /* of tsearch */
			struct node *parent;
		};
	};
};

struct tree_entry {
	struct node *node;
	uint16_t layer; /* that put it here, from 1 on */
	uint16_t len;
	char name[];
};

struct tree {
	struct node *root;
	uint16_t layer; /* that is being read */
	uint64_t bytes; /* memory of nodes, names and attributes */
	uint64_t nnodes;
	/* A file's blocks are of no use any more. */
	void (*gone)(void *arg, const struct node *n);
	void *arg;
};

int tree_begin(struct tree *t, struct image_error *e);
void tree_end(struct tree *t);
/* Takes n bytes of the tree's budget, or refuses. */
int tree_charge(struct tree *t, uint64_t n, struct image_error *e);

/* A node that nothing names yet: tree_put it, or tree_forget it. NULL: *e says why. */
struct node *tree_node(struct tree *t, mode_t mode, struct image_error *e);
void tree_forget(struct tree *t, struct node *n);
/* The attributes area replaces what n has; area (of malloc) is taken over, in failure too. */
int tree_set_xattrs(
	struct tree *t, struct node *n, uint8_t *area, uint32_t size, struct image_error *e);

struct tree_entry *tree_find(const struct node *dir, const char *name, size_t len);
/* Names n in dir; what had the name goes. */
int tree_put(struct tree *t, struct node *dir, const char *name, size_t len, struct node *n,
	struct image_error *e);
/* Takes away what lower layers left: of one name, or all in the directory. What the layer that is
 * being read added stays, and the directories that lead there. */
int tree_drop_lower(struct tree *t, struct node *dir, struct tree_entry *entry); /* -ENOMEM */
int tree_clear_lower(struct tree *t, struct node *dir);
/* Entries in order of their names, malloc'ed; free(3) the array. -ENOMEM. */
int tree_list(const struct node *dir, struct tree_entry ***out, size_t *n);

/* The directory that path (len bytes) leads to. Symbolic links are followed, inside the root, as in
 * a chroot: a layer that writes to lib/x of a base with lib -> usr/lib means usr/lib/x, whichever
 * layer the link is of. -ELOOP. */
enum tree_how {
	TREE_FIND, /* *out NULL: there is none */
	TREE_MAKE, /* what is missing is made, 0755 and root's; what is no directory is replaced by
		      one */
	TREE_LOWER /* as lower layers had it: NULL, too, where the layer that is being read put a
		      link in a directory's place. umoci writes the link and whiteouts of all that
		      the directory had; behind the link, they would hit others. */
};
int tree_walk(struct tree *t, const char *path, size_t len, enum tree_how how, struct node **out,
	struct image_error *e);

#endif
