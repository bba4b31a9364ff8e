/* SPDX-License-Identifier: Apache-2.0
 *
 * Export: which images, in which form, to where.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/transfer/sink.h"

static const char *const format_names[] = {"auto", "oci", "oci-archive", "docker-archive"};

bool transfer_format_parse(const char *text, enum transfer_format *out)
{
	for (size_t i = 1; i < sizeof format_names / sizeof *format_names; i++)
		if (!strcmp(text, format_names[i])) {
			*out = (enum transfer_format)i;
			return true;
		}
	return false;
}

/* A directory is a layout, all else an archive. */
static enum transfer_format guess(const char *path)
{
	struct stat st;
	size_t n = strlen(path);

	if ((n && path[n - 1] == '/') || (!stat(path, &st) && S_ISDIR(st.st_mode)))
		return TRANSFER_OCI;
	return TRANSFER_OCI_ARCHIVE;
}

/* "DST:REFERENCE", unless the whole is the path of something. Behind a "/" a ":" is the name's. */
static const char *split_reference(char *dst)
{
	char *colon = strchr(dst, ':');

	if (!colon || !access(dst, F_OK))
		return NULL;
	*colon = 0;
	return colon[1] ? colon + 1 : NULL;
}

/* Docker knows only whole names; in a layout it may be anything. */
static int set_reference(struct export_image *image, const char *name, const char *reference,
	enum transfer_format format, struct image_error *e)
{
	const char *text = reference ? reference : name;

	if (format == TRANSFER_DOCKER_ARCHIVE || !reference)
		return image_name_parse(text, image->reference, e);
	if (strlen(text) >= sizeof image->reference)
		return image_fail(e, -EINVAL, "the reference is too long");
	snprintf(image->reference, sizeof image->reference, "%s", text);
	return 0;
}

static int find_images(struct store *s, const char *const *names, size_t n, const char *reference,
	enum transfer_format format, struct export_image *images, struct image_error *e)
{
	if (reference && n > 1)
		return image_fail(
			e, -EINVAL, "\":%.100s\" is for one image, not %zu", reference, n);
	for (size_t i = 0; i < n; i++) {
		int r = manifest_find(s, names[i], &images[i].m, e);

		if (!r)
			r = set_reference(&images[i], names[i], reference, format, e);
		if (r)
			return r;
	}
	return 0;
}

static int write_images(struct store *s, const struct export_image *images, size_t n,
	const char *path, enum transfer_format format, const struct progress *p,
	struct image_error *e)
{
	struct sink *k;
	int r = format == TRANSFER_OCI ? sink_directory(path, &k, e) : sink_archive(path, &k, e);

	if (r)
		return r;
	if (format == TRANSFER_DOCKER_ARCHIVE)
		r = export_docker(s, k, images, n, p, e);
	else
		r = export_layout(s, k, images, n, p, e);
	if (!r)
		r = k->ops->finish(k, e);
	k->ops->close(k);
	return r;
}

int transfer_export(struct store *s, const char *const *names, size_t n, const char *dst,
	enum transfer_format format, const struct progress *p, struct image_error *e)
{
	struct export_image *images = calloc(n, sizeof *images);
	char *path = strdup(dst);
	const char *reference = path ? split_reference(path) : NULL;
	int r;

	if (!images || !path) {
		free(images);
		free(path);
		return image_fail(e, -ENOMEM, "out of memory");
	}
	if (format == TRANSFER_AUTO)
		format = guess(path);
	if (format == TRANSFER_OCI && !strcmp(path, "-"))
		r = image_fail(e, -EINVAL, "a layout is a directory: it cannot go to stdout");
	else
		r = find_images(s, names, n, reference, format, images, e);
	if (!r)
		r = write_images(s, images, n, path, format, p, e);
	for (size_t i = 0; i < n; i++)
		manifest_clear(&images[i].m);
	free(images);
	free(path);
	return r;
}
