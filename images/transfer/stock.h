/* SPDX-License-Identifier: Apache-2.0
 *
 * What the store has of layers with a table of contents, by pieces: what need not be fetched again.
 * Layers only, not flat images: the same content packed again need not be the same bytes, and the
 * bytes are what a layer's digest is about.
 */
#ifndef IMAGES_TRANSFER_STOCK_H
#define IMAGES_TRANSFER_STOCK_H

#include "images/layer/toc.h"

#define LAYER_MIN (64u << 10) /* less is fetched as fast as asked about */

struct stock;
/* Reads the tables of blobs, up to limits that hold for all of them together: what an image made
 * to keep us busy costs has an end, and pieces of other layers may be left out. Those that are
 * damaged are left out, too. */
int stock_open(struct store *s, struct stock **out, struct image_error *e);
bool stock_empty(const struct stock *k);
/* A number for stock_read, or -1. */
ssize_t stock_find(const struct stock *k, const struct toc_piece *p);
/* Bytes of a piece from `skip` on; 0: its blob went away. */
ssize_t stock_read(struct stock *k, size_t piece, uint64_t skip, void *buf, size_t n);
void stock_close(struct stock *k);

#endif
