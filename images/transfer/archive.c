/* SPDX-License-Identifier: Apache-2.0
 *
 * An image in a tar archive, of any compression. Members are looked up by the names that documents
 * ask for; nothing is ever unpacked to where a member's name says. The archive is gone through once
 * for what it lists, and once for each level of documents; skipping is seeking where it is not
 * compressed.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/layer/layer.h"
#include "images/transfer/origin.h"

#define MEMBERS_MAX  200000u
#define LINKS_MAX    4096u
#define NAME_MAX_LEN 1024u
#define HOPS_MAX     8u

static const char *const document_names[] = {"index.json", "oci-layout", "manifest.json"};
#define DOCUMENTS (sizeof document_names / sizeof *document_names)

struct link {
	char *name, *target;
};

struct tarball {
	struct origin src;
	int fd;
	struct {
		char *data;
		size_t n;
	} documents[DOCUMENTS];
	struct link *links;
	size_t nlinks;
};

struct walk {
	struct tarball *t;
	struct archive *a;
	struct archive_entry *entry;
	const char *name;
	struct image_error *e;
	/* of a pass that takes blobs */
	struct store *s;
	struct want *w;
	size_t n;
	struct meter *m;
};

static int unreadable(const struct walk *k)
{
	const char *why = archive_error_string(k->a);

	return image_fail(k->e, -EBADMSG, "damaged archive: %s", why ? why : "unreadable");
}

/* As names are written in documents: without "./". */
static const char *plain_name(const char *name)
{
	if (!name)
		return "";
	while (name[0] == '.' && name[1] == '/')
		for (name += 2; *name == '/'; name++)
			;
	return name;
}

/* member: of the one that is being read, with its holes, which the archive's own bytes do not
 * count. */
static int check_limits(const struct walk *k, uint64_t member)
{
	uint64_t unpacked = (uint64_t)archive_filter_bytes(k->a, 0);
	uint64_t packed = (uint64_t)archive_filter_bytes(k->a, -1);

	if (member > layer_limits_default.bytes)
		return image_fail(k->e, -EFBIG, "%s: more than %llu bytes", k->name,
			(unsigned long long)layer_limits_default.bytes);
	if (layer_is_bomb(&layer_limits_default, unpacked > member ? unpacked : member, packed))
		return image_fail(k->e, -EFBIG,
			"the archive unpacks to more than %llu times its size",
			(unsigned long long)layer_limits_default.ratio);
	return 0;
}

/* A member nobody asked for. In a compressed archive it must be unpacked to get past it. */
static int skip(const struct walk *k)
{
	const void *data;
	size_t n;
	la_int64_t at;

	if (archive_filter_count(k->a) <= 1)
		return archive_read_data_skip(k->a) < ARCHIVE_WARN ? unreadable(k) : 0;
	for (;;) {
		int r = archive_read_data_block(k->a, &data, &n, &at);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return unreadable(k);
		r = check_limits(k, 0);
		if (r)
			return r;
	}
}

