/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMAGES_STORE_PLACE_H
#define IMAGES_STORE_PLACE_H

#include "images/error.h"

/* dir, or where the store is if that is NULL (store_open); a malloc'ed path. */
int store_place(const char *dir, char **out, struct image_error *e);
/* There is none; -ENOENT. */
int store_missing(const char *dir, struct image_error *e);

#endif
