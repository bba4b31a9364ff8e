/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing a layer: libarchive makes the archive (ustar, with pax headers only where ustar cannot
 * say it), which is hashed, compressed and put into the store as it comes.
 */
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/layer/write_internal.h"

#define COPY_SIZE (256u << 10)

static const unsigned char zeros[COPY_SIZE];

static la_ssize_t put_tar(struct archive *a, void *arg, const void *data, size_t n)
{
	struct layer_writer *w = arg;
	int r;

	if (w->aborting)
		return (la_ssize_t)n;
	if (!w->encoder)
		hasher_add(w->tar_hash, data, n);
	r = w->encoder ? encoder_add(w->encoder, data, n, &w->error) : 0;
	if (!r)
		return (la_ssize_t)n;
	archive_set_error(a, -r, "blob");
	return -1;
}

/* What stopped libarchive: a sentence of the store's, or its own. */
static int archive_failed(struct layer_writer *w, const char *path, struct image_error *e)
{
	int err = archive_errno(w->archive);

	if (w->error.text[0])
		return image_fail(e, err > 0 && err < 4096 ? -err : -EIO, "%s", w->error.text);
	return image_fail(
		e, -EIO, "%s: cannot be archived: %s", path, archive_error_string(w->archive));
}

static int open_archive(struct layer_writer *w, struct image_error *e)
{
	struct archive *a = archive_write_new();

	w->archive = a;
	if (!a)
		return image_fail(e, -ENOMEM, "not enough memory for an archive");
	if (archive_write_set_format_pax_restricted(a) ||
		archive_write_set_options(a, "pax:xattrheader=SCHILY") ||
		archive_write_set_bytes_per_block(a, 0) || /* content comes at once, by itself */
		archive_write_set_bytes_in_last_block(a, 1) ||
		archive_write_open(a, w, NULL, put_tar, NULL))
		return archive_failed(w, "archive", e);
	return 0;
}

static int begin_blob(struct store *s, struct layer_writer *w, struct image_error *e)
{
	int r = blob_begin(s, &w->blob, e);

	if (r)
		return r;
	return encoder_new(w->options.compression, w->options.level, w->options.threads, w->blob,
		w->tar_hash, &w->encoder, e);
}

static int begin(struct store *s, struct layer_writer *w, struct image_error *e)
{
	int r;

	w->tar_hash = hasher_new();
	w->entry = archive_entry_new();
	if (!w->tar_hash || !w->entry)
		return image_fail(e, -ENOMEM, "not enough memory for an archive");
	r = s ? begin_blob(s, w, e) : 0;
	return r ? r : open_archive(w, e);
}

int layer_begin(struct store *s, const struct layer_options *o, struct layer_writer **out,
	struct image_error *e)
{
	LAYER_IN_C_LOCALE;
	struct layer_writer *w = calloc(1, sizeof *w);
	int r;

	if (!w)
		return image_fail(e, -ENOMEM, "not enough memory for an archive");
	w->options = *o;
	r = begin(s, w, e);
	if (r)
		layer_abort(w);
	else
		*out = w;
	return r;
}

/* -- members -- */

int layer_member_name(const struct layer_entry *m, char out[LAYER_PATH_MAX + 1])
{
	const char *slash = strrchr(m->path, '/');
	int dir = slash ? (int)(slash + 1 - m->path) : 0, n;

	if (m->kind == LAYER_WHITEOUT)
		n = snprintf(out, LAYER_PATH_MAX + 1, "%.*s" LAYER_WHITEOUT_PREFIX "%s", dir,
			m->path, m->path + dir);
	else if (m->kind == LAYER_OPAQUE)
		n = snprintf(out, LAYER_PATH_MAX + 1, "%s%s" LAYER_OPAQUE_NAME, m->path,
			*m->path ? "/" : "");
	else if (m->kind == LAYER_NODE && !*m->path && S_ISDIR(m->mode))
		n = snprintf(out, LAYER_PATH_MAX + 1, LAYER_ROOT_NAME);
	else
		n = snprintf(out, LAYER_PATH_MAX + 1, "%s", m->path);
	return n > (int)LAYER_PATH_MAX ? -ENAMETOOLONG : n ? 0 : -EINVAL;
}

/* A name that a reader would take for something else, or refuse, is not written. */
static int check_name(const struct layer_entry *m, const char *name)
{
	char clean[LAYER_PATH_MAX + 1];
	int kind, r;

	if (layer_path_clean(name, clean) || strcmp(clean, *m->path ? name : clean))
		return -EINVAL;
	r = layer_whiteout_parse(clean, &kind);
	if (r)
		return -EINVAL;
	return kind == (m->kind == LAYER_HARDLINK ? LAYER_NODE : (int)m->kind) ? 0 : -EINVAL;
}

