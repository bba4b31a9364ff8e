/* SPDX-License-Identifier: Apache-2.0
 *
 * Import: which images a layout or an archive has, which of them are wanted, and their names.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/transfer/import.h"

#define REF_NAME	"org.opencontainers.image.ref.name"
#define CONTAINERD_NAME "io.containerd.image.name"

int import_add(struct import *im, const struct descriptor *d, const char *name)
{
	struct store_ref *r;

	if (im->n == TRANSFER_IMAGES_MAX)
		return image_fail(im->e, -EFBIG, "more than %u images", TRANSFER_IMAGES_MAX);
	r = reallocarray(im->refs, im->n + 1, sizeof *r);
	if (!r)
		return image_fail(im->e, -ENOMEM, "out of memory");
	im->refs = r;
	r += im->n++;
	snprintf(r->name, sizeof r->name, "%s", name);
	snprintf(r->media_type, sizeof r->media_type, "%s", d->media_type);
	r->digest = d->digest;
	r->size = d->size;
	return 0;
}

/* What the file is called, as far as a name may look so: "My App.tar.gz" is "my-app". */
static void base_name(const char *what, char out[128])
{
	const char *s = strrchr(what, '/');
	size_t n = 0;

	for (s = s && s[1] ? s + 1 : what; *s && *s != '.' && n < 100; s++) {
		char c = (char)tolower((unsigned char)*s);

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			out[n++] = c;
		else if (n && out[n - 1] != '-')
			out[n++] = '-';
	}
	while (n && out[n - 1] == '-')
		n--;
	out[n] = 0;
}

/* The name in the store of what is called `ref` there: with a ":" or "/" a whole name, else a tag.
 */
int import_name(struct import *im, const char *ref, char out[STORE_NAME_MAX])
{
	char text[STORE_NAME_MAX + 136], base[128];
	struct image_error why;

	if (im->name) {
		snprintf(out, STORE_NAME_MAX, "%s", im->name);
		return 0;
	}
	base_name(im->what, base);
	if (ref && strpbrk(ref, ":/"))
		snprintf(text, sizeof text, "%s", name_familiar(ref));
	else
		snprintf(text, sizeof text, "%s:%s", base, ref ? ref : "latest");
	if (!image_name_parse(text, out, &why))
		return 0;
	return image_fail(im->e, -EINVAL,
		"it has no name that is good here (\"%.100s\"): give one with -t", ref ? ref : "");
}

/* Is the image called so the one asked for? */
bool import_wanted(const struct import *im, const char *ref)
{
	char a[STORE_NAME_MAX], b[STORE_NAME_MAX];

	if (!im->reference)
		return true;
	if (!ref)
		return false;
	if (!strcmp(ref, im->reference))
		return true;
	return !image_name_parse(name_familiar(ref), a, NULL) &&
	       !image_name_parse(name_familiar(im->reference), b, NULL) && !strcmp(a, b);
}

static const char *annotation(const json_t *entry, const char *key)
{
	return json_string_value(json_object_get(json_object_get(entry, "annotations"), key));
}

/* containerd and Docker put the whole name beside the tag. */
static const char *entry_name(const json_t *entry)
{
	const char *whole = annotation(entry, CONTAINERD_NAME);

	return whole ? whole : annotation(entry, REF_NAME);
}

static bool entry_wanted(const struct import *im, const json_t *entry)
{
	return import_wanted(im, annotation(entry, REF_NAME)) ||
	       import_wanted(im, annotation(entry, CONTAINERD_NAME));
}

static int take_entry(struct import *im, const json_t *entry)
{
	struct descriptor d = {0}, got = {0};
	char name[STORE_NAME_MAX];
	int r = descriptor_parse(entry, &d, im->e);

	if (!r)
		r = import_name(im, entry_name(entry), name);
	if (!r)
		r = image_take(im->src, im->s, &d, im->p, &got, im->e);
	if (!r)
		r = import_add(im, &got, name);
	descriptor_clear(&got);
	descriptor_clear(&d);
	return r;
}

static int take_entries(struct import *im, const json_t *root)
{
	const json_t *manifests = json_object_get(root, "manifests"), *entry;
	size_t i, wanted = 0;
	int r = 0;

	json_array_foreach(manifests, i, entry) wanted += entry_wanted(im, entry);
	if (!json_is_array(manifests) || !wanted)
		return image_fail(im->e, -ENOENT, "%s%s", "there is no image",
			im->reference ? " of that name in it" : " in it");
	if (wanted > 1 && im->name)
		return image_fail(im->e, -EINVAL,
			"there are %zu images in it, and -t names one: ask for one with "
			"\"%.100s:REFERENCE\"",
			wanted, im->what);
	json_array_foreach(manifests, i, entry)
	{
		if (!r && entry_wanted(im, entry))
			r = take_entry(im, entry);
	}
	return r;
}

