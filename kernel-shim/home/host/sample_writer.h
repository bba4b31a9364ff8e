/* SPDX-License-Identifier: Apache-2.0
 *
 * The writer's side of abi/samples.h, in the launcher: the ring, and which files its reader has
 * been told. One thread at a time; who uses it has a lock.
 *
 * The ring's pages are a file's that others of the user can shrink, or that finds no room: it is
 * written to as file mappings are, and nothing of the reader's is used but to see whether there is
 * room.
 */
#ifndef HOME_HOST_SAMPLE_WRITER_H
#define HOME_HOST_SAMPLE_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/samples.h"

#define SAMPLE_SLOTS (2 * SAMPLES_FILES) /* a power of two: of a table with open addresses */

struct sample_key {
	uint64_t dev, ino;
	uint32_t type; /* enum samples_file_type */
	uint32_t id;   /* of the record; 0: not told yet */
};

struct sample_writer {
	volatile struct samples_control *to; /* the ring lies behind it */
	uint64_t head, lost;
	uint32_t nfiles;
	struct sample_key slot[SAMPLE_SLOTS];
};

/* A reader's session: what was told before is forgotten. */
void sample_writer_begin(struct sample_writer *w, uint64_t session);
/* False: there is no room. */
bool sample_writer_put(struct sample_writer *w, const struct samples_head *record);
void sample_writer_lost(struct sample_writer *w);

/* Where a file is in the table, or would be. */
struct sample_key *sample_writer_find(
	struct sample_writer *w, uint64_t dev, uint64_t ino, uint32_t type);
/* Tells the reader of a file, and notes it at `known`, which says where it would be. text has the
 * path inside, path_len bytes, then the host's, host_len; each below SAMPLES_PATH. Its number, or
 * SAMPLES_NOWHERE when there are too many, or no room to tell. */
uint32_t sample_writer_tell(struct sample_writer *w, struct sample_key *known,
	const struct sample_key *file, const char *text, size_t path_len, size_t host_len);

#endif
