/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store has of layers with a table of contents, by pieces: what need not be fetched again.
 * Layers only, not flat images: the same content packed again need not be the same bytes, and the
 * bytes are what a layer's digest is about.
 */
#ifndef IMAGES_TRANSFER_STOCK_H
#define IMAGES_TRANSFER_STOCK_H

#include "images/layer/toc.h"

struct stock;
/* Reads the tables of all blobs; those that are damaged are left out. */
int stock_open(struct store *s, struct stock **out, struct image_error *e);
bool stock_empty(const struct stock *k);
/* A number for stock_copy, or -1. */
ssize_t stock_find(const struct stock *k, const struct toc_piece *p);
/* Bytes of a piece from `skip` on; 0: its blob went away. */
ssize_t stock_read(struct stock *k, size_t piece, uint64_t skip, void *buf, size_t n);
void stock_close(struct stock *k);

#endif
