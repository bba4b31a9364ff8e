/* SPDX-License-Identifier: Apache-2.0
 *
 * The store: an OCI image layout (image-layout.md of the image specification) that many processes
 * use at once.
 *
 * - DIR/oci-layout, DIR/index.json, DIR/blobs/sha256/HEX: as specified; names are the annotation
 *   org.opencontainers.image.ref.name of the index
 * - DIR/flat/: flattened images by manifest digest (images/flat)
 * - DIR/cache/: what pack/ remembers of builds, JSON objects. gc removes one when a blob that it
 *   mentions (an object with "digest") goes; it keeps none
 * - DIR/tmp/: half-written files, of no name anybody looks up; gc removes those that nobody locks
 * - DIR/.lock: flock, shared while a store is open, exclusive for what removes files (gc)
 * - DIR/.index.lock: flock, exclusive while index.json is replaced
 *
 * A file gets its name only when it is whole and on disk (write, fsync, link or rename, fsync of
 * the directory), so that a kill at any moment leaves nothing half-written under a name. Blobs are
 * mode 0444.
 */
#ifndef IMAGES_STORE_H
#define IMAGES_STORE_H

#include <sys/types.h>

#include "images/digest.h"
#include "images/error.h"

struct store;

enum store_mode {
	STORE_USE,    /* shared lock; the layout is made if it is missing */
	STORE_CHANGE, /* the same, but -ENOENT if there is none */
	STORE_READ,   /* shared lock; -ENOENT if there is none */
	STORE_REMOVE, /* exclusive lock: waits for the others, says so through *e only if it would
			 have to and `nowait` */
};

/* dir NULL: $SANDBOX_STORE, else $XDG_DATA_HOME/sandbox/images, else ~/.local/share/sandbox/images.
 */
int store_open(const char *dir, enum store_mode mode, bool nowait, struct store **out,
	struct image_error *e);
void store_close(struct store *s);
const char *store_dir(const struct store *s); /* as it was opened: for messages */
int store_fd(const struct store *s); /* O_PATH|O_DIRECTORY descriptor of DIR, the store's own */

/* -- blobs -- */

/* A blob under way: hashed while it is written. */
struct blob_writer;
int blob_begin(struct store *s, struct blob_writer **out, struct image_error *e);
/* As blob_begin, for the blob of this digest: goes on after the bytes that an interrupted try left
 * (*have of them, hashed again here). Only one process may: -EBUSY says that another does. */
int blob_resume(struct store *s, const struct digest *d, struct blob_writer **out, uint64_t *have,
	struct image_error *e);
int blob_add(struct blob_writer *w, const void *data, size_t n, struct image_error *e);
/* Ends it under its digest. expected (may be NULL) and size (UINT64_MAX: any) are checked first:
 * -EBADMSG with both digests in the sentence. Frees w in any case. */
int blob_end(struct blob_writer *w, const struct digest *expected, uint64_t size,
	struct digest *out, uint64_t *out_size, struct image_error *e);
void blob_abort(struct blob_writer *w); /* NULL: nothing; a resumable one keeps what it has */
int blob_put(struct store *s, const void *data, size_t n, struct digest *out,
	struct image_error *e); /* a whole small one */

/* Open for reading; the caller closes. -ENOENT: not in the store. The content is NOT verified here:
 * who reads it hashes as he goes (layer/) or uses blob_load. */
int blob_open(
	struct store *s, const struct digest *d, int *fd, uint64_t *size, struct image_error *e);
bool blob_has(struct store *s, const struct digest *d);
#define BLOB_DOCUMENT_MAX (4u << 20) /* manifests, configs: as registries limit them */
/* A document: read whole, verified against d. *data is malloc'ed and ends with a NUL beyond *n. */
int blob_load(
	struct store *s, const struct digest *d, char **data, size_t *n, struct image_error *e);
/* Reads it all and compares: 0, -EBADMSG, -ENOENT. */
int blob_verify(struct store *s, const struct digest *d, uint64_t *size, struct image_error *e);
int blob_remove(struct store *s, const struct digest *d); /* STORE_REMOVE only */
/* Calls fn for each blob until it returns non-zero; returns that. */
int blob_each(
	struct store *s, int (*fn)(void *arg, const struct digest *d, uint64_t size), void *arg);

/* -- names: "NAME:TAG", normalised by image_name_parse -- */

#define STORE_NAME_MAX 256
struct store_ref {
	char name[STORE_NAME_MAX]; /* "app:1"; "" : an entry of the index without a name */
	char media_type[128];
	struct digest digest;
	uint64_t size;
};
/* "NAME[:TAG]" to "NAME:TAG" (tag "latest" if none). Names as the distribution specification has
 * them, with an optional HOST[:PORT]/ in front. -EINVAL with a sentence. In name.c: the launcher
 * links it. */
int image_name_parse(const char *text, char out[STORE_NAME_MAX], struct image_error *e);
int store_find(struct store *s, const char *name, struct store_ref *out,
	struct image_error *e); /* -ENOENT */
/* Adds the name, or moves it to another digest; all that it stands on must be in the store already.
 */
int store_set(struct store *s, const struct store_ref *ref, struct image_error *e);
/* -ENOENT. "sha256:…" stands for all names of that digest, here and above for any of them. */
int store_unset(struct store *s, const char *name, struct image_error *e);
/* All entries of the index, a malloc'ed array. */
int store_list(struct store *s, struct store_ref **out, size_t *n, struct image_error *e);

/* -- other files in it -- */

/* A new file in DIR/tmp, locked, that vanishes with its last descriptor unless it is published
 * (O_TMPFILE where the file system has it). */
int store_temp(struct store *s, int *fd, struct image_error *e);
/* Gives it the name DIR/<path> (mode 0444), whole and on disk; one that is there already stays.
 * Does not close fd. */
int store_publish(struct store *s, int fd, const char *path, struct image_error *e);

/* -- for gc -- */

/* Calls fn for each file in DIR/<dir> (not below) with its path in the store and the bytes it takes
 * on disk, until fn returns non-zero; returns that. No such directory: 0. */
int store_each(struct store *s, const char *dir,
	int (*fn)(void *arg, const char *path, uint64_t size), void *arg);
int store_remove(struct store *s, const char *path);  /* STORE_REMOVE only */
bool store_locked(struct store *s, const char *path); /* a file in tmp/: somebody writes it */

#endif
