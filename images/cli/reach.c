/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "images/cli/reach.h"
#include "images/oci/parse.h"

#define LEVELS_MAX 16u

/* The set is a JSON object: its keys are the digests. */
struct reach {
	struct store *store;
	json_t *set;
	unsigned level;
};

static int visit(
	struct reach *w, const char *digest, const char *media_type, struct image_error *e);

/* Every object with a "digest", however deep: document_parse limits that. */
static int visit_json(struct reach *w, const json_t *j, struct image_error *e)
{
	const char *digest = json_string_value(json_object_get(j, "digest"));
	const char *type = json_string_value(json_object_get(j, "mediaType"));
	json_t *value;
	const char *key;
	size_t i;
	int r = digest ? visit(w, digest, type, e) : 0;

	json_array_foreach(j, i, value)
	{
		if (!r)
			r = visit_json(w, value, e);
	}
	json_object_foreach((json_t *)j, key, value)
	{
		if (!r)
			r = visit_json(w, value, e);
	}
	return r;
}

static int visit_document(struct reach *w, const struct digest *d, struct image_error *e)
{
	json_t *root;
	int r = document_load(w->store, d, &root, e);

	if (r)
		return r == -ENOENT ? 0 : r;
	if (++w->level > LEVELS_MAX)
		r = image_fail(
			e, -EBADMSG, "documents refer to each other more than %u deep", LEVELS_MAX);
	if (!r)
		r = visit_json(w, root, e);
	w->level--;
	json_decref(root);
	return r;
}

/* Digests of kinds that the store has no names for are nobody's here. */
static int visit(struct reach *w, const char *digest, const char *media_type, struct image_error *e)
{
	enum document_kind kind;
	struct digest d;

	if (!digest_parse(digest, &d) || reach_has(w->set, &d))
		return 0;
	if (json_object_set_new(w->set, d.hex, json_true()))
		return image_fail(e, -ENOMEM, "no memory");
	if (!media_type || document_kind(media_type, &kind, NULL))
		return 0;
	return visit_document(w, &d, e);
}

int reach_all(struct store *s, json_t **out, struct image_error *e)
{
	struct reach w = {.store = s, .set = json_object()};
	struct store_ref *refs;
	size_t n;
	int r = w.set ? store_list(s, &refs, &n, e) : image_fail(e, -ENOMEM, "no memory");

	*out = w.set;
	if (r)
		return r;
	for (size_t i = 0; !r && i < n; i++) {
		char digest[DIGEST_TEXT];

		digest_text(&refs[i].digest, digest);
		r = visit(&w, digest, refs[i].media_type, e);
		if (r)
			r = image_within(e, r,
				"what image %s needs cannot be told, so nothing was removed "
				"(`sandbox image rm` it first)",
				*refs[i].name ? refs[i].name : digest);
	}
	free(refs);
	return r;
}

bool reach_has(const json_t *set, const struct digest *d)
{
	return json_object_get(set, d->hex);
}

bool reach_covers(const json_t *set, const json_t *document)
{
	const char *digest = json_string_value(json_object_get(document, "digest"));
	json_t *value;
	const char *key;
	struct digest d;
	size_t i;

	if (digest && digest_parse(digest, &d) && !reach_has(set, &d))
		return false;
	json_array_foreach(document, i, value)
	{
		if (!reach_covers(set, value))
			return false;
	}
	json_object_foreach((json_t *)document, key, value)
	{
		if (!reach_covers(set, value))
			return false;
	}
	return true;
}
