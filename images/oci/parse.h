/* SPDX-License-Identifier: Apache-2.0
 *
 * The parsers alone: no store, no hashing; the launcher links them.
 */
#ifndef IMAGES_OCI_PARSE_H
#define IMAGES_OCI_PARSE_H

#include "images/oci/oci.h"

enum document_kind { KIND_INDEX, KIND_MANIFEST };

/* What a document of this media type is. -ENOTSUP with the type in the sentence. */
int document_kind(const char *media_type, enum document_kind *out, struct image_error *e);
/* What a document says it is: its media type, or "" and then by what is in it. One that could be
 * read as both is refused. */
int document_media_type(const json_t *root, const char **out, struct image_error *e);
/* Of out->self only the media type is set: digest and size are known to who had the text. */
int manifest_from(const json_t *root, struct manifest *out, struct image_error *e);
/* The entry of an index for linux/amd64. -ENOEXEC: none; the sentence lists what there is. */
int platform_from(const json_t *root, struct descriptor *out, struct image_error *e);
/* A document that was loaded, as document_parse reads it; data is freed. */
int document_take(
	char *data, size_t n, const struct digest *d, json_t **out, struct image_error *e);
/* Where documents come from: load gives a malloc'ed text that ends with a NUL beyond *n. */
struct source {
	int (*load)(
		void *arg, const struct digest *d, char **data, size_t *n, struct image_error *e);
	void *arg;
};
/* The document, of the size that its descriptor promises. */
int source_load(const struct source *s, const struct descriptor *d, char **data, size_t *n,
	struct image_error *e);
/* As manifest_load. */
int source_manifest(const struct source *s, const struct descriptor *d, struct manifest *out,
	struct image_error *e);
/* A digest alone: what it is, the document says. */
int source_describe(const struct source *s, const struct digest *digest, struct descriptor *out,
	struct image_error *e);
/* The OCI name of a layer's media type, whatever Docker calls it. */
const char *layer_media_type_oci(const char *media_type);
/* An object of strings, or NULL (borrowed). */
int annotations_of(const json_t *o, json_t **out, struct image_error *e);

#endif
