/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"

int annotations_of(const json_t *o, json_t **out, struct image_error *e)
{
	json_t *a = json_object_get(o, "annotations"), *value;
	const char *key;

	*out = NULL;
	if (!a || json_is_null(a))
		return 0;
	if (!json_is_object(a))
		return image_fail(e, -EBADMSG, "\"annotations\" is not a JSON object");
	json_object_foreach(a, key, value)
	{
		if (!json_is_string(value))
			return image_fail(
				e, -EBADMSG, "annotation \"%.100s\" is not a string", key);
	}
	*out = a;
	return 0;
}

int descriptor_parse(const json_t *j, struct descriptor *out, struct image_error *e)
{
	json_t *annotations = NULL;
	int r;

	memset(out, 0, sizeof *out);
	r = document_descriptor(j, out->media_type, &out->digest, &out->size, e);
	if (!r)
		r = annotations_of(j, &annotations, e);
	if (!r)
		out->annotations = json_incref(annotations);
	return r;
}

json_t *descriptor_json(const struct descriptor *d)
{
	char digest[DIGEST_TEXT];
	json_t *o;

	digest_text(&d->digest, digest);
	o = json_pack("{s:s, s:s, s:I}", "mediaType", d->media_type, "digest", digest, "size",
		(json_int_t)d->size);
	if (o && d->annotations && json_object_size(d->annotations) &&
		json_object_set(o, "annotations", d->annotations)) {
		json_decref(o);
		return NULL;
	}
	return o;
}

void descriptor_clear(struct descriptor *d)
{
	json_decref(d->annotations);
	d->annotations = NULL;
}
