/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading a layer: each member is copied out of libarchive's entry, checked, and given to the sink.
 */
#include <archive_entry.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/layer/layer_internal.h"

#define XATTRS_MAX	1024u
#define XATTR_VALUE_MAX 65536u
#define HEADER_COST	1024u /* bytes of the budget that each member takes beside its content */

const struct layer_limits layer_limits_default = {
	.bytes = 64ull << 30, .entries = 10000000, .ratio = 1000};

/* Bytes unpacked, from which a bomb is told from good packing. */
#define RATIO_LOOK_AT (64ull << 20)

bool layer_is_bomb(const struct layer_limits *l, uint64_t unpacked, uint64_t packed)
{
	return l->ratio && unpacked > RATIO_LOOK_AT && unpacked / l->ratio > packed;
}

struct reader {
	const char *what;
	struct source *source;
	struct archive *tar;
	const struct layer_sink *sink;
	struct layer_limits *limits;
	uint64_t cost; /* what the members say that they hold */
	struct seen seen;
	struct image_error *e;
	/* The member at hand. */
	char path[LAYER_PATH_MAX + 1], target[LAYER_PATH_MAX + 1];
	struct layer_xattr xattrs[XATTRS_MAX];
	size_t nxattrs;
};

__attribute__((format(printf, 4, 5))) static int refuse(
	struct reader *r, int err, const char *name, const char *fmt, ...)
{
	char why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	return image_fail(r->e, err, "%s: member \"%.160s\" %s", r->what, name, why);
}

/* -- what a member says, checked -- */

static int check_parents(struct reader *r)
{
	enum seen_kind k = SEEN_NOT;
	size_t n = seen_obstacle(&r->seen, r->path, &k);
	int shown = (int)(n < 100 ? n : 100);

	if (!n)
		return 0;
	if (k == SEEN_LINK)
		return refuse(r, -EBADMSG, r->path, "leads through the symbolic link \"%.*s\"",
			shown, r->path);
	return refuse(
		r, -EBADMSG, r->path, "is below \"%.*s\", which is no directory", shown, r->path);
}

/* 1: a member of no interest. */
static int take_path(struct reader *r, struct archive_entry *a, struct layer_entry *m)
{
	const char *name = archive_entry_pathname(a);
	const char *wrong;
	int kind, err;

	if (!name || !*name)
		return image_fail(r->e, -EBADMSG, "%s: a member has no name", r->what);
	wrong = layer_path_clean(name, r->path);
	if (wrong)
		return refuse(r, -EBADMSG, name, "%s", wrong);
	err = layer_whiteout_parse(r->path, &kind);
	if (err == -ENOENT)
		return 1;
	if (err)
		return refuse(r, -EBADMSG, name, "is no whiteout, but is named like one");
	m->kind = (__typeof__(m->kind))kind;
	m->path = r->path;
	err = check_parents(r);
	/* umoci writes whiteouts of what was in a directory that is a file now: that hides them by
	 * itself */
	return err && m->kind != LAYER_NODE ? 1 : err;
}

static int take_hardlink(struct reader *r, const char *link, struct layer_entry *m)
{
	const char *wrong;
	enum seen_kind k;

	if (*link == '/')
		return refuse(r, -EBADMSG, r->path,
			"is a hard link to an absolute path, \"%.100s\"", link);
	wrong = layer_path_clean(link, r->target);
	if (wrong)
		return refuse(r, -EBADMSG, r->path, "is a hard link whose target %s", wrong);
	k = seen_get(&r->seen, r->target, strlen(r->target));
	if (k != SEEN_OTHER && k != SEEN_LINK)
		return refuse(r, -EBADMSG, r->path,
			"is a hard link to \"%.100s\", which no member before it is", r->target);
	if (m->kind != LAYER_NODE)
		return refuse(r, -EBADMSG, r->path, "is a whiteout and a hard link");
	if (!strcmp(r->path, r->target))
		return 1; /* to itself: there already */
	m->kind = LAYER_HARDLINK;
	m->target = r->target;
	return 0;
}

