/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a walk is: names joined by "/", as long as they come.
 */
#ifndef IMAGES_CLI_TRAIL_H
#define IMAGES_CLI_TRAIL_H

#include <stdbool.h>
#include <stddef.h>

struct trail {	    /* begins as zeros */
	char *text; /* NULL before the first push */
	size_t len, room;
};
/* *was: what trail_pop takes to go back. false: no memory. */
bool trail_push(struct trail *t, const char *name, size_t n, size_t *was);
void trail_pop(struct trail *t, size_t was);
void trail_end(struct trail *t);

#endif
