/* SPDX-License-Identifier: Apache-2.0
 *
 * What the launcher needs of images: from a name to the flat image and how its program starts.
 * Links libc and jansson, nothing else.
 *
 * Digests of documents are not verified here: the store is the user's own, who may as well change
 * what he runs, `sandbox image verify` looks for damage, and the flat image, which holds all that
 * the program sees, was made from verified layers. Everything is parsed as strictly as anywhere.
 */
#ifndef IMAGES_OPEN_H
#define IMAGES_OPEN_H

#include "images/digest.h"
#include "images/error.h"

/* Its own strings; arrays end with NULL and are NULL where the image says nothing. */
struct image_run {
	char **entrypoint, **cmd, **env;
	char *user, *workdir;
	struct digest manifest;
	int fd; /* the flat image, O_RDONLY|O_CLOEXEC; -1: `sandbox-image image flatten NAME` makes
		   it, then ask again */
};

/* store_dir NULL: the default (store_open). name: as image_name_parse takes it, or "sha256:…" of a
 * manifest or index. -ENOENT: no such store or image; -ENOEXEC: not for this machine; -EBADMSG:
 * damaged. Takes no lock and writes nothing. After a failure there is nothing to be cleared. */
int image_open(
	const char *store_dir, const char *name, struct image_run *out, struct image_error *e);
/* Closes fd, too, unless it is -1: who keeps it sets that. */
void image_run_clear(struct image_run *r);

#endif
