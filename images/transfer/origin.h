/* SPDX-License-Identifier: Apache-2.0
 *
 * Where images come from: something that has blobs. A directory, an archive, a registry.
 */
#ifndef IMAGES_TRANSFER_ORIGIN_H
#define IMAGES_TRANSFER_ORIGIN_H

#include "images/transfer/transfer.h"

/* One blob to bring into the store. */
struct want {
	const char *path;		/* in a layout or an archive */
	const struct digest *digest;	/* NULL: whatever it is */
	uint64_t size;			/* UINT64_MAX: whatever it is */
	bool manifest;			/* or an index: registries keep them elsewhere */
	const struct descriptor *layer; /* or NULL */
	/* What came. */
	struct digest got;
	uint64_t got_size;
	unsigned char magic[4];
	bool done;
};

/* How far all wants of a transfer are. */
struct meter {
	const struct progress *p;
	const char *what;
	uint64_t done, total;
};
void meter_add(struct meter *m, uint64_t n);

struct origin {
	const struct origin_ops *ops;
	const char *what; /* for messages */
};
struct origin_ops {
	/* All of them, each verified; those not found stay undone. */
	int (*take)(struct origin *src, struct store *s, struct want *w, size_t n, struct meter *m,
		struct image_error *e);
	/* A document at the top ("index.json"): malloc'ed, NUL-terminated. -ENOENT. */
	int (*document)(struct origin *src, const char *name, char **data, size_t *n,
		struct image_error *e);
	/* Where a member's content really is, after links in archives; NULL: nowhere. */
	const char *(*resolve)(struct origin *src, const char *path);
	void (*close)(struct origin *src);
};

int origin_directory(int fd, const char *what, struct origin **out, struct image_error *e);
/* fd: a regular file, which becomes the source's. */
int origin_archive(int fd, const char *what, struct origin **out, struct image_error *e);

/* A want on its way into the store. */
struct taker {
	struct want *w;
	struct blob_writer *blob;
	struct meter *m;
	uint64_t n;
};
int taker_begin(
	struct taker *t, struct store *s, struct want *w, struct meter *m, struct image_error *e);
int taker_add(struct taker *t, const void *data, size_t n, struct image_error *e);
int taker_end(struct taker *t, struct image_error *e);

/* All that the document of d stands on into the store, through an index to the manifest for this
 * machine; *out describes that manifest. Verified as `image_check` does. */
int image_take(struct origin *src, struct store *s, const struct descriptor *d,
	const struct progress *p, struct descriptor *out, struct image_error *e);
/* An image whose parts are all in the store: documents, and each layer to its end, as layer_read
 * has it, unless a name of the store leads to it already. */
int image_check(
	struct store *s, const struct digest *d, const struct progress *p, struct image_error *e);
/* "docker.io/library/x" is called "x" here, as by everybody. */
const char *name_familiar(const char *name);

#endif
