/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images/store/document.h"
#include "images/store/index.h"

#define REF_NAME "org.opencontainers.image.ref.name"

static json_t *entries(const json_t *root)
{
	return json_object_get(root, "manifests");
}

/* "" if it has none. */
static int entry_name(const json_t *entry, const char **out, struct image_error *e)
{
	const json_t *annotations = json_object_get(entry, "annotations");
	int r;

	*out = "";
	if (!annotations || json_is_null(annotations))
		return 0;
	if (!json_is_object(annotations))
		return image_fail(e, -EBADMSG, "\"annotations\" of an entry is not an object");
	r = document_string(annotations, REF_NAME, STORE_NAME_MAX, out, e);
	if (!r && !*out)
		*out = "";
	return r;
}

static int entry_ref(const json_t *entry, struct store_ref *out, struct image_error *e)
{
	const char *name;
	int r = document_descriptor(entry, out->media_type, &out->digest, &out->size, e);

	if (!r)
		r = entry_name(entry, &name, e);
	if (!r)
		snprintf(out->name, sizeof out->name, "%s", name);
	return r;
}

int index_parse(const char *data, size_t n, json_t **out, struct image_error *e)
{
	json_t *root, *entry;
	struct store_ref ref;
	size_t i;
	int r = document_parse(data, n, &root, e);

	if (r)
		return r;
	if (json_integer_value(json_object_get(root, "schemaVersion")) != 2)
		r = image_fail(e, -EBADMSG, "\"schemaVersion\" is not 2");
	else if (!json_is_array(entries(root)))
		r = image_fail(e, -EBADMSG, "\"manifests\" is not an array");
	json_array_foreach(entries(root), i, entry)
	{
		if (!r)
			r = entry_ref(entry, &ref, e);
	}
	if (r) {
		json_decref(root);
		return r;
	}
	*out = root;
	return 0;
}

int index_refs(const json_t *root, struct store_ref **out, size_t *n, struct image_error *e)
{
	size_t count = json_array_size(entries(root));
	struct store_ref *refs = calloc(count + 1, sizeof *refs);
	int r = 0;

	if (!refs)
		return image_fail(e, -ENOMEM, "no memory");
	for (size_t i = 0; !r && i < count; i++)
		r = entry_ref(json_array_get(entries(root), i), &refs[i], e);
	if (r) {
		free(refs);
		return r;
	}
	*out = refs;
	*n = count;
	return 0;
}

static bool member_is(const json_t *o, const char *key, const char *value)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s && !strcmp(s, value);
}

static bool for_us(const json_t *entry)
{
	const json_t *p = json_object_get(entry, "platform");

	return member_is(p, "os", "linux") && member_is(p, "architecture", "amd64");
}

/* The array's size: none. */
static size_t find_exact(const json_t *root, const char *name)
{
	size_t count = json_array_size(entries(root)), found = count;

	for (size_t i = 0; i < count; i++) {
		const json_t *entry = json_array_get(entries(root), i);
		const char *has;

		if (entry_name(entry, &has, NULL) || strcmp(has, name))
			continue;
		if (for_us(entry))
			return i;
		if (found == count)
			found = i;
	}
	return found;
}

static size_t find_digest(const json_t *root, const struct digest *d)
{
	size_t count = json_array_size(entries(root));

	for (size_t i = 0; i < count; i++) {
		struct store_ref ref;

		if (!entry_ref(json_array_get(entries(root), i), &ref, NULL) &&
			digest_equal(&ref.digest, d))
			return i;
	}
	return count;
}

static int find(const json_t *root, const char *name, size_t *at, struct image_error *e)
{
	size_t count = json_array_size(entries(root));
	char whole[STORE_NAME_MAX];
	struct digest d;
	int r = 0;

	if (digest_parse(name, &d)) {
		*at = find_digest(root, &d);
		return *at < count
			       ? 0
			       : image_fail(e, -ENOENT,
					 "no image %s has a name here; `sandbox image ls` lists "
					 "them",
					 name);
	}
	*at = *name ? find_exact(root, name) : count;
	if (*at == count) {
		r = image_name_parse(name, whole, e);
		if (!r)
			*at = find_exact(root, whole);
	}
	if (!r && *at == count)
		r = image_fail(
			e, -ENOENT, "no image \"%s\" here; `sandbox image ls` lists them", whole);
	return r;
}

int index_find(const json_t *root, const char *name, struct store_ref *out, struct image_error *e)
{
	size_t at;
	int r = find(root, name, &at, e);

	return r ? r : entry_ref(json_array_get(entries(root), at), out, e);
}

/* Entries of this very name, or of this digest: all of them, or those without a name. */
static void drop(json_t *root, const char *name, const struct digest *d, bool nameless)
{
	size_t i = json_array_size(entries(root));

	while (i--) {
		struct store_ref ref;

		if (entry_ref(json_array_get(entries(root), i), &ref, NULL))
			continue;
		if ((name && !strcmp(ref.name, name)) ||
			(d && digest_equal(&ref.digest, d) && !(nameless && *ref.name)))
			json_array_remove(entries(root), i);
	}
}

int index_set(json_t *root, const struct store_ref *ref, struct image_error *e)
{
	char digest[DIGEST_TEXT];
	json_t *entry;

	digest_text(&ref->digest, digest);
	entry = json_pack("{s:s, s:s, s:I, s:{s:s}}", "mediaType", ref->media_type, "digest",
		digest, "size", (json_int_t)ref->size, "annotations", REF_NAME, ref->name);
	if (!entry)
		return image_fail(e, -ENOMEM, "no memory");
	/* the new one stands for one without a name */
	drop(root, ref->name, &ref->digest, true);
	if (json_array_append_new(entries(root), entry))
		return image_fail(e, -ENOMEM, "no memory");
	return 0;
}

int index_unset(json_t *root, const char *name, struct image_error *e)
{
	struct store_ref ref;
	struct digest d;
	int r = index_find(root, name, &ref, e);

	if (r)
		return r;
	if (digest_parse(name, &d))
		drop(root, NULL, &d, false);
	else
		drop(root, ref.name, NULL, false);
	return 0;
}

int index_text(const json_t *root, char **out, size_t *n, struct image_error *e)
{
	*out = json_dumps(root, JSON_COMPACT | JSON_SORT_KEYS);
	if (!*out)
		return image_fail(e, -ENOMEM, "no memory");
	*n = strlen(*out);
	if (*n <= INDEX_MAX)
		return 0;
	free(*out);
	return image_fail(e, -EFBIG,
		"index.json would be larger than %u MiB: too many images in one store; use another "
		"with --store",
		INDEX_MAX >> 20);
}