static int walk_members(struct walk *k, int (*fn)(struct walk *k))
{
	for (unsigned i = 0;; i++) {
		int r = archive_read_next_header(k->a, &k->entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return unreadable(k);
		if (i == MEMBERS_MAX)
			return image_fail(
				k->e, -EFBIG, "more than %u members in an archive", MEMBERS_MAX);
		k->name = plain_name(archive_entry_pathname(k->entry));
		r = check_limits(k, 0);
		if (!r)
			r = fn(k);
		if (r)
			return r < 0 ? r : 0;
	}
}

/* Goes through all members; fn reads or skips each, and returns 1 to end early. */
static int walk(struct walk *k, int (*fn)(struct walk *k))
{
	int r;

	k->a = archive_read_new();
	if (!k->a)
		return image_fail(k->e, -ENOMEM, "out of memory");
	archive_read_support_filter_all(k->a);
	archive_read_support_format_tar(k->a);
	if (lseek(k->t->fd, 0, SEEK_SET) < 0)
		r = image_fail(k->e, -errno, "cannot read it twice: %s", strerror(errno));
	else if (archive_read_open_fd(k->a, k->t->fd, 256 << 10))
		r = unreadable(k);
	else
		r = walk_members(k, fn);
	archive_read_free(k->a);
	return r;
}

/* -- the first pass: documents and links -- */

static int read_document(struct walk *k, size_t which)
{
	la_int64_t size = archive_entry_size(k->entry);
	char *data;

	if (k->t->documents[which].data)
		return image_fail(k->e, -EBADMSG, "%s is in the archive twice", k->name);
	if (size < 0 || size > BLOB_DOCUMENT_MAX)
		return image_fail(
			k->e, -EFBIG, "%s is larger than %u MiB", k->name, BLOB_DOCUMENT_MAX >> 20);
	data = calloc(1, (size_t)size + 1);
	if (!data)
		return image_fail(k->e, -ENOMEM, "out of memory");
	k->t->documents[which].data = data;
	k->t->documents[which].n = (size_t)size;
	if (archive_read_data(k->a, data, (size_t)size) != size)
		return unreadable(k);
	return 0;
}

static int keep_link(struct walk *k, const char *target)
{
	struct link *l;

	if (strlen(k->name) > NAME_MAX_LEN || strlen(target) > NAME_MAX_LEN)
		return 0; /* no document may ask for it */
	if (k->t->nlinks == LINKS_MAX)
		return image_fail(k->e, -EFBIG, "more than %u links in an archive", LINKS_MAX);
	l = reallocarray(k->t->links, k->t->nlinks + 1, sizeof *l);
	if (!l)
		return image_fail(k->e, -ENOMEM, "out of memory");
	k->t->links = l;
	l += k->t->nlinks++;
	l->name = strdup(k->name);
	l->target = strdup(target);
	return l->name && l->target ? 0 : image_fail(k->e, -ENOMEM, "out of memory");
}

/* "a/b/layer.tar" -> "../../c/layer.tar", as a path from the top. false: it leads out. */
static bool join(const char *name, const char *target, char out[2 * NAME_MAX_LEN + 2])
{
	const char *slash = strrchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : 0;

	if (*target == '/')
		return false;
	memcpy(out, name, n);
	while (*target) {
		size_t k = strcspn(target, "/");

		if (k == 2 && !memcmp(target, "..", 2)) {
			if (!n)
				return false;
			while (n && out[--n] != '/')
				;
		} else if (k && !(k == 1 && *target == '.')) {
			if (n)
				out[n++] = '/';
			memcpy(out + n, target, k);
			n += k;
		}
		target += k;
		target += *target == '/';
	}
	out[n] = 0;
	return n && n <= NAME_MAX_LEN;
}

static int list_member(struct walk *k)
{
	const char *hard = archive_entry_hardlink(k->entry), *soft;
	char target[2 * NAME_MAX_LEN + 2];

	if (hard)
		return keep_link(k, plain_name(hard));
	soft = archive_entry_filetype(k->entry) == AE_IFLNK ? archive_entry_symlink(k->entry)
							    : NULL;
	if (soft && strlen(soft) <= NAME_MAX_LEN && strlen(k->name) <= NAME_MAX_LEN)
		return join(k->name, soft, target) ? keep_link(k, target) : 0;
	if (archive_entry_filetype(k->entry) == AE_IFREG)
		for (size_t i = 0; i < DOCUMENTS; i++)
			if (!strcmp(k->name, document_names[i]))
				return read_document(k, i);
	return skip(k);
}

/* -- further passes: blobs -- */

static int take_data(struct walk *k, struct want *w)
{
	struct taker t;
	int r = taker_begin(&t, k->s, w, k->m, k->e);
	char *buf = malloc(256 << 10);

	if (!buf && !r) {
		blob_abort(t.blob);
		r = image_fail(k->e, -ENOMEM, "out of memory");
	}
	while (!r) {
		la_ssize_t n = archive_read_data(k->a, buf, 256 << 10);

		if (!n) {
			r = taker_end(&t, k->e);
			break;
		}
		r = n < 0 ? unreadable(k) : check_limits(k, t.n + (uint64_t)n);
		if (r)
			blob_abort(t.blob);
		else
			r = taker_add(&t, buf, (size_t)n, k->e);
	}
	free(buf);
	return r;
}

/* The member is w too: one that is several layers, as empty ones are, is read once. */
static int same_again(struct walk *k, struct want *w, const struct want *first)
{
	if (w->size != UINT64_MAX && w->size != first->got_size)
		return image_fail(k->e, -EBADMSG, "%s has %llu bytes and should have %llu", w->path,
			(unsigned long long)first->got_size, (unsigned long long)w->size);
	w->got = first->got;
	w->got_size = first->got_size;
	memcpy(w->magic, first->magic, sizeof w->magic);
	w->done = true;
	return 0;
}

static bool is_file(struct archive_entry *m)
{
	return archive_entry_filetype(m) == AE_IFREG && !archive_entry_hardlink(m);
}

static int take_member(struct walk *k)
{
	const struct want *first = NULL;
	size_t left = 0;
	int r = 0;

	for (size_t i = 0; !r && i < k->n; i++) {
		struct want *w = &k->w[i];

		if (!w->done && is_file(k->entry) && !strcmp(w->path, k->name)) {
			r = first ? same_again(k, w, first) : take_data(k, w);
			first = first ? first : w;
		}
		left += !w->done;
	}
	if (r)
		return r;
	if (!left)
		return 1;
	return first ? 0 : skip(k);
}

static int take(struct origin *src, struct store *s, struct want *w, size_t n, struct meter *m,
	struct image_error *e)
{
	struct walk k = {.t = (struct tarball *)src, .e = e, .s = s, .w = w, .n = n, .m = m};

	return n ? walk(&k, take_member) : 0;
}

static int document(
	struct origin *src, const char *name, char **data, size_t *n, struct image_error *e)
{
	struct tarball *t = (struct tarball *)src;

	for (size_t i = 0; i < DOCUMENTS; i++)
		if (!strcmp(name, document_names[i]) && t->documents[i].data) {
			*n = t->documents[i].n;
			*data = malloc(*n + 1);
			if (!*data)
				return image_fail(e, -ENOMEM, "out of memory");
			memcpy(*data, t->documents[i].data, *n + 1);
			return 0;
		}
	return -ENOENT;
}

static const char *resolve(struct origin *src, const char *path)
{
	const struct tarball *t = (const struct tarball *)src;

	path = plain_name(path);
	for (unsigned hops = 0; hops < HOPS_MAX; hops++) {
		size_t i = 0;

		while (i < t->nlinks && strcmp(t->links[i].name, path))
			i++;
		if (i == t->nlinks)
			return path;
		path = t->links[i].target;
	}
	return NULL;
}

static void close_archive(struct origin *src)
{
	struct tarball *t = (struct tarball *)src;

	for (size_t i = 0; i < DOCUMENTS; i++)
		free(t->documents[i].data);
	for (size_t i = 0; i < t->nlinks; i++) {
		free(t->links[i].name);
		free(t->links[i].target);
	}
	free(t->links);
	close(t->fd);
	free(t);
}

static const struct origin_ops ops = {take, document, resolve, close_archive};

int origin_archive(int fd, const char *what, struct origin **out, struct image_error *e)
{
	struct tarball *t = calloc(1, sizeof *t);
	struct walk k = {.t = t, .e = e};
	int r;

	if (!t) {
		close(fd);
		return image_fail(e, -ENOMEM, "out of memory");
	}
	t->src = (struct origin){&ops, what};
	t->fd = fd;
	r = walk(&k, list_member);
	if (r)
		close_archive(&t->src);
	else
		*out = &t->src;
	return r;
}