static int take_name(struct layer_writer *w, const struct layer_entry *m, struct image_error *e)
{
	char name[LAYER_PATH_MAX + 1];
	int r = layer_member_name(m, name);

	if (!r)
		r = check_name(m, name);
	if (r)
		return image_fail(e, r, "\"%.200s\" cannot be a name in a layer", m->path);
	if (w->last[0] && layer_path_compare(w->last, name) >= 0)
		return image_fail(e, -EINVAL, "\"%.200s\" is given to the layer after \"%.200s\"",
			name, w->last);
	memcpy(w->last, name, sizeof name);
	return 0;
}

/* The member as the options have it: what header and table say. */
static struct layer_entry by_options(const struct layer_options *o, const struct layer_entry *m)
{
	struct layer_entry as = *m;

	if (!o->keep_owner) {
		as.uid = o->uid;
		as.gid = o->gid;
	}
	if (!o->keep_times) {
		as.mtime = o->mtime;
		as.mtime_ns = 0;
	}
	return as;
}

static void set_node(struct layer_writer *w, const struct layer_entry *m)
{
	struct archive_entry *a = w->entry;

	archive_entry_set_mode(a, m->mode);
	archive_entry_set_uid(a, m->uid);
	archive_entry_set_gid(a, m->gid);
	archive_entry_set_size(a, S_ISREG(m->mode) ? (int64_t)m->size : 0);
	if (S_ISLNK(m->mode))
		archive_entry_set_symlink(a, m->target);
	if (S_ISCHR(m->mode) || S_ISBLK(m->mode))
		archive_entry_set_rdev(a, m->rdev);
	for (size_t i = 0; i < m->nxattrs; i++)
		archive_entry_xattr_add_entry(
			a, m->xattrs[i].name, m->xattrs[i].value, m->xattrs[i].size);
}

static void set_entry(struct layer_writer *w, const struct layer_entry *m)
{
	struct archive_entry *a = archive_entry_clear(w->entry);

	archive_entry_set_pathname(a, w->last);
	archive_entry_set_mtime(a, m->mtime, (long)m->mtime_ns);
	if (m->kind == LAYER_NODE) {
		set_node(w, m);
		return;
	}
	archive_entry_set_mode(a, S_IFREG);
	archive_entry_set_size(a, 0);
	if (m->kind == LAYER_HARDLINK)
		archive_entry_set_hardlink(a, m->target);
}

/* -- content -- */

static int put_data(struct layer_writer *w, const void *data, size_t n, struct image_error *e)
{
	const char *p = data;

	while (n) {
		la_ssize_t r = archive_write_data(w->archive, p, n);

		if (r <= 0)
			return archive_failed(w, w->last, e);
		p += r;
		n -= (size_t)r;
		w->done += (uint64_t)r;
	}
	progress_report(w->progress, "packing", w->done, w->total);
	return 0;
}

static int put_zeros(struct layer_writer *w, uint64_t n, struct image_error *e)
{
	int r = 0;

	while (n && !r) {
		size_t part = n < sizeof zeros ? (size_t)n : sizeof zeros;

		r = put_data(w, zeros, part, e);
		n -= part;
	}
	return r;
}

static int put_range(
	struct layer_writer *w, int fd, uint64_t from, uint64_t to, struct image_error *e)
{
	while (from < to) {
		size_t want = to - from < sizeof w->copy ? (size_t)(to - from) : sizeof w->copy;
		ssize_t n = pread(fd, w->copy, want, (off_t)(w->base + from));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return image_fail(
				e, -errno, "%s: cannot be read: %s", w->last, strerror(errno));
		if (!n)
			return image_fail(e, -ESTALE, "%s: changed while it was read", w->last);
		r = put_data(w, w->copy, (size_t)n, e);
		if (r)
			return r;
		from += (uint64_t)n;
	}
	return 0;
}

static int put_extents(struct layer_writer *w, int fd, uint64_t size, const struct extents *x,
	struct image_error *e)
{
	uint64_t at = 0;
	int r = 0;

	for (size_t i = 0; i < x->n && !r; i++) {
		const struct extent *part = &x->list[i];

		r = put_zeros(w, part->from - at, e); /* which libarchive leaves out */
		if (w->encoder && part->from < part->to)
			encoder_seek(w->encoder, part->from);
		if (!r)
			r = put_range(w, fd, part->from, part->to, e);
		at = part->to;
	}
	return r ? r : put_zeros(w, size - at, e);
}

static int put_content(struct layer_writer *w, int fd, uint64_t size, const struct extents *x,
	struct image_error *e)
{
	int r;

	/* The map of a file with holes comes with the first content: that is none of the file. */
	if (x->n && archive_write_data(w->archive, "", 0) < 0)
		return archive_failed(w, w->last, e);
	if (w->encoder)
		encoder_begin_file(w->encoder, size);
	r = x->n ? put_extents(w, fd, size, x, e) : put_range(w, fd, 0, size, e);
	if (w->encoder)
		encoder_end_file(w->encoder);
	return r;
}

