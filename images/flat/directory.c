/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "images/flat/writer.h"

static int by_name(const void *left, const void *right)
{
	const struct dir_item *a = left, *b = right;
	int c = memcmp(a->name, b->name, a->len < b->len ? a->len : b->len);

	return c ? c : a->len < b->len ? -1 : a->len > b->len;
}

int dir_items(const struct node *dir, struct dir_item **out, size_t *n)
{
	struct tree_entry **list;
	struct dir_item *items;
	size_t count;

	if (tree_list(dir, &list, &count))
		return -ENOMEM;
	items = reallocarray(NULL, count + 2, sizeof *items);
	if (!items) {
		free(list);
		return -ENOMEM;
	}
	items[0] = (struct dir_item){".", 1, dir};
	items[1] = (struct dir_item){"..", 2, dir->parent};
	for (size_t i = 0; i < count; i++)
		items[i + 2] = (struct dir_item){list[i]->name, list[i]->len, list[i]->node};
	free(list);
	/* All but the dots is sorted; some names come before them. */
	qsort(items, count + 2, sizeof *items, by_name);
	*out = items;
	*n = count + 2;
	return 0;
}

size_t dir_fit(const struct dir_item *items, size_t n, size_t *bytes)
{
	size_t used = 0, i;

	for (i = 0; i < n; i++) {
		size_t more = sizeof(struct erofs_dirent) + items[i].len;

		if (more > EROFS_BLOCK - used)
			break;
		used += more;
	}
	*bytes = used;
	return i;
}

static uint8_t type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return EROFS_FT_DIR;
	case S_IFLNK:
		return EROFS_FT_LNK;
	case S_IFCHR:
		return EROFS_FT_CHR;
	case S_IFBLK:
		return EROFS_FT_BLK;
	case S_IFIFO:
		return EROFS_FT_FIFO;
	case S_IFSOCK:
		return EROFS_FT_SOCK;
	default:
		return EROFS_FT_REG;
	}
}

void dir_block(const struct dir_item *items, size_t n, uint8_t block[EROFS_BLOCK])
{
	size_t name = n * sizeof(struct erofs_dirent);

	memset(block, 0, EROFS_BLOCK);
	for (size_t i = 0; i < n; i++) {
		struct erofs_dirent d = {
			.nid = items[i].node->nid,
			.name_off = (uint16_t)name,
			.type = type_of(items[i].node->mode),
		};

		memcpy(block + i * sizeof d, &d, sizeof d);
		memcpy(block + name, items[i].name, items[i].len);
		name += items[i].len;
	}
}
