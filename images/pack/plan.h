/* SPDX-License-Identifier: Apache-2.0
 *
 * A small tree that is put together from files of this machine, then written as a layer.
 */
#ifndef IMAGES_PACK_PLAN_H
#define IMAGES_PACK_PLAN_H

#include "images/layer/layer.h"

struct plan_member {
	char *path; /* relative */
	mode_t mode;
	char *source;	/* a file's path here; a link's text; NULL: a directory */
	struct stat st; /* of the file, when it was planned */
};
struct plan {
	struct plan_member *list;
	size_t n, room;
};

/* The file at host as `path`, with the directories above it. */
int plan_file(struct plan *p, const char *path, const char *host, struct image_error *e);
/* The directories of an absolute path as a loader goes along it, ".." and all. */
int plan_directories(struct plan *p, const char *path, struct image_error *e);
int plan_link(struct plan *p, const char *path, const char *target, struct image_error *e);
/* The absolute path of a file under the same name: links on the way there are links again. */
int plan_as_here(struct plan *p, const char *path, struct image_error *e);
/* The file under another name; where it is a link to one beside it, the link and that one. */
int plan_elsewhere(struct plan *p, const char *path, const char *host, struct image_error *e);
int plan_write(struct plan *p, struct layer_writer *w, struct image_error *e);
void plan_clear(struct plan *p);

#endif
