/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "images/flat/flat_read.h"

#define VERSION 1 /* another writer, another file */

void flat_path(const struct digest *manifest, char out[FLAT_PATH])
{
	snprintf(out, FLAT_PATH, "flat/%s-%d.erofs", manifest->hex, VERSION);
}
