/* SPDX-License-Identifier: Apache-2.0
 *
 * What flows between a sandbox and its caller: output into memory or a callback (a sink), input out
 * of a callback (a source). Pipes that never block here.
 */
#ifndef SDK_STREAM_H
#define SDK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sdk/include/sandbox.h"

struct sink {
	int fd;		   /* -1: at its end, or never open */
	sb_write_fn write; /* or NULL: collected */
	void *arg;
	char *data; /* NUL-terminated if there is any */
	size_t size, room, limit;
	uint64_t total; /* with what was dropped; but of neither kind: 0 */
	bool refused;	/* the callback wants no more */
};

/* Takes what is there: at most `most` bytes. 0 or a code. */
int sink_take(struct sink *s, size_t most, struct sb_error **error);
void sink_clear(struct sink *s);

#define SOURCE_CHUNK 65536u

struct source {
	int fd;
	sb_read_fn read; /* or NULL: what is in chunk is all */
	void *arg;
	char *chunk; /* what was read and did not go into the pipe yet; SOURCE_CHUNK bytes */
	size_t at, size;
};

/* A copy of data is all that it has. False: no memory. */
bool source_load(struct source *s, const void *data, size_t size);
/* Gives as much as the pipe takes, and little more than `most` bytes. Its fd is closed at the end.
 * 0 or a code. */
int source_give(struct source *s, size_t most, struct sb_error **error);
void source_clear(struct source *s);

#endif
