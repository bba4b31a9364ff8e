/* SPDX-License-Identifier: Apache-2.0
 *
 * Flattening: all layers of an image laid over each other, written once as a read-only EROFS image
 * that the shim reads through the file window. Uncompressed: its pages are shared by all sandboxes
 * of the machine as page cache.
 */
#ifndef IMAGES_FLAT_H
#define IMAGES_FLAT_H

#include "images/flat/flat_read.h"
#include "images/layer/layer.h"

/* The file of flat_path, made if it is missing; open for reading. Two that make it at once both
 * succeed. */
int flat_open(struct store *s, const struct manifest *m, int *fd, const struct progress *p,
	struct image_error *e);
/* Whether that would work, as far as the layers decide it: all but the writing. */
int flat_check(struct store *s, const struct manifest *m, const struct image_config *c,
	const struct progress *p, struct image_error *e);
/* What lies on an image's layers, oldest first, and is in no store. */
struct flat_above {
	size_t n;
	int (*read)(void *arg, size_t i, struct layer_limits *limits, const struct layer_sink *sink,
		const struct progress *p, struct image_error *e);
	void *arg;
};
/* The same into a file of the caller's, empty. above: or NULL. After 0 *e may hold a sentence, as
 * after flat_end. */
int flat_write(struct store *s, const struct manifest *m, int fd, const struct flat_above *above,
	const struct progress *p, struct image_error *e);

/* The tree that layers leave, and the image written of it. Content of files goes straight to fd
 * while layers are read; names, attributes and ends of files stay in memory (2 GiB of the former at
 * most, -EFBIG; 256 MiB of the latter, what comes then takes whole blocks).
 *
 * Later members replace earlier ones; of two directories the later one's attributes count and the
 * children of both stay. Whiteouts and opaque directories act on what lower layers left, wherever
 * in their layer they stand; what the layer itself adds stays. Missing parents are made, 0755 and
 * root's. Symbolic links on the way to a member (never the member itself) are followed inside the
 * root, at most 40, whichever layer made them: lib/x over a base with lib -> usr/lib is usr/lib/x.
 * Hard links share a node; their target is looked for in the tree as it is then. Extended
 * attributes are user., trusted., security. and the two of ACLs; flat_end names the others. The
 * same calls give the same bytes. */
struct flat_writer;
int flat_begin(int fd, struct flat_writer **out, struct image_error *e); /* fd -1: to nowhere */
const struct layer_sink *flat_sink(struct flat_writer *w);
int flat_layer_done(struct flat_writer *w, struct image_error *e); /* after each layer */
/* Writes the metadata; frees w in any case. After 0 e->text is "", or a sentence of what was left
 * out. */
int flat_end(struct flat_writer *w, struct image_error *e);
void flat_abort(struct flat_writer *w);

#endif
