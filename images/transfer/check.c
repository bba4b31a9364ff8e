/* SPDX-License-Identifier: Apache-2.0
 *
 * What came in, read to its end as who runs it will, before it gets a name.
 */
#include <errno.h>
#include <stdlib.h>

#include "images/layer/layer.h"
#include "images/transfer/origin.h"

static int take_entry(void *arg, const struct layer_entry *m, struct image_error *e)
{
	return 0;
}

static int take_data(void *arg, const void *data, size_t n, uint64_t offset, struct image_error *e)
{
	return 0;
}

static int check_layers(struct store *s, const struct manifest *m, const struct image_config *c,
	const struct progress *p, struct image_error *e)
{
	static const struct layer_sink nobody = {take_entry, take_data, NULL};
	struct layer_limits limits = layer_limits_default;
	int r = 0;

	for (size_t i = 0; !r && i < m->nlayers; i++)
		r = layer_read(s, &m->layers[i], &c->diff_ids[i], &limits, &nobody, p, e);
	return r;
}

int image_check(
	struct store *s, const struct digest *d, const struct progress *p, struct image_error *e)
{
	char text[DIGEST_TEXT];
	struct image_config c;
	struct store_ref named;
	struct manifest m;
	int r;

	digest_text(d, text);
	r = manifest_find(s, text, &m, e);
	if (r)
		return r;
	r = config_load(s, &m, &c, e);
	if (!r) {
		/* One with a name was read when it came. */
		if (store_find(s, text, &named, NULL))
			r = check_layers(s, &m, &c, p, e);
		config_clear(&c);
	}
	manifest_clear(&m);
	return r;
}
