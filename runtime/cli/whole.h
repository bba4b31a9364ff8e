/* SPDX-License-Identifier: Apache-2.0
 *
 * Files that appear when they are whole. Until then one has no name (O_TMPFILE), in the directory
 * where it will be, and is gone with its process, however that ends. Where the file system has none
 * of those, and for the instant in which one takes another's place, it has a name that nobody looks
 * up, ".sandbox-" and a number: a kill may leave that.
 */
#ifndef CLI_WHOLE_H
#define CLI_WHOLE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* -- the two steps alone, for who gives names in another way (images/store) -- */

/* A file without a name in `dir` below dirfd, for reading and writing: a descriptor; -EOPNOTSUPP:
 * not here. */
int nameless_open(int dirfd, const char *dir, mode_t mode);
/* -EEXIST: the name is taken. */
int nameless_link(int fd, int dirfd, const char *path);

/* -- both -- */

struct whole {
	int fd;			 /* to be written to; -1: it is closed */
	int dir;		 /* where it will be */
	char name[NAME_MAX + 1]; /* as what */
	char temp[64];		 /* the name until then, or "" */
	bool unsynced;		 /* may be set: one of many files, none waits for the disk */
};
/* path as openat(2) takes it, and mode. 0 or -errno. */
int whole_open(struct whole *w, int dirfd, const char *path, mode_t mode);
/* Content on disk, then its name, in place of what has it, then that on disk. Closes it in any
 * case; after an error nothing is left, but if only the last step failed the file. */
int whole_end(struct whole *w);
void whole_abort(struct whole *w);

#endif
