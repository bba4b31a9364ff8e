/* SPDX-License-Identifier: Apache-2.0
 *
 * What came in, read to its end and laid out as for a run, before it gets a name.
 */
#include "images/flat/flat.h"
#include "images/transfer/origin.h"

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
			r = flat_check(s, &m, &c, p, e);
		config_clear(&c);
	}
	manifest_clear(&m);
	return r;
}
