/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of images/layer/ share.
 */
#ifndef IMAGES_LAYER_INTERNAL_H
#define IMAGES_LAYER_INTERNAL_H

#include <archive.h>
#include <locale.h>

#include "images/layer/layer.h"

/* libarchive guesses the encoding of names by the locale; in "C" it leaves every byte as it is. For
 * the current thread, until the scope ends. */
struct layer_locale {
	locale_t own, before;
};
struct layer_locale layer_locale_enter(void);
void layer_locale_leave(struct layer_locale *l);
#define LAYER_IN_C_LOCALE                                                                          \
	__attribute__((cleanup(layer_locale_leave), unused)) struct layer_locale in_c_locale =     \
		layer_locale_enter()

/* -- names.c -- */

/* Makes a whiteout of a name that is one: cuts path (an array of its own) to what it is about.
 * *kind is LAYER_NODE if it is none. -EINVAL: reserved but no whiteout. -ENOENT: of another
 * implementation's own books, to be left out. */
int layer_whiteout_parse(char *path, int *kind);
#define LAYER_WHITEOUT_PREFIX ".wh."
#define LAYER_OPAQUE_NAME     ".wh..wh..opq"
#define LAYER_ROOT_NAME	      "." /* libarchive makes "./" of it, as of every directory */

/* -- seen.c: the paths that an archive has named so far -- */

enum seen_kind { SEEN_NOT, SEEN_DIRECTORY, SEEN_LINK, SEEN_OTHER };
struct seen {
	uint64_t *slots; /* part of a digest of the path, its kind in the lowest bits; 0: free */
	size_t nslots, used;
	uint64_t seed[2]; /* of the keys */
};
int seen_put(struct seen *s, const char *path, size_t len, enum seen_kind kind); /* -ENOMEM */
enum seen_kind seen_get(const struct seen *s, const char *path, size_t len);
/* The first directory above path that is none: its length and kind; 0: there is no such. */
size_t seen_obstacle(const struct seen *s, const char *path, enum seen_kind *kind);
void seen_free(struct seen *s);

/* -- source.c: an archive's unpacked bytes, hashed and counted on both sides -- */

struct source;
/* compression: what it must be; -1: whatever its first bytes say. size (UINT64_MAX: unknown) is for
 * the progress. fd stays the caller's. */
int source_open(int fd, const char *what, int compression, uint64_t size,
	const struct layer_limits *limits, const struct progress *p, struct source **out,
	struct image_error *e);
/* The next bytes, valid until the next call; 0: the end. -errno with the source's sentence. */
ssize_t source_next(struct source *s, const void **data);
/* Reads what is left. All unpacked bytes from `end` on, where the archive ended, must be zeros. */
int source_drain(struct source *s, uint64_t end);
uint64_t source_unpacked(const struct source *s);
bool source_ended_in_zeros(const struct source *s); /* as a whole tar archive does */
/* The digests of the packed and of the unpacked bytes; once, after source_drain. */
void source_digests(struct source *s, struct digest *packed, struct digest *tar);
const struct image_error *source_error(const struct source *s);
void source_close(struct source *s);

/* -- encode.c: compression on the way into a blob -- */

struct encoder;
/* tar: hashes what is added; the caller's again after encoder_end or encoder_free. */
int encoder_new(enum compression c, int level, unsigned threads, struct blob_writer *blob,
	struct hasher *tar, struct encoder **out, struct image_error *e);
int encoder_add(struct encoder *c, const void *data, size_t n, struct image_error *e);
/* What is added, for the table: a member of which `data` bytes will come; its content, which lies
 * at these offsets; its end. */
int encoder_member(struct encoder *c, const struct layer_entry *m, const char *name, uint64_t data,
	struct image_error *e);
void encoder_begin_file(struct encoder *c, uint64_t size);
void encoder_seek(struct encoder *c, uint64_t at);
void encoder_end_file(struct encoder *c);
/* *annotations: of the layer's descriptor, or NULL. */
int encoder_end(struct encoder *c, json_t **annotations, struct image_error *e);
void encoder_free(struct encoder *c);

/* -- sparse.c: where a file's content is not zero -- */

struct extent {
	uint64_t from, to;
};
struct extents {
	struct extent *list;
	size_t n, room;
};
/* Of the size bytes from base on; offsets are from there. By the content alone, so that a copy
 * whose holes were filled makes the same archive. *n 0 and list NULL: a file without long runs of
 * zeros. */
int extents_find(int fd, uint64_t base, uint64_t size, struct extents *out);
void extents_free(struct extents *x);

#endif