static int take_symlink(struct reader *r, struct archive_entry *a, struct layer_entry *m)
{
	const char *text = archive_entry_symlink(a);
	size_t n = text ? strlen(text) : 0;

	if (!n || n > LAYER_PATH_MAX)
		return refuse(r, -EBADMSG, r->path,
			"is a symbolic link whose text is empty or longer than 4,095 bytes");
	memcpy(r->target, text, n + 1);
	m->target = r->target;
	return 0;
}

static int take_xattrs(struct reader *r, struct archive_entry *a)
{
	const char *name;
	const void *value;
	size_t size;

	r->nxattrs = 0;
	archive_entry_xattr_reset(a);
	while (archive_entry_xattr_next(a, &name, &value, &size) == ARCHIVE_OK) {
		size_t i = 0;

		if (!name || !*name || strlen(name) > LAYER_NAME_MAX || size > XATTR_VALUE_MAX)
			return refuse(r, -EBADMSG, r->path,
				"has an extended attribute whose name or value is too long");
		while (i < r->nxattrs && strcmp(r->xattrs[i].name, name))
			i++; /* libarchive writes each in two ways */
		if (i == XATTRS_MAX)
			return refuse(
				r, -EFBIG, r->path, "has more than 1,024 extended attributes");
		r->nxattrs += i == r->nxattrs;
		r->xattrs[i] = (struct layer_xattr){name, value, size};
	}
	return 0;
}

static int take_numbers(struct reader *r, struct archive_entry *a, struct layer_entry *m)
{
	int64_t uid = archive_entry_uid(a), gid = archive_entry_gid(a);
	int64_t size = archive_entry_size_is_set(a) ? archive_entry_size(a) : 0;
	long ns = archive_entry_mtime_nsec(a);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return refuse(r, -EBADMSG, r->path, "has an owner that is no user's number");
	if (size < 0)
		return refuse(r, -EBADMSG, r->path, "has a size below zero");
	m->mode = archive_entry_filetype(a) | (archive_entry_perm(a) & 07777);
	m->uid = (uid_t)uid;
	m->gid = (gid_t)gid;
	m->mtime = archive_entry_mtime(a);
	m->mtime_ns = ns < 0 || ns >= 1000000000 ? 0 : (uint32_t)ns;
	if (S_ISREG(m->mode))
		m->size = (uint64_t)size;
	if (S_ISCHR(m->mode) || S_ISBLK(m->mode))
		m->rdev = archive_entry_rdev(a);
	return 0;
}

static int take_node(struct reader *r, struct archive_entry *a, struct layer_entry *m)
{
	int err = take_numbers(r, a, m);

	if (err)
		return err;
	switch (m->mode & S_IFMT) {
	case S_IFREG:
	case S_IFDIR:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
		break;
	case S_IFLNK:
		err = take_symlink(r, a, m);
		break;
	default:
		return refuse(r, -ENOTSUP, r->path, "is of a type that layers do not have");
	}
	if (!err && !*r->path && m->kind == LAYER_NODE && !S_ISDIR(m->mode))
		return refuse(r, -EBADMSG, "/", "is the root, but no directory");
	return err ? err : take_xattrs(r, a);
}

static int take(struct reader *r, struct archive_entry *a, struct layer_entry *m)
{
	const char *link;
	int err;

	*m = (struct layer_entry){0};
	err = take_path(r, a, m);
	if (err)
		return err;
	link = archive_entry_hardlink(a);
	if (link)
		return take_hardlink(r, link, m);
	err = take_node(r, a, m);
	m->xattrs = r->xattrs;
	m->nxattrs = r->nxattrs;
	return err;
}

/* -- what it costs, and what is remembered of it -- */

static int count(struct reader *r, const struct layer_entry *m)
{
	uint64_t left = r->limits->bytes - r->cost;

	if (!r->limits->entries)
		return refuse(r, -EFBIG, m->path, "is one more than the limit of members allows");
	if (left < HEADER_COST || left - HEADER_COST < m->size)
		return refuse(r, -EFBIG, m->path,
			"would make it unpack to more than the limit leaves, %llu bytes",
			(unsigned long long)r->limits->bytes);
	r->limits->entries--;
	r->cost += HEADER_COST + m->size;
	return 0;
}