/* To the table, then into the archive. data: how much content comes. */
static int put_header(
	struct layer_writer *w, const struct layer_entry *m, uint64_t data, struct image_error *e)
{
	int r = w->encoder ? encoder_member(w->encoder, m, w->last, data, e) : 0;

	/* A warning is about a name in no encoding, which is written as it is. */
	if (!r && archive_write_header(w->archive, w->entry) < ARCHIVE_WARN)
		r = archive_failed(w, w->last, e);
	return r;
}

static uint64_t data_of(const struct extents *x, uint64_t size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < x->n; i++)
		n += x->list[i].to - x->list[i].from;
	return x->n ? n : size;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int put_file(
	struct layer_writer *w, const struct layer_entry *m, int fd, struct image_error *e)
{
	struct stat before, after;
	struct extents x;
	int r;

	if (fstat(fd, &before))
		return image_fail(e, -errno, "%s: %s", w->last, strerror(errno));
	if (!w->spooled && (uint64_t)before.st_size != m->size)
		return image_fail(e, -ESTALE, "%s: changed while it was read", w->last);
	r = extents_find(fd, w->base, m->size, &x);
	if (r)
		return image_fail(e, r, "%s: cannot be read: %s", w->last, strerror(-r));
	for (size_t i = 0; i < x.n; i++)
		archive_entry_sparse_add_entry(w->entry, (int64_t)x.list[i].from,
			(int64_t)(x.list[i].to - x.list[i].from));
	r = put_header(w, m, data_of(&x, m->size), e);
	if (!r)
		r = put_content(w, fd, m->size, &x, e);
	extents_free(&x);
	if (!r && !w->spooled && (fstat(fd, &after) || !same_file(&before, &after)))
		r = image_fail(e, -ESTALE, "%s: changed while it was read", w->last);
	return r;
}

static int add(struct layer_writer *w, const struct layer_entry *m, int fd, struct image_error *e)
{
	struct layer_entry as = by_options(&w->options, m);
	int r = take_name(w, m, e);

	if (r)
		return r;
	set_entry(w, &as);
	if (m->kind == LAYER_NODE && S_ISREG(m->mode) && m->size)
		return put_file(w, &as, fd, e);
	return put_header(w, &as, 0, e);
}

int layer_add(struct layer_writer *w, const struct layer_entry *m, int fd, struct image_error *e)
{
	LAYER_IN_C_LOCALE;
	int r = add(w, m, fd, e);

	w->broken |= r != 0;
	return r;
}

int layer_add_spooled(struct layer_writer *w, const struct layer_entry *m, int fd, uint64_t base,
	struct image_error *e)
{
	int r;

	w->spooled = true;
	w->base = base;
	r = layer_add(w, m, fd, e);
	w->spooled = false;
	w->base = 0;
	return r;
}

/* -- the end -- */

static int finish_blob(struct layer_writer *w, struct descriptor *layer, struct image_error *e)
{
	static const char *const types[] = {
		[COMPRESS_NONE] = OCI_LAYER,
		[COMPRESS_GZIP] = OCI_LAYER_GZIP,
		[COMPRESS_ZSTD] = OCI_LAYER_ZSTD,
	};
	const char *type = types[w->options.compression];
	struct blob_writer *blob = w->blob;
	int r = encoder_end(w->encoder, &layer->annotations, e);

	if (r)
		return r;
	memcpy(layer->media_type, type, strlen(type) + 1);
	w->blob = NULL;
	r = blob_end(blob, NULL, UINT64_MAX, &layer->digest, &layer->size, e);
	if (r)
		descriptor_clear(layer);
	return r;
}

static int finish(struct layer_writer *w, struct descriptor *layer, struct digest *diff_id,
	struct image_error *e)
{
	int r;

	*layer = (struct descriptor){0};
	if (w->broken)
		return image_fail(e, -EINVAL, "a layer of which a member failed cannot be ended");
	if (archive_write_close(w->archive))
		return archive_failed(w, "archive", e);
	r = w->blob ? finish_blob(w, layer, e) : 0;
	if (r)
		return r;
	hasher_end(w->tar_hash, diff_id);
	w->tar_hash = NULL;
	return 0;
}

int layer_end(struct layer_writer *w, struct descriptor *layer, struct digest *diff_id,
	struct image_error *e)
{
	LAYER_IN_C_LOCALE;
	int r = finish(w, layer, diff_id, e);

	layer_abort(w);
	return r;
}

void layer_abort(struct layer_writer *w)
{
	if (!w)
		return;
	/* libarchive writes the archive's end before it lets go; archive_write_fail(3), which keeps
	 * it from that, makes it leak. */
	w->aborting = true;
	archive_write_free(w->archive);
	archive_entry_free(w->entry);
	encoder_free(w->encoder);
	if (w->tar_hash)
		hasher_end(w->tar_hash, NULL);
	blob_abort(w->blob);
	free(w);
}
