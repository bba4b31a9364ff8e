/* SPDX-License-Identifier: Apache-2.0
 *
 * zstd frames of an archive, each on its own: packed by several threads, written in order. Where
 * they begin and end depends on what is in them alone, not on threads.
 */
#ifndef IMAGES_LAYER_FRAMES_H
#define IMAGES_LAYER_FRAMES_H

#include "images/store/store.h"

#define FRAME_SIZE (512u << 10) /* unpacked, at most: part of the result */

/* One that holds a part of a file, and nothing else. */
struct frame {
	uint64_t from, to; /* in the blob */
	uint64_t at, size; /* in the file, unpacked */
	struct digest digest;
	bool last;	    /* of its file */
	struct digest file; /* last: of all of it, holes included */
};

struct frames;
/* tar: what is added goes into it, too, all of it once frames_finish has returned. */
int frames_new(int level, unsigned threads, struct blob_writer *blob, struct hasher *tar,
	struct frames **out, struct image_error *e);
/* What comes next is content of a file of this size; frames_end_file: it was. */
void frames_begin_file(struct frames *f, uint64_t size);
void frames_seek(struct frames *f, uint64_t at); /* over a hole, to content */
void frames_end_file(struct frames *f);
void frames_untold(struct frames *f); /* of files from now on nobody wants to know */
int frames_add(struct frames *f, const void *data, size_t n, struct image_error *e);
/* All is written. *list: those of files, in order, f's. *end: where the blob is. */
int frames_finish(struct frames *f, const struct frame **list, size_t *n, uint64_t *end,
	struct image_error *e);
void frames_free(struct frames *f);

#endif
