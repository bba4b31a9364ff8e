/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a flattened image on the host: cat, extract, diff, and what the launcher checks of it,
 * which links this and nothing else of flat/.
 */
#ifndef IMAGES_FLAT_READ_H
#define IMAGES_FLAT_READ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "images/digest.h"
#include "images/error.h"

/* Its name, relative to the store: "flat/<manifest hex>-<version of the writer>.erofs". */
#define FLAT_PATH 128
void flat_path(const struct digest *manifest, char out[FLAT_PATH]);

/* The image may be anybody's: what is damaged gives -EUCLEAN, and no call does more than the file's
 * size explains; who walks a tree must still not enter a directory twice (images of ours have none
 * such). */
struct flat_image;
int flat_map(int fd, struct flat_image **out, struct image_error *e); /* fd stays the caller's */
void flat_unmap(struct flat_image *f);
struct flat_node {
	struct stat st; /* st_ino is the nid */
	uint64_t nid;
};
int flat_root(const struct flat_image *f, struct flat_node *out);
int flat_stat(const struct flat_image *f, uint64_t nid, struct flat_node *out);
/* Links are followed inside the image, as in a chroot; follow: one at the path's end too. -ENOENT,
 * -ENOTDIR, -ELOOP. */
int flat_lookup(const struct flat_image *f, const char *path, bool follow, struct flat_node *out);
/* Content in [off, off+n) of a regular file, or the text of a symbolic link: bytes read, fewer only
 * at its end. */
ssize_t flat_read(const struct flat_image *f, const struct flat_node *node, void *buf, size_t n,
	uint64_t off);
/* The next byte at or after off that is in a block, st_size if there is none; *end: where the
 * blocks end again. What lies between is zeros. */
int flat_data(const struct flat_image *f, const struct flat_node *node, uint64_t off,
	uint64_t *data, uint64_t *end);
/* Names in byte order, without "." and "..". They have neither "/" nor NUL in them and are 1 to 255
 * bytes long. Non-zero stops and is returned. */
int flat_list(const struct flat_image *f, const struct flat_node *dir,
	int (*fn)(void *arg, const char *name, size_t len, uint64_t nid), void *arg);
/* Extended attributes as they are on disk (kernel-shim/abi/erofs.h), malloc'ed; *n 0: none. Of the
 * same writer, equal attributes are equal bytes. */
int flat_xattrs(const struct flat_image *f, const struct flat_node *node, void **area, size_t *n);

#endif
