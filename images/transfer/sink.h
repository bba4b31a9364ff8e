/* SPDX-License-Identifier: Apache-2.0
 *
 * Where exported images go: a directory or a tar archive.
 */
#ifndef IMAGES_TRANSFER_SINK_H
#define IMAGES_TRANSFER_SINK_H

#include "images/transfer/origin.h"

struct sink {
	const struct sink_ops *ops;
};
struct sink_ops {
	/* `size` bytes of fd under a name; what is read is checked against the digest. */
	int (*blob)(struct sink *k, const char *path, int fd, uint64_t size, const struct digest *d,
		struct meter *m, struct image_error *e);
	int (*document)(struct sink *k, const char *path, const char *data, size_t n,
		struct image_error *e);
	/* Of an index.json that is there already; -ENOENT. */
	int (*existing)(struct sink *k, char **data, size_t *n, struct image_error *e);
	/* All is written: make it durable and visible. */
	int (*finish)(struct sink *k, struct image_error *e);
	/* Frees it; what was not finished goes. */
	void (*close)(struct sink *k);
	bool documents_first; /* else last: what shows a layout to be whole */
};

int sink_directory(const char *path, struct sink **out, struct image_error *e);
int sink_archive(const char *path, struct sink **out, struct image_error *e); /* "-": stdout */

/* Copies fd and checks it; write gives each piece on. */
int sink_copy(int fd, const char *path, uint64_t size, const struct digest *d, struct meter *m,
	int (*write)(void *arg, const void *data, size_t n, struct image_error *e), void *arg,
	struct image_error *e);

struct export_image {
	struct manifest m;
	char reference[STORE_NAME_MAX]; /* how it is called in what is written */
};
int export_layout(struct store *s, struct sink *k, const struct export_image *images, size_t n,
	const struct progress *p, struct image_error *e);
int export_docker(struct store *s, struct sink *k, const struct export_image *images, size_t n,
	const struct progress *p, struct image_error *e);

#endif