static int check_layout_version(struct import *im)
{
	json_t *root;
	const char *version = NULL;
	char *data;
	size_t n;
	int r = im->src->ops->document(im->src, "oci-layout", &data, &n, im->e);

	if (r == -ENOENT)
		return image_fail(im->e, r, "an index.json without oci-layout: no OCI layout");
	if (r)
		return r;
	r = document_parse(data, n, &root, im->e);
	free(data);
	if (r)
		return image_within(im->e, r, "oci-layout");
	r = document_string(root, "imageLayoutVersion", 32, &version, im->e);
	if (!r && (!version || strncmp(version, "1.", 2) != 0))
		r = image_fail(im->e, -ENOTSUP, "oci-layout: version %s; 1.0.0 is read",
			version ? version : "missing");
	json_decref(root);
	return r;
}

static int import_layout(struct import *im, const char *data, size_t n)
{
	json_t *root;
	int r = check_layout_version(im);

	if (!r)
		r = document_parse(data, n, &root, im->e);
	if (r)
		return r;
	r = take_entries(im, root);
	json_decref(root);
	return r;
}

/* What it is, by what is in it. */
static int import_origin(struct import *im)
{
	char *data;
	size_t n;
	int r = im->src->ops->document(im->src, "index.json", &data, &n, im->e);

	if (!r) {
		r = import_layout(im, data, n);
		free(data);
		return r;
	}
	if (r != -ENOENT)
		return r;
	r = im->src->ops->document(im->src, "manifest.json", &data, &n, im->e);
	if (r == -ENOENT)
		return image_fail(im->e, -EINVAL,
			"neither an OCI layout (index.json) nor a docker-archive (manifest.json)");
	if (r)
		return r;
	r = import_docker(im, data, n);
	free(data);
	return r;
}

/* Reading twice needs a file: what comes through a pipe is kept in the store's tmp while it is
 * needed. */
static int spool(struct store *s, int from, int *fd, struct image_error *e)
{
	static const size_t room = 256u << 10;
	char *buf = malloc(room);
	int r = buf ? store_temp(s, fd, e) : image_fail(e, -ENOMEM, "out of memory");

	while (!r) {
		ssize_t n = read(from, buf, room);

		if (!n)
			break;
		if (n < 0)
			r = image_fail(e, -errno, "cannot read it: %s", strerror(errno));
		for (ssize_t done = 0, w; !r && done < n; done += w) {
			w = write(*fd, buf + done, (size_t)(n - done));
			if (w < 0)
				r = image_fail(e, -errno, "cannot write to %s: %s", store_dir(s),
					strerror(errno));
		}
		if (r)
			close(*fd);
	}
	free(buf);
	return r;
}

static int open_origin(struct import *im, int fd)
{
	struct stat st;
	int r = fstat(fd, &st) ? -errno : 0, copy;

	if (r) {
		r = image_fail(im->e, r, "%s", strerror(-r));
	} else if (S_ISDIR(st.st_mode)) {
		r = origin_directory(fd, im->what, &im->src, im->e);
		return r;
	} else if (S_ISREG(st.st_mode)) {
		return origin_archive(fd, im->what, &im->src, im->e);
	} else {
		r = spool(im->s, fd, &copy, im->e);
		if (!r)
			r = origin_archive(copy, im->what, &im->src, im->e);
	}
	close(fd);
	return r;
}

/* "SRC:REFERENCE", unless the whole is the path of something. */
static int open_path(struct import *im, const char *src, char *path)
{
	char *colon;

	if (!strcmp(src, "-"))
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	colon = strncmp(src, "-:", 2) ? strchr(path, ':') : path + 1;
	if (colon && access(src, F_OK)) {
		*colon = 0;
		im->reference = colon + 1;
	}
	im->what = path;
	if (!strcmp(path, "-"))
		return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int set_names(const struct import *im)
{
	int r = 0;

	for (size_t i = 0; !r && i < im->n; i++)
		r = store_set(im->s, &im->refs[i], im->e);
	return r;
}

static int run_import(struct import *im, const char *src, char *path)
{
	int fd = open_path(im, src, path), r;

	if (fd < 0)
		return image_fail(im->e, -errno, "cannot open it: %s", strerror(errno));
	r = open_origin(im, fd);
	if (r)
		return r;
	r = import_origin(im);
	im->src->ops->close(im->src);
	return r ? r : set_names(im);
}

int transfer_import(struct store *s, const char *src, const char *name, const struct progress *p,
	struct store_ref **out, size_t *n, struct image_error *e)
{
	char whole[STORE_NAME_MAX], *path = strdup(src);
	struct import im = {.s = s, .what = src, .p = p, .e = e};
	int r = name ? image_name_parse(name, whole, e) : 0;

	if (!r && !path)
		r = image_fail(e, -ENOMEM, "out of memory");
	if (!r) {
		im.name = name ? whole : NULL;
		r = run_import(&im, src, path);
		if (r)
			image_within(e, r, "%.200s", src);
	}
	free(path);
	if (r) {
		free(im.refs);
		return r;
	}
	*out = im.refs;
	*n = im.n;
	return 0;
}
