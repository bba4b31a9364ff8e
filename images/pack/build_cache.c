/* SPDX-License-Identifier: Apache-2.0
 *
 * DIR/cache/HEX in the store: {"diff_id": …, "layer": descriptor}, HEX being the digest of all that
 * the layer was made of. A cached layer keeps nothing alive: `gc` may take it, then the step is
 * done again. Others write there too: what does not fit is as good as nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/pack/build_internal.h"
#include "images/store/document.h"

#define CACHE_VERSION "sandbox build 1"
#define ENTRY_MAX     65536u

int cache_key(struct build *b, const char *const *texts, size_t n, struct digest *out)
{
	const struct layer_options *o = &b->o->layers;
	struct descriptor parent;
	struct hasher *h;
	char options[128];
	int r = draft_write(b->store, b->draft, NULL, &parent, b->e);

	if (r)
		return r;
	h = hasher_new();
	if (!h)
		return image_fail(b->e, -ENOMEM, "not enough memory");
	snprintf(options, sizeof options, "%d %d %d %lld %u:%u", (int)o->compression, o->level,
		o->keep_owner, (long long)o->mtime, o->uid, o->gid);
	hasher_add(h, CACHE_VERSION, sizeof CACHE_VERSION);
	hasher_add(h, parent.digest.hex, DIGEST_HEX);
	hasher_add(h, options, strlen(options) + 1);
	for (size_t i = 0; i < n; i++)
		hasher_add(h, texts[i], strlen(texts[i]) + 1);
	hasher_end(h, out);
	return 0;
}

static void path_of(const struct digest *key, char out[128])
{
	snprintf(out, 128, "cache/%s", key->hex);
}

/* NULL: none that makes sense. */
static json_t *load(struct build *b, const struct digest *key)
{
	struct image_error ignored;
	json_t *root = NULL;
	char path[128], *data;
	size_t n;

	path_of(key, path);
	if (document_read(store_fd(b->store), path, ENTRY_MAX, &data, &n))
		return NULL;
	if (document_parse(data, n, &root, &ignored))
		root = NULL;
	free(data);
	return root;
}

int cache_use(struct build *b, const struct digest *key, const char *created_by)
{
	struct image_error ignored;
	enum compression compression;
	struct descriptor layer;
	struct digest diff_id;
	const char *diff;
	json_t *root;
	int r = 0;

	if (b->o->no_cache)
		return 0;
	root = load(b, key);
	diff = json_string_value(json_object_get(root, "diff_id"));
	if (diff && digest_parse(diff, &diff_id) &&
		!descriptor_parse(json_object_get(root, "layer"), &layer, &ignored)) {
		if (!layer_media_type(layer.media_type, &compression, &ignored) &&
			blob_has(b->store, &layer.digest)) {
			r = draft_layer(b->draft, &layer, &diff_id, created_by, b->e);
			r = r ? r : 1;
		}
		descriptor_clear(&layer);
	}
	json_decref(root);
	return r;
}

static int write_whole(int fd, const char *text, size_t n)
{
	return write(fd, text, n) == (ssize_t)n ? 0 : -EIO;
}

void cache_put(struct build *b, const struct digest *key)
{
	const struct draft *d = b->draft;
	const json_t *ids = json_object_get(json_object_get(d->config, "rootfs"), "diff_ids");
	json_t *id = json_array_get(ids, d->nlayers - 1), *root;
	struct image_error ignored;
	char path[128], *text;
	int fd;

	root = json_pack(
		"{s:O, s:o}", "diff_id", id, "layer", descriptor_json(&d->layers[d->nlayers - 1]));
	text = root ? json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(root);
	path_of(key, path);
	if (text && !store_temp(b->store, &fd, &ignored)) {
		if (!write_whole(fd, text, strlen(text))) {
			/* One that is there could not be used. */
			unlinkat(store_fd(b->store), path, 0);
			(void)store_publish(b->store, fd, path, &ignored);
		}
		close(fd);
	}
	free(text);
}