static int remember(struct reader *r, const struct layer_entry *m)
{
	size_t n = strlen(m->path);
	enum seen_kind k = m->kind == LAYER_HARDLINK
				   ? seen_get(&r->seen, m->target, strlen(m->target))
			   : S_ISDIR(m->mode) ? SEEN_DIRECTORY
			   : S_ISLNK(m->mode) ? SEEN_LINK
					      : SEEN_OTHER;
	int err;

	if (m->kind != LAYER_NODE && m->kind != LAYER_HARDLINK)
		return 0;
	if (k == SEEN_DIRECTORY && seen_get(&r->seen, m->path, n) == SEEN_NOT)
		return 0; /* as good as a path that was never named, and cheaper */
	err = seen_put(&r->seen, m->path, n, k);
	if (err == -ENOMEM)
		return image_fail(r->e, err, "%s: not enough memory for its members", r->what);
	return err ? image_fail(r->e, err, "getrandom: %s", strerror(-err)) : 0;
}

/* -- the archive -- */

static la_ssize_t feed_tar(struct archive *a, void *arg, const void **data)
{
	struct reader *r = arg;
	ssize_t n = source_next(r->source, data);

	if (n < 0)
		archive_set_error(a, (int)-n, "source");
	return n;
}

/* The source's own sentence says more than what libarchive makes of it. */
static int damaged(struct reader *r)
{
	const struct image_error *of_source = source_error(r->source);
	int err = archive_errno(r->tar);

	if (of_source->text[0])
		return image_fail(r->e, err > 0 && err < 4096 ? -err : -EIO, "%s", of_source->text);
	return image_fail(r->e, -EBADMSG, "%s: no tar archive, damaged or cut short: %s", r->what,
		archive_error_string(r->tar));
}

static int give_data(struct reader *r, const struct layer_entry *m)
{
	uint64_t at = 0;

	for (;;) {
		const void *data;
		int64_t offset;
		size_t n;
		int err = archive_read_data_block(r->tar, &data, &n, &offset);

		if (err == ARCHIVE_EOF)
			return 0;
		if (err != ARCHIVE_OK)
			return damaged(r);
		if (!n)
			continue;
		if (offset < 0 || (uint64_t)offset < at || (uint64_t)offset > m->size ||
			n > m->size - (uint64_t)offset)
			return refuse(r, -EBADMSG, m->path, "has content beyond its size");
		at = (uint64_t)offset + n;
		err = r->sink->data(r->sink->arg, data, n, (uint64_t)offset, r->e);
		if (err)
			return err;
	}
}

static int give(struct reader *r, struct archive_entry *a)
{
	struct layer_entry m;
	int err = take(r, a, &m);

	if (err)
		return err == 1 ? 0 : err;
	err = count(r, &m);
	if (!err)
		err = remember(r, &m);
	if (!err)
		err = r->sink->entry(r->sink->arg, &m, r->e);
	if (err || m.kind != LAYER_NODE || !S_ISREG(m.mode))
		return err;
	return give_data(r, &m);
}

static int give_all(struct reader *r)
{
	struct archive_entry *a;
	int err;

	if (archive_read_support_format_tar(r->tar) ||
		archive_read_open(r->tar, r, NULL, feed_tar, NULL))
		return damaged(r);
	/* A warning says that a name is in no encoding: that is its own business. */
	while ((err = archive_read_next_header(r->tar, &a)) == ARCHIVE_OK || err == ARCHIVE_WARN) {
		err = give(r, a);
		if (err)
			return err;
	}
	if (err != ARCHIVE_EOF)
		return damaged(r);
	err = source_drain(r->source, (uint64_t)archive_filter_bytes(r->tar, -1));
	return err ? image_fail(r->e, err, "%s", source_error(r->source)->text) : 0;
}

