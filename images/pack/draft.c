/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "images/pack/draft.h"

#define EPOCH_MAX 253402300799ll /* the end of the year 9999 */

int draft_epoch(int64_t *out, struct image_error *e)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	*out = 0;
	if (!text || !*text)
		return 0;
	errno = 0;
	*out = strtoll(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9' || *out > EPOCH_MAX)
		return image_fail(e, -EINVAL,
			"SOURCE_DATE_EPOCH=%.40s: not a number of seconds since 1970", text);
	return 0;
}

static int no_memory(struct image_error *e)
{
	return image_fail(e, -ENOMEM, "not enough memory for an image's configuration");
}

static json_t *time_json(const struct draft *d)
{
	time_t t = (time_t)d->epoch;
	char text[64];
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static int begin_scratch(struct draft *d, struct image_error *e)
{
	d->config = json_pack("{s:s, s:s, s:{}, s:{s:s, s:[]}, s:[]}", "architecture", "amd64",
		"os", "linux", "config", "rootfs", "type", "layers", "diff_ids", "history");
	return d->config ? 0 : no_memory(e);
}

static int copy_layers(struct draft *d, const struct descriptor *layers, size_t n)
{
	d->layers = calloc(n + 1, sizeof *d->layers);
	if (!d->layers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		d->layers[i] = layers[i];
		json_incref(layers[i].annotations);
	}
	d->nlayers = n;
	return 0;
}

/* What the base's documents may leave out, and we go on to write. */
static int complete(struct draft *d, struct image_error *e)
{
	if (!json_is_object(json_object_get(d->config, "config")) &&
		json_object_set_new(d->config, "config", json_object()))
		return no_memory(e);
	if (!json_is_array(json_object_get(d->config, "history")) &&
		json_object_set_new(d->config, "history", json_array()))
		return no_memory(e);
	return 0;
}

static int begin_base(struct store *s, const char *base, struct draft *d, struct image_error *e)
{
	struct image_config c;
	struct manifest m;
	int r = manifest_find(s, base, &m, e);

	if (r)
		return r;
	r = config_load(s, &m, &c, e);
	if (!r) {
		d->config = json_deep_copy(c.root);
		r = !d->config || copy_layers(d, m.layers, m.nlayers) ? no_memory(e)
								      : complete(d, e);
		config_clear(&c);
	}
	manifest_clear(&m);
	return r;
}

int draft_begin(struct store *s, const char *base, struct draft *out, struct image_error *e)
{
	int r;

	*out = (struct draft){0};
	r = draft_epoch(&out->epoch, e);
	if (!r)
		r = !base || !strcmp(base, "scratch") ? begin_scratch(out, e)
						      : begin_base(s, base, out, e);
	if (r)
		draft_clear(out);
	return r;
}

void draft_clear(struct draft *d)
{
	for (size_t i = 0; i < d->nlayers; i++)
		json_decref(d->layers[i].annotations);
	free(d->layers);
	json_decref(d->config);
	*d = (struct draft){0};
}

/* -- layers and history -- */

static int add_history(struct draft *d, const char *by, bool empty, struct image_error *e)
{
	json_t *h = json_pack("{s:o, s:s}", "created", time_json(d), "created_by", by);

	if (h && empty)
		json_object_set_new(h, "empty_layer", json_true());
	if (!h || json_array_append_new(json_object_get(d->config, "history"), h))
		return image_fail(e, -EINVAL, "\"%.200s\" is not UTF-8", by);
	return 0;
}

int draft_add(struct draft *d, struct store *s, const struct layer_options *o, draft_fill fill,
	void *arg, const char *created_by, struct digest *diff_id, struct image_error *e)
{
	struct descriptor layer;
	struct digest tar;
	struct layer_writer *w;
	int r = layer_begin(s, o, &w, e);

	if (r)
		return r;
	r = fill(arg, w, e);
	if (r)
		layer_abort(w);
	else
		r = layer_end(w, &layer, &tar, e);
	if (r)
		return r;
	if (diff_id)
		*diff_id = tar;
	r = s ? draft_layer(d, &layer, &tar, created_by, e) : 0;
	descriptor_clear(&layer);
	return r;
}

int draft_history(struct draft *d, const char *created_by, struct image_error *e)
{
	return add_history(d, created_by, true, e);
}

int draft_layer(struct draft *d, const struct descriptor *layer, const struct digest *diff_id,
	const char *created_by, struct image_error *e)
{
	json_t *ids = json_object_get(json_object_get(d->config, "rootfs"), "diff_ids");
	struct descriptor *more = reallocarray(d->layers, d->nlayers + 1, sizeof *more);
	char text[DIGEST_TEXT];

	if (!more)
		return no_memory(e);
	d->layers = more;
	digest_text(diff_id, text);
	if (json_array_append_new(ids, json_string(text)))
		return no_memory(e);
	more[d->nlayers++] = *layer;
	json_incref(layer->annotations);
	return add_history(d, created_by, false, e);
}

/* -- the configuration -- */

static json_t *settings(const struct draft *d)
{
	return json_object_get(d->config, "config");
}

static int set(
	struct draft *d, const char *key, json_t *value, const char *text, struct image_error *e)
{
	if (value && !json_object_set_new(settings(d), key, value))
		return 0;
	return image_fail(e, -EINVAL, "\"%.200s\" is not UTF-8", text);
}

int draft_set_words(struct draft *d, const char *key, char *const *words, struct image_error *e)
{
	json_t *list;

	if (!words) {
		json_object_del(settings(d), key);
		return 0;
	}
	list = json_array();
	for (; list && *words; words++)
		if (json_array_append_new(list, json_string(*words))) {
			json_decref(list);
			return image_fail(e, -EINVAL, "\"%.200s\" is not UTF-8", *words);
		}
	return set(d, key, list, key, e);
}

int draft_set_text(struct draft *d, const char *key, const char *value, struct image_error *e)
{
	return set(d, key, json_string(value), value, e);
}

static json_t *find_env(const struct draft *d, const char *name, size_t n, size_t *at)
{
	json_t *env = json_object_get(settings(d), "Env");

	for (*at = 0; *at < json_array_size(env); ++*at) {
		json_t *item = json_array_get(env, *at);
		const char *s = json_string_value(item);

		if (s && !strncmp(s, name, n) && s[n] == '=')
			return item;
	}
	return NULL;
}

int draft_set_env(struct draft *d, const char *assignment, struct image_error *e)
{
	size_t n = strcspn(assignment, "="), at;
	json_t *text = json_string(assignment), *env = json_object_get(settings(d), "Env");

	if (!n || !assignment[n] || !text) {
		json_decref(text);
		return image_fail(
			e, -EINVAL, "environment \"%.200s\": want NAME=VALUE in UTF-8", assignment);
	}
	if (!json_is_array(env)) {
		env = json_array();
		if (!env || json_object_set_new(settings(d), "Env", env)) {
			json_decref(text);
			return no_memory(e);
		}
	}
	if (find_env(d, assignment, n, &at))
		return json_array_set_new(env, at, text) ? no_memory(e) : 0;
	return json_array_append_new(env, text) ? no_memory(e) : 0;
}

int draft_set_label(struct draft *d, const char *assignment, struct image_error *e)
{
	json_t *labels = json_object_get(settings(d), "Labels"), *value;
	size_t n = strcspn(assignment, "=");
	char *key;
	int r;

	if (!n || !assignment[n])
		return image_fail(e, -EINVAL, "label \"%.200s\": want NAME=VALUE", assignment);
	if (!json_is_object(labels)) {
		labels = json_object();
		if (!labels || json_object_set_new(settings(d), "Labels", labels))
			return no_memory(e);
	}
	key = strndup(assignment, n);
	value = json_string(assignment + n + 1);
	r = !key || !value || json_object_set(labels, key, value)
		    ? image_fail(e, -EINVAL, "label \"%.200s\" is not UTF-8", assignment)
		    : 0;
	json_decref(value);
	free(key);
	return r;
}

const char *draft_text(const struct draft *d, const char *key)
{
	return json_string_value(json_object_get(settings(d), key));
}

const char *draft_env(const struct draft *d, const char *name)
{
	size_t at;
	json_t *item = find_env(d, name, strlen(name), &at);

	return item ? json_string_value(item) + strlen(name) + 1 : NULL;
}

int draft_write(struct store *s, const struct draft *d, const char *name, struct descriptor *out,
	struct image_error *e)
{
	if (json_object_set_new(d->config, "created", time_json(d)))
		return no_memory(e);
	return image_write(s, d->config, d->layers, d->nlayers, name, out, e);
}
