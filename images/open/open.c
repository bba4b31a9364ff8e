/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/flat/flat_read.h"
#include "images/oci/parse.h"
#include "images/open/open.h"
#include "images/store/document.h"
#include "images/store/index.h"
#include "images/store/place.h"

/* The store's directory as it is looked at here. */
struct place {
	char *dir;
	int fd; /* O_PATH */
};

static int place_open(struct place *p, const char *dir, struct image_error *e)
{
	int r = store_place(dir, &p->dir, e);

	p->fd = -1;
	if (r) {
		p->dir = NULL;
		return r;
	}
	p->fd = open(p->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->fd >= 0)
		return 0;
	if (errno == ENOENT)
		return store_missing(p->dir, e);
	return image_fail(e, -errno, "cannot open the image store %s: %s", p->dir, strerror(errno));
}

static void place_close(struct place *p)
{
	if (p->fd >= 0)
		close(p->fd);
	free(p->dir);
}

static int load_blob(
	void *arg, const struct digest *d, char **data, size_t *n, struct image_error *e)
{
	const struct place *p = arg;
	char path[128];
	int r;

	snprintf(path, sizeof path, "blobs/sha256/%s", d->hex);
	r = document_read(p->fd, path, BLOB_DOCUMENT_MAX, data, n);
	if (r == -ENOENT)
		return image_fail(e, r,
			"blob sha256:%s is not in the image store %s; pull or import the image "
			"again",
			d->hex, p->dir);
	return r ? image_fail(e, r, "cannot read %s of the image store %s: %s", path, p->dir,
			   document_why(r))
		 : 0;
}

static int find_name(
	const struct place *p, const char *name, struct descriptor *out, struct image_error *e)
{
	struct store_ref ref;
	json_t *root;
	char *text;
	size_t n;
	int r = document_read(p->fd, "index.json", INDEX_MAX, &text, &n);

	if (r == -ENOENT)
		return store_missing(p->dir, e);
	if (r)
		return image_fail(e, r, "cannot read %s/index.json: %s", p->dir, document_why(r));
	r = index_parse(text, n, &root, e);
	free(text);
	if (r)
		return image_within(e, r, "%s/index.json is damaged", p->dir);
	r = index_find(root, name, &ref, e);
	json_decref(root);
	if (r)
		return r;
	memset(out, 0, sizeof *out);
	memcpy(out->media_type, ref.media_type, sizeof out->media_type);
	out->digest = ref.digest;
	out->size = ref.size;
	return 0;
}

/* What the name leads to: a manifest and its configuration. */
static int load(struct place *p, const char *name, struct manifest *m, struct image_config *c,
	struct image_error *e)
{
	struct source s = {load_blob, p};
	struct descriptor d = {.size = 0};
	struct digest digest;
	char *text;
	size_t n;
	int r;

	if (digest_parse(name, &digest))
		r = source_describe(&s, &digest, &d, e);
	else
		r = find_name(p, name, &d, e);
	if (!r)
		r = source_manifest(&s, &d, m, e);
	if (r)
		return r;
	r = source_load(&s, &m->config, &text, &n, e);
	if (!r) {
		r = config_parse(text, n, m->nlayers, c, e);
		free(text);
	}
	if (r) {
		r = image_within(e, r, "configuration sha256:%s", m->config.digest.hex);
		manifest_clear(m);
	}
	return r;
}

static int copy_string(const char *s, char **out)
{
	if (!s)
		return 0;
	*out = strdup(s);
	return *out ? 0 : -ENOMEM;
}

static int copy_strings(const char *const *a, char ***out)
{
	size_t n = 0;
	int r = 0;

	if (!a)
		return 0;
	while (a[n])
		n++;
	*out = calloc(n + 1, sizeof **out);
	if (!*out)
		return -ENOMEM;
	for (size_t i = 0; !r && i < n; i++)
		r = copy_string(a[i], &(*out)[i]);
	return r;
}

static int copy_config(const struct image_config *c, struct image_run *out)
{
	int r = copy_strings(c->entrypoint, &out->entrypoint);

	if (!r)
		r = copy_strings(c->cmd, &out->cmd);
	if (!r)
		r = copy_strings(c->env, &out->env);
	if (!r)
		r = copy_string(c->user, &out->user);
	if (!r)
		r = copy_string(c->workdir, &out->workdir);
	return r;
}

static int open_flat(const struct place *p, struct image_run *out, struct image_error *e)
{
	struct stat st;
	char path[FLAT_PATH];
	int fd;

	flat_path(&out->manifest, path);
	fd = openat(p->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return image_fail(
			e, -errno, "cannot open %s/%s: %s", p->dir, path, strerror(errno));
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return image_fail(e, -EBADMSG, "%s/%s is not a file", p->dir, path);
	}
	out->fd = fd;
	return 0;
}

int image_open(
	const char *store_dir, const char *name, struct image_run *out, struct image_error *e)
{
	struct image_config config;
	struct manifest manifest;
	struct place place;
	int r = place_open(&place, store_dir, e);

	memset(out, 0, sizeof *out);
	out->fd = -1;
	if (!r)
		r = load(&place, name, &manifest, &config, e);
	if (!r) {
		out->manifest = manifest.self.digest;
		r = copy_config(&config, out) ? image_fail(e, -ENOMEM, "no memory")
					      : open_flat(&place, out, e);
		config_clear(&config);
		manifest_clear(&manifest);
		if (r) {
			r = image_within(e, r, "image %s", name);
			image_run_clear(out);
		}
	}
	place_close(&place);
	return r;
}

static void free_strings(char **a)
{
	for (char **s = a; s && *s; s++)
		free(*s);
	free(a);
}

void image_run_clear(struct image_run *r)
{
	free_strings(r->entrypoint);
	free_strings(r->cmd);
	free_strings(r->env);
	free(r->user);
	free(r->workdir);
	if (r->fd >= 0)
		close(r->fd);
	memset(r, 0, sizeof *r);
	r->fd = -1;
}
