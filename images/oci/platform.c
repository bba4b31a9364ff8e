/* SPDX-License-Identifier: Apache-2.0
 *
 * An index of images for several machines: the one for this.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "images/oci/parse.h"
#include "images/store/document.h"

#define PLATFORM_TEXT 64
#define LIST_TEXT     256

/* How well an entry fits; the first of the best is taken. */
enum fit { FIT_NONE, FIT_UNSAID, FIT_VARIANT, FIT_EXACT };

struct platform {
	const char *os, *arch, *variant;
};

static int parse_platform(const json_t *entry, struct platform *p, struct image_error *e)
{
	const json_t *o = json_object_get(entry, "platform");
	int r;

	memset(p, 0, sizeof *p);
	if (!o || json_is_null(o))
		return 0;
	if (!json_is_object(o))
		return image_fail(e, -EBADMSG, "\"platform\" is not a JSON object");
	r = document_string(o, "os", PLATFORM_TEXT, &p->os, e);
	if (!r)
		r = document_string(o, "architecture", PLATFORM_TEXT, &p->arch, e);
	if (!r)
		r = document_string(o, "variant", PLATFORM_TEXT, &p->variant, e);
	return r;
}

/* A variant (v2, v3) is for newer processors: better one without. */
static enum fit fits(const struct platform *p)
{
	if (!p->os && !p->arch)
		return FIT_UNSAID;
	if (!p->os || !p->arch || strcmp(p->os, "linux") || strcmp(p->arch, "amd64"))
		return FIT_NONE;
	return p->variant && *p->variant && strcmp(p->variant, "v1") ? FIT_VARIANT : FIT_EXACT;
}

static bool listed(const char *list, const char *text)
{
	size_t n = strlen(text);

	for (const char *at = list; (at = strstr(at, text)); at += n)
		if ((at == list || at[-1] == ' ') && (!at[n] || at[n] == ','))
			return true;
	return false;
}

/* Once each, as many as there is room for. */
static void list_add(char list[LIST_TEXT], const struct platform *p)
{
	char text[3 * PLATFORM_TEXT];
	size_t n = strlen(list);

	if (!p->os || !p->arch)
		return;
	snprintf(text, sizeof text, "%s/%s%s%s", p->os, p->arch, p->variant ? "/" : "",
		p->variant ? p->variant : "");
	if (!strcmp(text, "unknown/unknown") || listed(list, text)) /* attestations */
		return;
	if (n + strlen(text) + 3 < LIST_TEXT)
		snprintf(list + n, LIST_TEXT - n, "%s%s", n ? ", " : "", text);
}

static int choose(const json_t *entries, const json_t **out, struct image_error *e)
{
	enum fit best = FIT_NONE;
	char list[LIST_TEXT] = "";

	*out = NULL;
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		enum document_kind kind;
		struct platform p;
		struct descriptor d;
		int r = descriptor_parse(entry, &d, e);

		if (!r)
			r = parse_platform(entry, &p, e);
		if (!r && !document_kind(d.media_type, &kind, NULL)) {
			list_add(list, &p);
			if (fits(&p) > best) {
				best = fits(&p);
				*out = entry;
			}
		}
		descriptor_clear(&d);
		if (r)
			return image_within(e, r, "entry %zu", i + 1);
	}
	if (*out)
		return 0;
	return image_fail(e, -ENOEXEC, "no image for linux/amd64, only for %s",
		*list ? list : "nothing that is known here");
}

int platform_from(const json_t *root, struct descriptor *out, struct image_error *e)
{
	const json_t *entries = json_object_get(root, "manifests"), *entry;
	const char *type;
	int r = document_media_type(root, &type, e);

	memset(out, 0, sizeof *out);
	if (!r && !json_is_array(entries))
		r = image_fail(e, -EBADMSG, "\"manifests\" is not an array");
	if (!r)
		r = choose(entries, &entry, e);
	return r ? r : descriptor_parse(entry, out, e);
}
