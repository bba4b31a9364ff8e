/* SPDX-License-Identifier: Apache-2.0
 *
 * A blob on its way from a registry: its bytes in order, wherever they come from.
 */
#ifndef IMAGES_TRANSFER_DOWNLOAD_H
#define IMAGES_TRANSFER_DOWNLOAD_H

#include "images/transfer/origin.h"
#include "images/transfer/registry.h"
#include "images/transfer/stock.h"

struct download {
	struct registry *r;
	struct blob_writer *w;
	const struct want *want;
	uint64_t have; /* bytes that w has */
	bool guessed;  /* some of it is not what the registry sent for it just now */
	struct meter *m;
	struct image_error *e;
};
int download_add(struct download *d, const void *data, size_t n);
/* Bytes from *at up to `to`, or with 0 to the end of the blob, each to sink, which moves *at on.
 * -EOPNOTSUPP: the server has no ranges, and `to` is not 0; with 0 what is there already is sent
 * again, and left out. */
int download_range(struct download *d, const uint64_t *at, uint64_t to,
	int (*sink)(void *arg, const void *data, size_t n), void *arg);

/* A layer of which the store has pieces: fetches the others. 1: not worth it or not possible, the
 * rest is to be fetched as it is. Only the digest of the whole will tell whether it is right. */
int parts_receive(struct download *d, struct stock *k);

#endif