/* Everything but who is asked for the digests. */
static int read_archive(struct reader *r)
{
	uint64_t cost;
	int err;

	r->tar = archive_read_new();
	if (!r->tar)
		return image_fail(r->e, -ENOMEM, "%s: not enough memory", r->what);
	err = give_all(r);
	archive_read_free(r->tar);
	seen_free(&r->seen);
	cost = source_unpacked(r->source);
	cost = cost > r->cost ? cost : r->cost;
	r->limits->bytes -= cost < r->limits->bytes ? cost : r->limits->bytes;
	return err;
}

static int open_reader(int fd, const char *what, int compression, uint64_t size,
	struct layer_limits *limits, const struct layer_sink *sink, const struct progress *p,
	struct reader **out, struct image_error *e)
{
	struct reader *r = calloc(1, sizeof *r);
	int err;

	if (!r)
		return image_fail(e, -ENOMEM, "%s: not enough memory", what);
	*r = (struct reader){.what = what, .sink = sink, .limits = limits, .e = e};
	err = source_open(fd, what, compression, size, limits, p, &r->source, e);
	if (err)
		free(r);
	else
		*out = r;
	return err;
}

static void close_reader(struct reader *r)
{
	source_close(r->source);
	free(r);
}

int layer_read_fd(int fd, const char *what, struct layer_limits *limits,
	const struct layer_sink *sink, const struct progress *p, struct image_error *e)
{
	LAYER_IN_C_LOCALE;
	struct reader *r;
	int err = open_reader(fd, what, -1, UINT64_MAX, limits, sink, p, &r, e);

	if (err)
		return err;
	err = read_archive(r);
	/* No digest vouches for its end. */
	if (!err && !source_ended_in_zeros(r->source))
		err = image_fail(
			e, -EBADMSG, "%s: cut short: the end of the archive is missing", what);
	close_reader(r);
	return err;
}

static int differs(struct image_error *e, const char *what, const char *of,
	const struct digest *expected, const struct digest *found)
{
	return image_fail(e, -EBADMSG, "%s: its %s has the digest sha256:%s, not sha256:%s", what,
		of, found->hex, expected->hex);
}

static int check_digests(struct reader *r, const struct descriptor *d, const struct digest *diff_id)
{
	struct digest packed, tar;

	source_digests(r->source, &packed, &tar);
	if (!digest_equal(&packed, &d->digest))
		return differs(r->e, r->what, "content", &d->digest, &packed);
	if (diff_id && !digest_equal(&tar, diff_id))
		return differs(r->e, r->what, "unpacked archive", diff_id, &tar);
	return 0;
}

static int read_blob(struct store *s, int fd, enum compression c, const struct descriptor *d,
	const struct digest *diff_id, struct layer_limits *limits, const struct layer_sink *sink,
	const struct progress *p, struct image_error *e)
{
	struct reader *r;
	char what[32];
	int err;

	snprintf(what, sizeof what, "layer sha256:%.12s", d->digest.hex);
	err = open_reader(fd, what, (int)c, d->size, limits, sink, p, &r, e);
	if (!err) {
		err = read_archive(r);
		if (!err)
			err = check_digests(r, d, diff_id);
		close_reader(r);
	}
	/* A damaged blob is better said so than by what its filter made of the damage. */
	if (err == -EBADMSG) {
		struct image_error blob;

		if (blob_verify(s, &d->digest, NULL, &blob) == -EBADMSG && e)
			*e = blob;
	}
	return err;
}

int layer_read(struct store *s, const struct descriptor *d, const struct digest *diff_id,
	struct layer_limits *limits, const struct layer_sink *sink, const struct progress *p,
	struct image_error *e)
{
	LAYER_IN_C_LOCALE;
	enum compression c;
	uint64_t size;
	int fd, err = layer_media_type(d->media_type, &c, e);

	if (!err)
		err = blob_open(s, &d->digest, &fd, &size, e);
	if (err)
		return err;
	if (size == d->size)
		err = read_blob(s, fd, c, d, diff_id, limits, sink, p, e);
	else
		err = image_fail(e, -EBADMSG,
			"layer sha256:%.12s: has %llu bytes, but its manifest says %llu",
			d->digest.hex, (unsigned long long)size, (unsigned long long)d->size);
	close(fd);
	return err;
}
