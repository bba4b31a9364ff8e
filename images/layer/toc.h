/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of contents of a layer in the form zstd:chunked, as containers/storage has it: zstd
 * frames, of which each holds a part of one file or what lies between files; then, in a frame that
 * readers of zstd skip, the packed table, JSON; then another such frame that says where the table
 * is. Annotations of the layer's descriptor say it, too.
 */
#ifndef IMAGES_LAYER_TOC_H
#define IMAGES_LAYER_TOC_H

#include "images/layer/layer.h"

#define TOC_POSITION                                                                               \
	"io.github.containers.zstd-chunked.manifest-position" /* FROM:SIZE:UNPACKED:1 */
#define TOC_CHECKSUM	 "io.github.containers.zstd-chunked.manifest-checksum" /* of it, packed */
#define TOC_POSITION_OLD "io.containers.zstd-chunked.manifest-position"
#define TOC_CHECKSUM_OLD "io.containers.zstd-chunked.manifest-checksum"
#define TOC_TYPE	 1
#define TOC_SKIP	 0x184d2a50u /* begins a frame to skip; the size of its content follows */
#define TOC_SKIP_LEN	 8u
#define TOC_FOOTER	 64u /* without those */
#define TOC_MAGIC	 "GNUlInUx"
#define TOC_PACKED_MAX	 (16u << 20)
#define TOC_MAX		 (64u << 20)
#define TOC_HOLES_MAX	 (1ull << 30) /* of a layer; hashing more would take too long */

/* -- reading: tables are anybody's -- */

/* Where a table is, and how long. */
struct toc_place {
	uint64_t from, packed, unpacked;
};
bool toc_is_annotated(const struct descriptor *d);
/* By a descriptor's annotations. 0; -ENOENT: it has no table; -EBADMSG: it lies outside of a blob
 * of this size, or is too large. *checksum: what the table should have. */
int toc_place_annotated(const struct descriptor *d, struct toc_place *out, struct digest *checksum,
	struct image_error *e);
/* By the last TOC_SKIP_LEN + TOC_FOOTER bytes of a blob; -ENOENT. */
int toc_place_footer(const unsigned char *end, uint64_t blob_size, struct toc_place *out);

/* What a layer's blob is made of up to its table, without gaps: frames of files, and what lies
 * between them. Two pieces of one key are very likely the same bytes; only the digest of the whole
 * blob tells. */
#define TOC_KEY 16
struct toc_piece {
	unsigned char key[TOC_KEY];
	uint64_t from, to;
};
#define TOC_ENTRIES_MAX (4u << 20)
/* packed: place->packed bytes. *entries: how many may still be looked at, those of this one are
 * taken off. *out: malloc'ed. -EBADMSG: damaged or hostile. */
int toc_read(const unsigned char *packed, const struct toc_place *place, size_t *entries,
	struct toc_piece **out, size_t *n, struct image_error *e);

#endif
