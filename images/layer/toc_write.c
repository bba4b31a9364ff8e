/* SPDX-License-Identifier: Apache-2.0
 *
 * Entries wait as text until it is known where their frames are. The same layer has the same table.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include <openssl/evp.h>
#include <zstd.h>

#include "images/layer/toc_write.h"

#define LEVEL	 3
#define PART_MIN 96u /* bytes of text for a part: a digest, numbers, names of all that */

struct entry {
	char *text;    /* an object without its last brace */
	size_t name;   /* "name":"…" in it, for further parts */
	size_t named;  /* how long that is */
	uint64_t size; /* of a file that has content, else 0 */
	uint64_t data; /* of it in frames */
};

struct toc {
	struct entry *list;
	size_t n, room;
	size_t bytes;	/* of text, at least */
	uint64_t holes; /* bytes of them in all files */
	bool none;	/* it cannot be */
};

struct toc *toc_new(void)
{
	return calloc(1, sizeof(struct toc));
}

static void forget(struct toc *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->list[i].text);
	free(t->list);
	*t = (struct toc){.none = true};
}

void toc_free(struct toc *t)
{
	if (!t)
		return;
	forget(t);
	free(t);
}

static int no_memory(struct image_error *e)
{
	return image_fail(e, -ENOMEM, "not enough memory for the table of a layer");
}

/* -- entries -- */

static const char *type_of(const struct layer_entry *m)
{
	if (m->kind == LAYER_HARDLINK)
		return "hardlink";
	if (m->kind != LAYER_NODE)
		return "reg";
	switch (m->mode & S_IFMT) {
	case S_IFDIR:
		return "dir";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	default:
		return "reg";
	}
}

/* RFC 3339, which has years of four digits. */
static json_t *time_of(const struct layer_entry *m)
{
	char text[64], all[96];
	time_t t = (time_t)m->mtime;
	struct tm tm;
	size_t n;

	if (!gmtime_r(&t, &tm) || tm.tm_year < 1 - 1900 || tm.tm_year > 9999 - 1900 ||
		!strftime(text, sizeof text, "%FT%T", &tm))
		return NULL;
	n = (size_t)snprintf(all, sizeof all, "%s", text);
	if (m->mtime_ns)
		n += (size_t)snprintf(all + n, sizeof all - n, ".%09" PRIu32, m->mtime_ns);
	snprintf(all + n, sizeof all - n, "Z");
	return json_string(all);
}

static json_t *base64(const void *data, size_t n)
{
	unsigned char *text = malloc((n + 2) / 3 * 4 + 1);
	json_t *s = NULL;

	if (text) {
		EVP_EncodeBlock(text, data, (int)n);
		s = json_string((const char *)text);
	}
	free(text);
	return s;
}

