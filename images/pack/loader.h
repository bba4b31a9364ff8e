/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a loader (glibc's or musl's) looks for libraries; of the environment nothing counts.
 */
#ifndef IMAGES_PACK_LOADER_H
#define IMAGES_PACK_LOADER_H

#include <limits.h>
#include <stdint.h>

#include "images/pack/elf.h"

/* A program or library. In the image it may lie elsewhere than here. */
struct object {
	char *host, *image; /* absolute; as the loader opens it, links and all */
	char *name;	    /* by which it was asked for */
	struct elf elf;
	const struct object *loader; /* which asked first; NULL: the program */
};

enum found_by { FOUND_BESIDE, FOUND_CACHE, FOUND_DEFAULT }; /* BESIDE: by what the object says */

struct loader {
	bool musl;
	unsigned char *cache; /* /etc/ld.so.cache */
	size_t cache_size;
};
/* interp may be NULL: glibc. */
int loader_begin(const char *interp, struct loader *out, struct image_error *e);
void loader_end(struct loader *l);

/* The file that `by` gets for `name`; *fd is the caller's. -ENOENT: none. -EEXIST: the loader
 * itself takes its place. */
int loader_find(const struct loader *l, const struct object *by, const char *name,
	char host[PATH_MAX], char image[PATH_MAX], enum found_by *how, int *fd);
/* A directory that the loader looks into without being told. */
bool loader_knows(const struct loader *l, const char *dir);

#endif
