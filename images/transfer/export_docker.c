/* SPDX-License-Identifier: Apache-2.0
 *
 * Images as a docker-archive: configurations, layers as plain tar, and manifest.json.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/layer/layer.h"
#include "images/transfer/sink.h"

#define BUFFER (256u << 10)

struct docker {
	struct store *s;
	struct sink *k;
	struct meter m;
	json_t *written, *manifest;
	struct image_error *e;
};

/* -- a layer unpacked -- */

struct unpacker {
	struct archive *a;
	int out;
	uint64_t packed, n;
	struct image_error *e;
};

static int write_all(struct unpacker *u, const char *data, size_t n)
{
	while (n) {
		ssize_t w = write(u->out, data, n);

		if (w < 0)
			return image_fail(
				u->e, -errno, "cannot unpack a layer: %s", strerror(errno));
		data += w;
		n -= (size_t)w;
	}
	return 0;
}

static int unpack_all(struct unpacker *u, char *buf)
{
	for (;;) {
		la_ssize_t n = archive_read_data(u->a, buf, BUFFER);
		int r;

		if (!n)
			return 0;
		if (n < 0)
			return image_fail(
				u->e, -EBADMSG, "a damaged layer: %s", archive_error_string(u->a));
		u->n += (uint64_t)n;
		if (u->n > layer_limits_default.bytes ||
			layer_is_bomb(&layer_limits_default, u->n, u->packed))
			return image_fail(u->e, -EFBIG, "a layer unpacks to far too much");
		r = write_all(u, buf, (size_t)n);
		if (r)
			return r;
	}
}

static int unpack_stream(struct unpacker *u, int in)
{
	struct archive_entry *entry;
	char *buf = malloc(BUFFER);
	int r;

	u->a = archive_read_new();
	if (!u->a || !buf) {
		r = image_fail(u->e, -ENOMEM, "out of memory");
	} else {
		archive_read_support_filter_gzip(u->a);
		archive_read_support_filter_zstd(u->a);
		archive_read_support_format_raw(u->a);
		if (archive_read_open_fd(u->a, in, BUFFER) ||
			archive_read_next_header(u->a, &entry))
			r = image_fail(
				u->e, -EBADMSG, "a damaged layer: %s", archive_error_string(u->a));
		else
			r = unpack_all(u, buf);
	}
	archive_read_free(u->a);
	free(buf);
	return r;
}

/* The tar of a packed layer as a file that has no name. */
static int unpack_layer(struct docker *d, int in, uint64_t packed, int *out, uint64_t *size)
{
	struct unpacker u = {.packed = packed, .e = d->e};
	int r = store_temp(d->s, &u.out, d->e);

	if (r)
		return r;
	r = unpack_stream(&u, in);
	if (!r && lseek(u.out, 0, SEEK_SET))
		r = image_fail(d->e, -errno, "cannot unpack a layer: %s", strerror(errno));
	if (r) {
		close(u.out);
		return r;
	}
	*out = u.out;
	*size = u.n;
	return 0;
}

/* -- members -- */

static int put_once(
	struct docker *d, const char *path, int fd, uint64_t size, const struct digest *digest)
{
	int r = d->k->ops->blob(d->k, path, fd, size, digest, &d->m, d->e);

	if (!r && json_object_set_new(d->written, path, json_true()))
		r = image_fail(d->e, -ENOMEM, "out of memory");
	return r;
}

/* What is written is checked against diff_id: the packed bytes need no other check. */
static int put_layer(struct docker *d, const struct descriptor *layer, const struct digest *diff_id,
	const char *path)
{
	enum compression c;
	uint64_t size;
	int fd, plain, r = layer_media_type(layer->media_type, &c, d->e);

	if (r || json_object_get(d->written, path))
		return r;
	r = blob_open(d->s, &layer->digest, &fd, &size, d->e);
	if (r)
		return r;
	if (c != COMPRESS_NONE) {
		r = unpack_layer(d, fd, size, &plain, &size);
		close(fd);
		if (r)
			return r;
		fd = plain;
	}
	r = put_once(d, path, fd, size, diff_id);
	close(fd);
	return r;
}

static int put_config(struct docker *d, const struct descriptor *config, const char *path)
{
	uint64_t size;
	int fd, r;

	if (json_object_get(d->written, path))
		return 0;
	r = blob_open(d->s, &config->digest, &fd, &size, d->e);
	if (r)
		return r;
	r = put_once(d, path, fd, size, &config->digest);
	close(fd);
	return r;
}

static int put_image(struct docker *d, const struct export_image *image)
{
	char config[DIGEST_HEX + sizeof ".json"], path[DIGEST_HEX + sizeof ".tar"];
	json_t *layers = json_array();
	struct image_config c;
	int r = config_load(d->s, &image->m, &c, d->e);

	if (r) {
		json_decref(layers);
		return r;
	}
	snprintf(config, sizeof config, "%s.json", image->m.config.digest.hex);
	r = put_config(d, &image->m.config, config);
	for (size_t i = 0; !r && i < image->m.nlayers; i++) {
		snprintf(path, sizeof path, "%s.tar", c.diff_ids[i].hex);
		r = put_layer(d, &image->m.layers[i], &c.diff_ids[i], path);
		json_array_append_new(layers, json_string(path));
	}
	config_clear(&c);
	if (json_array_append_new(
		    d->manifest, json_pack("{s:s, s:[s], s:o}", "Config", config, "RepoTags",
					 image->reference, "Layers", layers)) &&
		!r)
		r = image_fail(d->e, -ENOMEM, "out of memory");
	return r;
}

static int put_manifest(const struct docker *d)
{
	char *text = json_dumps(d->manifest, JSON_COMPACT | JSON_SORT_KEYS);
	int r;

	if (!text)
		return image_fail(d->e, -ENOMEM, "out of memory");
	r = d->k->ops->document(d->k, "manifest.json", text, strlen(text), d->e);
	free(text);
	return r;
}

int export_docker(struct store *s, struct sink *k, const struct export_image *images, size_t n,
	const struct progress *p, struct image_error *e)
{
	struct docker d = {s, k, {.p = p, .what = "copying"}, json_object(), json_array(), e};
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = put_image(&d, &images[i]);
	if (!r)
		r = put_manifest(&d);
	json_decref(d.written);
	json_decref(d.manifest);
	return r;
}