static json_t *xattrs_of(const struct layer_entry *m)
{
	json_t *o = json_object();

	for (size_t i = 0; o && i < m->nxattrs; i++) {
		if (json_object_set_new(
			    o, m->xattrs[i].name, base64(m->xattrs[i].value, m->xattrs[i].size))) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

static int set_number(json_t *o, const char *key, uint64_t value)
{
	return value ? json_object_set_new(o, key, json_integer((json_int_t)value)) : 0;
}

static int set_node(json_t *o, const struct layer_entry *m)
{
	int r = set_number(o, "mode", m->mode & 07777);

	r |= set_number(o, "uid", m->uid) | set_number(o, "gid", m->gid);
	if (S_ISREG(m->mode))
		r |= set_number(o, "size", m->size);
	if (S_ISLNK(m->mode))
		r |= json_object_set_new(o, "linkName", json_string(m->target));
	if (S_ISCHR(m->mode) || S_ISBLK(m->mode))
		r |= set_number(o, "devMajor", major(m->rdev)) |
		     set_number(o, "devMinor", minor(m->rdev));
	if (m->nxattrs)
		r |= json_object_set_new(o, "xattrs", xattrs_of(m));
	return r;
}

/* NULL: it cannot be said. */
static json_t *object_of(const struct layer_entry *m)
{
	json_t *o = json_object();
	int r = json_object_set_new(o, "type", json_string(type_of(m)));

	r |= json_object_set_new(o, "modtime", time_of(m));
	if (m->kind == LAYER_NODE)
		r |= set_node(o, m);
	else if (m->kind == LAYER_HARDLINK)
		r |= json_object_set_new(o, "linkName", json_string(m->target));
	if (!r)
		return o;
	json_decref(o);
	return NULL;
}

/* {"name":"…",…  */
static char *text_of(const struct layer_entry *m, const char *name, size_t *named)
{
	bool dir = m->kind == LAYER_NODE && S_ISDIR(m->mode);
	json_t *s = json_sprintf("%s%s", name, dir ? "/" : ""), *o = object_of(m);
	char *first = s ? json_dumps(s, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	char *rest = o ? json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS) : NULL, *text = NULL;

	if (first && rest &&
		asprintf(&text, "{\"name\":%s,%.*s", first, (int)strlen(rest) - 2, rest + 1) < 0)
		text = NULL;
	*named = first ? strlen(first) + strlen("\"name\":") : 0;
	free(first);
	free(rest);
	json_decref(s);
	json_decref(o);
	return text;
}

/* What the entry and those of its further parts will be, at least: false if that is too long or if
 * there is too much of holes to hash. */
static bool afford(struct toc *t, const struct entry *entry)
{
	uint64_t holes = entry->size - entry->data, parts = entry->data / FRAME_SIZE;

	if (holes > TOC_HOLES_MAX - t->holes || parts > TOC_MAX / PART_MIN)
		return false;
	t->holes += holes;
	t->bytes += strlen(entry->text) + (size_t)parts * PART_MIN;
	return t->bytes <= TOC_MAX;
}

int toc_add(struct toc *t, const struct layer_entry *m, const char *name, uint64_t data,
	struct image_error *e)
{
	size_t room = t->room ? 2 * t->room : 256;
	bool file = m->kind == LAYER_NODE && S_ISREG(m->mode);
	struct entry *list, *entry;

	if (t->none)
		return 0;
	if (t->n == t->room) {
		list = reallocarray(t->list, room, sizeof *list);
		if (!list)
			return no_memory(e);
		t->list = list;
		t->room = room;
	}
	entry = &t->list[t->n];
	*entry = (struct entry){.name = 1, .size = file ? m->size : 0, .data = file ? data : 0};
	entry->text = text_of(m, name, &entry->named);
	t->n++;
	if (!entry->text || !afford(t, entry))
		forget(t);
	return 0;
}

bool toc_is_none(const struct toc *t)
{
	return t->none;
}

/* -- the table -- */

struct out {
	FILE *f;
	size_t n;
	bool comma, full; /* full: longer than it may be, the rest is left out */
};

/* No more than a part above the limit is ever kept. */
__attribute__((format(printf, 2, 3))) static void put(struct out *o, const char *fmt, ...)
{
	va_list args;
	int n;

	if (o->full)
		return;
	va_start(args, fmt);
	n = vfprintf(o->f, fmt, args);
	va_end(args);
	o->n += n < 0 ? 0 : (size_t)n;
	o->full = o->n > TOC_MAX;
}

static void put_head(struct out *o, const char *text)
{
	put(o, "%s%s", o->comma ? "," : "", text);
	o->comma = true;
}

/* A part of a file: a frame, or a hole (NULL) that ends where `at` is. */
struct part {
	const struct frame *frame;
	uint64_t at, size, from;
};

static void put_part(struct out *o, const struct part *p)
{
	put(o, ",\"chunkSize\":%" PRIu64, p->size);
	if (p->at)
		put(o, ",\"chunkOffset\":%" PRIu64, p->at);
	if (p->from)
		put(o, ",\"offset\":%" PRIu64, p->from);
	if (p->frame)
		put(o, ",\"chunkDigest\":\"sha256:%s\"", p->frame->digest.hex);
	else
		put(o, ",\"chunkType\":\"zeros\"");
}

/* All parts but the first have an entry of their own. */
static void next_part(struct out *o, const struct entry *entry, const struct part *p, bool first)
{
	if (!first) {
		put(o, "},{\"type\":\"chunk\",%.*s", (int)entry->named, entry->text + entry->name);
	}
	put_part(o, p);
}

static void hash_zeros(uint64_t n, struct digest *out)
{
	struct hasher *h = hasher_new();

	if (!h)
		return;
	hasher_add_zeros(h, n);
	hasher_end(h, out);
}

/* A file; n frames of it. */
static void put_file(struct out *o, const struct entry *entry, const struct frame *frames, size_t n)
{
	struct digest digest = {""};
	uint64_t at = 0, end = n ? frames[n - 1].to : 0;
	bool first = true;

	if (n)
		digest = frames[n - 1].file;
	else
		hash_zeros(entry->size, &digest);
	put(o, ",\"digest\":\"sha256:%s\"", digest.hex);
	if (end)
		put(o, ",\"endOffset\":%" PRIu64, end);
	if (n == 1 && frames->size == entry->size) {
		put(o, ",\"offset\":%" PRIu64, frames->from);
		return;
	}
	for (size_t i = 0; i <= n && !o->full; i++) {
		const struct frame *x = i < n ? &frames[i] : NULL;
		uint64_t to = x ? x->at : entry->size;

		if (to > at) {
			next_part(o, entry, &(struct part){NULL, at, to - at, x ? x->from : end},
				first);
			first = false;
		}
		if (x)
			next_part(o, entry, &(struct part){x, x->at, x->size, x->from}, first);
		first &= !x;
		at = x ? x->at + x->size : at;
	}
}

static void put_entries(struct toc *t, struct out *o, const struct frame *frames, size_t n)
{
	size_t used = 0;

	for (size_t i = 0; i < t->n && !o->full; i++) {
		const struct entry *entry = &t->list[i];
		size_t k = 0;

		while (entry->data && used + k < n && !frames[used + k++].last)
			;
		put_head(o, entry->text);
		if (entry->size)
			put_file(o, entry, frames + used, k);
		put(o, "}");
		used += k;
	}
}

/* 1: it would be too long. */
static int make_text(struct toc *t, const struct frame *frames, size_t n, char **text, size_t *len)
{
	struct out o = {.f = open_memstream(text, len)};
	bool bad;

	if (!o.f)
		return -ENOMEM;
	put(&o, "{\"version\":1,\"entries\":[");
	put_entries(t, &o, frames, n);
	put(&o, "]}");
	bad = ferror(o.f);
	bad |= fclose(o.f) != 0;
	if (!bad && !o.full)
		return 0;
	free(*text);
	return bad ? -ENOMEM : 1;
}

static void put_le(unsigned char *to, uint64_t value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = (unsigned char)(value >> (8 * i));
}

static int put_frame(struct blob_writer *blob, const void *data, size_t n, struct image_error *e)
{
	unsigned char head[TOC_SKIP_LEN];
	int r;

	put_le(head, TOC_SKIP, 4);
	put_le(head + 4, n, 4);
	r = blob_add(blob, head, sizeof head, e);
	return r ? r : blob_add(blob, data, n, e);
}

static int put_footer(struct blob_writer *blob, const struct toc_place *p, struct image_error *e)
{
	unsigned char footer[TOC_FOOTER] = {0};

	put_le(footer, p->from, 8);
	put_le(footer + 8, p->packed, 8);
	put_le(footer + 16, p->unpacked, 8);
	put_le(footer + 24, TOC_TYPE, 8);
	memcpy(footer + TOC_FOOTER - 8, TOC_MAGIC, 8);
	return put_frame(blob, footer, sizeof footer, e);
}

static json_t *annotate(const void *packed, const struct toc_place *p)
{
	char position[96], checksum[DIGEST_TEXT];
	struct digest d;

	digest_of(packed, p->packed, &d);
	digest_text(&d, checksum);
	snprintf(position, sizeof position, "%" PRIu64 ":%" PRIu64 ":%" PRIu64 ":%d", p->from,
		p->packed, p->unpacked, TOC_TYPE);
	return json_pack("{s:s, s:s}", TOC_CHECKSUM, checksum, TOC_POSITION, position);
}

static int put_table(struct blob_writer *blob, uint64_t end, int level, const char *text, size_t n,
	json_t **annotations, struct image_error *e)
{
	size_t room = ZSTD_compressBound(n), packed;
	void *out = malloc(room);
	struct toc_place p;
	int r;

	if (!out)
		return no_memory(e);
	packed = ZSTD_compress(out, room, text, n, level ? level : LEVEL);
	if (ZSTD_isError(packed) || packed > TOC_PACKED_MAX) {
		free(out);
		return ZSTD_isError(packed) ? no_memory(e) : 0;
	}
	p = (struct toc_place){end + TOC_SKIP_LEN, packed, n};
	r = put_frame(blob, out, packed, e);
	if (!r)
		r = put_footer(blob, &p, e);
	if (!r) {
		*annotations = annotate(out, &p);
		r = *annotations ? 0 : no_memory(e);
	}
	free(out);
	return r;
}

int toc_end(struct toc *t, const struct frame *frames, size_t n, uint64_t end, int level,
	struct blob_writer *blob, json_t **annotations, struct image_error *e)
{
	char *text;
	size_t len;
	int r;

	*annotations = NULL;
	if (t->none)
		return 0;
	r = make_text(t, frames, n, &text, &len);
	forget(t);
	if (r)
		return r < 0 ? no_memory(e) : 0;
	r = put_table(blob, end, level, text, len, annotations, e);
	free(text);
	return r;
}
