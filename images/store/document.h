/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON from strangers, read strictly: what the index (here) and the documents (oci/) have in
 * common. No libcrypto: the launcher links it.
 */
#ifndef IMAGES_STORE_DOCUMENT_H
#define IMAGES_STORE_DOCUMENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "images/digest.h"
#include "images/error.h"

#define DOCUMENT_DEPTH_MAX  32u
#define DOCUMENT_VALUES_MAX 200000u
#define MEDIA_TYPE_MAX	    128

/* A regular file of at most max bytes: *data is malloc'ed and ends with a NUL beyond *n. -EFBIG,
 * -EBADMSG: no regular file. */
int document_read(int dirfd, const char *path, size_t max, char **data, size_t *n);
const char *document_why(int err); /* what document_read's error means */
/* One JSON object. Refused, -EBADMSG: keys that come twice, more than one document, deeper or of
 * more values than the limits above. */
int document_parse(const char *data, size_t n, json_t **out, struct image_error *e);
/* A string member, at most max - 1 bytes without control characters; NULL if it is missing or null.
 */
int document_string(
	const json_t *o, const char *key, size_t max, const char **out, struct image_error *e);
/* What every descriptor has. A digest of another kind than sha256 is said to be that. */
int document_descriptor(const json_t *o, char media_type[MEDIA_TYPE_MAX], struct digest *digest,
	uint64_t *size, struct image_error *e);

#endif
