/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this test share: an image under way in a file of memory, and the finished one.
 */
#ifndef TEST_FLAT_H
#define TEST_FLAT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "images/flat/flat.h"

struct making {
	int fd;
	struct flat_writer *w;
	struct image_error e;
	const struct layer_xattr *xattrs; /* of the nodes that come */
	size_t nxattrs;
};

void make_begin(struct making *m);
/* Each gives what the sink said. */
int put_dir(struct making *m, const char *path);
int put_link(struct making *m, const char *path, const char *target);
int put_hard(struct making *m, const char *path, const char *target);
int put_file(struct making *m, const char *path, const char *content);
int put_node(struct making *m, const char *path, mode_t mode, uint64_t size);
int put_data(struct making *m, const void *data, size_t n, uint64_t off);
int put_white(struct making *m, const char *path);
int put_opaque(struct making *m, const char *path);
void next_layer(struct making *m);
/* The image; its file stays in m->fd. */
struct flat_image *make_end(struct making *m);
/* For a writer that said no: gives up. */
void make_abort(struct making *m);
void finish(struct making *m, struct flat_image *f);

/* All paths of the image, in order, one blank between: "a a/b c". */
const char *all_paths(const struct flat_image *f);
/* The content of a file, NUL-terminated. */
const char *content_of(const struct flat_image *f, const char *path);

int run_layer_tests(void);
int run_content_tests(void);
int run_damage_tests(void);

#endif
