/* SPDX-License-Identifier: Apache-2.0
 *
 * The launcher, which steps of builds and jobs are started by.
 */
#ifndef IMAGES_LAUNCHER_H
#define IMAGES_LAUNCHER_H

#include <limits.h>

#include "images/error.h"

/* `sandbox` beside this program, or where `make install` puts it. */
int launcher_find(char out[PATH_MAX], struct image_error *e);

#endif
