/* SPDX-License-Identifier: Apache-2.0
 *
 * Inside the reader: an image is whatever somebody left in a file. Each piece is read into memory
 * of ours (no mapping: a file that is cut off meanwhile must not kill us), checked there, and used
 * from there. -EUCLEAN says that it is damaged.
 */
#ifndef FLAT_IMAGE_H
#define FLAT_IMAGE_H

#include "images/flat/flat.h"
#include "kernel-shim/abi/erofs.h"

struct flat_image {
	int fd;
	uint64_t end;  /* bytes of the image, all of them in the file once */
	uint64_t base; /* of inode numbers */
	uint64_t root;
};

/* An inode, checked: what it says of places lies within the image. */
struct image_inode {
	mode_t mode;
	uint32_t nlink, uid, gid, u, mtime_ns;
	uint64_t size, mtime;
	enum erofs_layout layout;
	uint64_t xattrs, xattr_size; /* where the attributes are, in bytes */
	uint64_t behind;	     /* and what comes after them: the tail or the table */
};
int image_inode(const struct flat_image *f, uint64_t nid, struct image_inode *out);
/* All of [at, at+n), or -EUCLEAN; or the file's -errno. */
int image_bytes(const struct flat_image *f, void *buf, size_t n, uint64_t at);
ssize_t image_content(const struct flat_image *f, const struct image_inode *inode, void *buf,
	size_t n, uint64_t off);
/* One name of a directory. -ENOENT. */
int image_find(
	const struct flat_image *f, uint64_t dir, const char *name, size_t len, uint64_t *nid);

#endif
