/* SPDX-License-Identifier: Apache-2.0
 *
 * Flattening: all layers of an image laid over each other, written once as a read-only EROFS image
 * that the shim reads through the file window. Uncompressed: its pages are shared by all sandboxes
 * of the machine as page cache.
 */
#ifndef IMAGES_FLAT_H
#define IMAGES_FLAT_H

#include "images/layer/layer.h"

#define FLAT_VERSION 1 /* in the file's name: another writer, another file */

/* DIR/flat/<manifest hex>-<FLAT_VERSION>.erofs, made if it is missing; open for reading. Two that
 * make it at once both succeed. */
int flat_open(struct store *s, const struct manifest *m, int *fd, const struct progress *p,
	struct image_error *e);
/* Its name, relative to the store: for gc. */
void flat_path(const struct digest *manifest, char out[128]);

/* The tree that layers leave, and the image written of it. Content of files goes straight to fd
 * while layers are read. */
struct flat_writer;
int flat_begin(int fd, struct flat_writer **out, struct image_error *e);
const struct layer_sink *flat_sink(struct flat_writer *w);
int flat_layer_done(struct flat_writer *w, struct image_error *e); /* after each layer */
int flat_end(struct flat_writer *w, struct image_error *e); /* writes the metadata; frees w */
void flat_abort(struct flat_writer *w);

/* Reading one on the host: cat, extract, diff, and what the launcher checks of it. */
struct flat_image;
int flat_map(int fd, struct flat_image **out, struct image_error *e); /* fd stays the caller's */
void flat_unmap(struct flat_image *f);
struct flat_node {
	struct stat st;
	uint64_t nid;
	const char *target; /* symbolic link, not NUL-terminated: st.st_size bytes */
};
/* Path without following links at its end. -ENOENT, -ENOTDIR, -ELOOP. */
int flat_lookup(const struct flat_image *f, const char *path, bool follow, struct flat_node *out);
/* Content in [off, off+n): bytes read. */
ssize_t flat_read(const struct flat_image *f, const struct flat_node *node, void *buf, size_t n,
	uint64_t off);
int flat_list(const struct flat_image *f, const struct flat_node *dir,
	int (*fn)(void *arg, const char *name, size_t len, uint64_t nid), void *arg);

#endif
