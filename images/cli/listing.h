/* SPDX-License-Identifier: Apache-2.0
 *
 * A directory's names at once, for walks of a flat image that come back to it.
 */
#ifndef IMAGES_CLI_LISTING_H
#define IMAGES_CLI_LISTING_H

#include "images/flat/flat.h"

#define LISTING_DEPTH_MAX 2048u /* the writer's limit; walks are recursive */

struct listing_name {
	char *text; /* ends with a NUL, too */
	size_t len;
	uint64_t nid;
};
struct listing {
	struct listing_name *names; /* in byte order */
	size_t n, room;
};
/* One walk: which directories it entered (tsearch), and how deep it is. Begins as zeros. One that
 * comes up twice, as only a damaged image has it, is -EUCLEAN, and so is one that is too deep. */
struct listing_walk {
	void *seen;
	unsigned depth;
};
/* After a failure there is nothing to leave. */
int listing_enter(struct listing_walk *w, const struct flat_image *f, const struct flat_node *dir,
	struct listing *out);
void listing_leave(struct listing_walk *w, struct listing *l);
void listing_walk_end(struct listing_walk *w);
int listing_compare(const struct listing_name *a, const struct listing_name *b);

#endif
