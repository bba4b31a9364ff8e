/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGES_TRANSFER_IMPORT_H
#define IMAGES_TRANSFER_IMPORT_H

#include "images/store/document.h"
#include "images/transfer/origin.h"

struct import {
	struct store *s;
	struct origin *src;
	const char *what, *reference; /* SRC, and what was behind its ":" */
	const char *name;	      /* -t, normalised */
	const struct progress *p;
	struct image_error *e;
	struct store_ref *refs; /* what is in the store now and has no name yet */
	size_t n;
};

int import_add(struct import *im, const struct descriptor *d, const char *name);
int import_name(struct import *im, const char *ref, char out[STORE_NAME_MAX]);
bool import_wanted(const struct import *im, const char *ref);
/* Of a docker-archive, by its manifest.json. */
int import_docker(struct import *im, const char *data, size_t n);

#endif
