/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of several names while a tree is copied: where the first name of each went.
 */
#ifndef IMAGES_CLI_LINKED_H
#define IMAGES_CLI_LINKED_H

#include <stdint.h>

struct linked {	     /* begins as zeros */
	void *files; /* of tsearch */
};
/* Remembers that the file went to path, from the directory `top` on. -ENOMEM. */
int linked_add(struct linked *l, uint64_t nid, const char *path);
/* Gives a file that was copied already one more name; no link on the way to its first one is
 * followed. -ENOENT: it was not yet; else -errno. */
int linked_make(const struct linked *l, uint64_t nid, int top, int at, const char *name);
void linked_end(struct linked *l);

#endif
