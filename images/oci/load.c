/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents out of the store: each is verified against the digest that led to it.
 */
#include <stdlib.h>
#include <string.h>

#include "images/oci/parse.h"

int document_load(struct store *s, const struct digest *d, json_t **out, struct image_error *e)
{
	char *data;
	size_t n;
	int r = blob_load(s, d, &data, &n, e);

	return r ? r : document_take(data, n, d, out, e);
}

static int load(void *arg, const struct digest *d, char **data, size_t *n, struct image_error *e)
{
	return blob_load(arg, d, data, n, e);
}

int manifest_load(
	struct store *s, const struct descriptor *d, struct manifest *out, struct image_error *e)
{
	return source_manifest(&(struct source){load, s}, d, out, e);
}

int reference_find(struct store *s, const char *name, struct descriptor *out, struct image_error *e)
{
	struct store_ref ref;
	struct digest digest;
	int r;

	memset(out, 0, sizeof *out);
	if (digest_parse(name, &digest))
		return source_describe(&(struct source){load, s}, &digest, out, e);
	r = store_find(s, name, &ref, e);
	if (r)
		return r;
	memcpy(out->media_type, ref.media_type, sizeof out->media_type);
	out->digest = ref.digest;
	out->size = ref.size;
	return 0;
}

int manifest_find(struct store *s, const char *name, struct manifest *out, struct image_error *e)
{
	struct descriptor d;
	int r = reference_find(s, name, &d, e);

	if (r)
		return r;
	r = manifest_load(s, &d, out, e);
	return r ? image_within(e, r, "image %s", name) : 0;
}

int config_load(
	struct store *s, const struct manifest *m, struct image_config *out, struct image_error *e)
{
	char *data;
	size_t n;
	int r = source_load(&(struct source){load, s}, &m->config, &data, &n, e);

	if (r)
		return r;
	r = config_parse(data, n, m->nlayers, out, e);
	free(data);
	return r ? image_within(e, r, "configuration sha256:%s", m->config.digest.hex) : 0;
}
