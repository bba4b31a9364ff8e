/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "images/cli/opened.h"

static int open_image(const struct verb_common *c, struct opened *o, struct image_error *e)
{
	struct manifest m;
	struct bar *bar;
	int fd, r = manifest_find(o->store, o->name, &m, e);

	if (r)
		return r;
	o->manifest = m.self.digest;
	bar = bar_begin(c);
	r = flat_open(o->store, &m, &fd, bar_progress(bar), e);
	bar_end(bar);
	manifest_clear(&m);
	if (r)
		return r;
	memcpy(o->left_out, e->text, sizeof o->left_out);
	r = flat_map(fd, &o->image, e);
	close(fd);
	return r;
}

int opened_begin(
	const struct verb_common *c, const char *name, struct opened *o, struct image_error *e)
{
	int r;

	*o = (struct opened){.name = name};
	r = store_open(c->store, STORE_CHANGE, false, &o->store, e);
	if (r)
		return r;
	r = open_image(c, o, e);
	if (r) {
		store_close(o->store);
		return image_within(e, r, "%s", name);
	}
	return 0;
}

void opened_end(struct opened *o)
{
	flat_unmap(o->image);
	store_close(o->store);
}

const char *opened_why(int err)
{
	switch (-err) {
	case ENOENT:
		return "not in the image";
	case ENOTDIR:
		return "the way there leads through something that is no directory";
	case ELOOP:
		return "too many symbolic links";
	case EUCLEAN:
		return "the flat image is damaged";
	default:
		return strerror(-err);
	}
}

int opened_lookup(const struct opened *o, const char *path, bool follow, struct flat_node *out,
	struct image_error *e)
{
	int r = flat_lookup(o->image, path, follow, out);

	return r ? image_fail(e, r, "%s: %s: %s", o->name, path, opened_why(r)) : 0;
}
