/* SPDX-License-Identifier: Apache-2.0
 *
 * Images between the store and the rest of the world: layouts, archives, registries. Whatever comes
 * in is verified while it is copied, and gets its name last.
 */
#ifndef IMAGES_TRANSFER_H
#define IMAGES_TRANSFER_H

#include "images/oci/oci.h"
#include "images/progress.h"

/* -- layouts and archives -- */

enum transfer_format {
	TRANSFER_AUTO, /* export: by the destination's form */
	TRANSFER_OCI,  /* a layout as a directory */
	TRANSFER_OCI_ARCHIVE,
	TRANSFER_DOCKER_ARCHIVE,
};
/* "oci", "oci-archive", "docker-archive". */
bool transfer_format_parse(const char *text, enum transfer_format *out);

#define TRANSFER_IMAGES_MAX 1024u

/* Brings in all images of src, or those that "SRC:REFERENCE" asks for. src "-": an archive on
 * stdin. What it is shows in its content. name: what the only image is to be called; NULL: as it is
 * called there. *out: what has a name now, malloc'ed. */
int transfer_import(struct store *s, const char *src, const char *name, const struct progress *p,
	struct store_ref **out, size_t *n, struct image_error *e);

/* dst: a path or "-" (an archive on stdout), with ":REFERENCE" behind it if the (only) image is to
 * be called so there. A layout that is there already gets the images added. */
int transfer_export(struct store *s, const char *const *names, size_t n, const char *dst,
	enum transfer_format format, const struct progress *p, struct image_error *e);

/* -- registries -- */

struct registry_options {
	const char *user, *password; /* NULL: what the user's container tools know */
	bool plain_http;	     /* not only for this machine itself */
};

/* "[HOST[:PORT]/]NAME[:TAG|@sha256:…]"; name NULL: it is called as it is there. */
int transfer_pull(struct store *s, const char *from, const char *name,
	const struct registry_options *o, const struct progress *p, struct store_ref *out,
	struct image_error *e);
/* to NULL: where its name says. *out: what it is called there, and its manifest. */
int transfer_push(struct store *s, const char *name, const char *to,
	const struct registry_options *o, const struct progress *p, struct store_ref *out,
	struct image_error *e);

#endif
