/* SPDX-License-Identifier: Apache-2.0
 * A hostile image: the input is the whole file. Its reader walks all that it says there is, within
 * bounds.
 */
#include <stdlib.h>
#include <string.h>

#include "core/task.h"
#include "fs/erofs.h"
#include "home/platform.h"

#define NODES_MAX 200u /* loops of directories go on for ever */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static const u8 *image;
static size_t image_size;

/* The reader must not ask for what is not there, so this does not check with an error. */
int plat_window_read(void *dst, u64 window_off, size_t n)
{
	if (window_off > image_size || n > image_size - window_off)
		abort();
	memcpy(dst, image + window_off, n);
	return 0;
}

static void read_content(const struct erofs *e, const struct erofs_node *node)
{
	static u8 buf[3 * EROFS_BLOCK];
	u64 at;

	erofs_read(e, node, buf, sizeof(buf), 0);
	erofs_read(e, node, buf, 100, node->size / 2);
	for (u64 i = 0; i < 4; i++) {
		at = erofs_page(e, node, i);
		if (at && (at % PAGE_SIZE || at > e->size || e->size - at < PAGE_SIZE))
			abort();
	}
}

static void read_attributes(const struct erofs *e, const struct erofs_node *node)
{
	static char name[256];
	static u8 value[64];

	for (u32 n = 0; n < 50 && erofs_xattr(e, node, n, name, value, sizeof(value)) >= 0; n++)
		if (strnlen(name, sizeof(name)) == sizeof(name))
			abort();
}

static void walk(const struct erofs *e, u64 nid, u32 *left)
{
	struct erofs_node node;
	struct erofs_name n;
	u64 found;

	if (!*left || erofs_node(e, nid, &node))
		return;
	--*left;
	read_attributes(e, &node);
	read_content(e, &node);
	if ((node.mode & 0170000) != 0040000)
		return;
	for (u64 pos = 0; *left && erofs_next(e, &node, pos, &n) > 0; pos = n.pos + 1) {
		if (n.pos < pos)
			abort();
		erofs_lookup(e, &node, n.name, n.len, &found);
		walk(e, n.nid, left);
	}
	erofs_lookup(e, &node, "no such name", 12, &found);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct erofs e = {.size = size};
	u32 left = NODES_MAX;

	image = data;
	image_size = size;
	if (!erofs_open(&e))
		walk(&e, e.root, &left);
	return 0;
}
