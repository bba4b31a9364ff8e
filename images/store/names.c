/* SPDX-License-Identifier: Apache-2.0
 *
 * Names: index.json on disk. Who changes it holds .index.lock from reading to replacing; who reads
 * needs no lock, because the file is replaced as a whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "images/store/document.h"
#include "images/store/index.h"
#include "images/store/store_internal.h"

#define NO_INDEX "{\"schemaVersion\":2,\"manifests\":[]}"

static int read_index(struct store *s, json_t **out, struct image_error *e)
{
	char *text;
	size_t n;
	int r = document_read(s->fd, STORE_INDEX, INDEX_MAX, &text, &n);

	if (r == -ENOENT) /* killed between the layout's two files */
		return index_parse(NO_INDEX, strlen(NO_INDEX), out, e);
	if (r)
		return image_fail(
			e, r, "cannot read %s/" STORE_INDEX ": %s", s->dir, document_why(r));
	r = index_parse(text, n, out, e);
	free(text);
	if (r)
		return image_within(e, r,
			"%s/" STORE_INDEX " is damaged (move it away, then name images again with "
			"`sandbox image tag sha256:… NAME`)",
			s->dir);
	return 0;
}

static int write_index(struct store *s, const json_t *root, struct image_error *e)
{
	char *text;
	size_t n;
	int fd;
	int r = index_text(root, &text, &n, e);

	if (r)
		return r;
	r = store_temp(s, &fd, e);
	if (!r) {
		r = temp_write(s, fd, text, n, e);
		if (!r)
			r = temp_replace(
				s, fd, STORE_INDEX, 0644, e); /* other programs write to it */
		;
		temp_drop(s, fd);
	}
	free(text);
	return r;
}

/* Reads, lets fn change, writes: nobody else in between. */
static int edit_index(struct store *s,
	int (*fn)(json_t *root, const void *arg, struct image_error *e), const void *arg,
	struct image_error *e)
{
	json_t *root;
	int lock, r = store_writable(s, e);

	if (r)
		return r;
	lock = lock_file(s->fd, ".index.lock", O_RDWR | O_CREAT, LOCK_EX);
	if (lock < 0)
		return store_fail(s, e, lock, "lock " STORE_INDEX);
	r = read_index(s, &root, e);
	if (!r) {
		r = fn(root, arg, e);
		if (!r)
			r = write_index(s, root, e);
		json_decref(root);
	}
	close(lock);
	return r;
}

int store_find(struct store *s, const char *name, struct store_ref *out, struct image_error *e)
{
	json_t *root;
	int r = read_index(s, &root, e);

	if (r)
		return r;
	r = index_find(root, name, out, e);
	json_decref(root);
	return r;
}

int store_list(struct store *s, struct store_ref **out, size_t *n, struct image_error *e)
{
	json_t *root;
	int r = read_index(s, &root, e);

	if (r)
		return r;
	r = index_refs(root, out, n, e);
	json_decref(root);
	return r;
}

static int set(json_t *root, const void *arg, struct image_error *e)
{
	return index_set(root, arg, e);
}

static int unset(json_t *root, const void *arg, struct image_error *e)
{
	return index_unset(root, arg, e);
}

int store_set(struct store *s, const struct store_ref *ref, struct image_error *e)
{
	struct store_ref whole = *ref;
	int r = image_name_parse(ref->name, whole.name, e);

	if (r)
		return r;
	if (!blob_has(s, &ref->digest))
		return image_fail(e, -ENOENT,
			"cannot name sha256:%s \"%s\": it is not in the image store %s",
			ref->digest.hex, whole.name, s->dir);
	return edit_index(s, set, &whole, e);
}

int store_unset(struct store *s, const char *name, struct image_error *e)
{
	return edit_index(s, unset, name, e);
}
