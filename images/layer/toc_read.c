/* SPDX-License-Identifier: Apache-2.0
 *
 * Tables from strangers. Entries are parsed one at a time: what is in memory is the text and what
 * is asked for.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "images/layer/toc.h"
#include "images/store/document.h"

#define ENTRY_MAX (1u << 20) /* bytes of text */

/* -- where it is -- */

static int check_place(const struct toc_place *p, uint64_t end, struct image_error *e)
{
	if (p->from < TOC_SKIP_LEN || p->from > end || p->packed > end - p->from)
		return image_fail(e, -EBADMSG, "its table of contents lies outside of it");
	if (p->packed > TOC_PACKED_MAX || p->unpacked > TOC_MAX || !p->packed || !p->unpacked)
		return image_fail(e, -EBADMSG,
			"its table of contents is empty or larger than %u MiB", TOC_MAX >> 20);
	return 0;
}

/* Podman had other names until 2022. */
static const char *annotation(const struct descriptor *d, const char *key, const char *old)
{
	const char *s = json_string_value(json_object_get(d->annotations, key));

	return s ? s : json_string_value(json_object_get(d->annotations, old));
}

bool toc_is_annotated(const struct descriptor *d)
{
	return annotation(d, TOC_POSITION, TOC_POSITION_OLD);
}

int toc_place_annotated(const struct descriptor *d, struct toc_place *out, struct digest *checksum,
	struct image_error *e)
{
	const char *position = annotation(d, TOC_POSITION, TOC_POSITION_OLD);
	const char *sum = annotation(d, TOC_CHECKSUM, TOC_CHECKSUM_OLD);
	unsigned type;
	char more;

	if (!position || !sum)
		return -ENOENT;
	if (sscanf(position, "%" SCNu64 ":%" SCNu64 ":%" SCNu64 ":%u%c", &out->from, &out->packed,
		    &out->unpacked, &type, &more) != 4 ||
		!digest_parse(sum, checksum))
		return image_fail(e, -EBADMSG,
			"what its annotations say of its table of contents is no position or no "
			"digest");
	if (type != TOC_TYPE)
		return -ENOENT;
	return check_place(out, d->size, e);
}

static uint64_t get_le(const unsigned char *from, size_t n)
{
	uint64_t value = 0;

	for (size_t i = n; i--;)
		value = value << 8 | from[i];
	return value;
}

/* Podman wrote the short one until 2022. */
static const struct {
	size_t size;
	const char *magic;
} footers[] = {{TOC_FOOTER, TOC_MAGIC}, {40, "GnUlInUx"}};

int toc_place_footer(const unsigned char *end, uint64_t blob_size, struct toc_place *out)
{
	for (size_t i = 0; i < sizeof footers / sizeof *footers; i++) {
		size_t size = footers[i].size;
		const unsigned char *at = end + TOC_FOOTER - size, *content = at + TOC_SKIP_LEN;

		if (get_le(at, 4) != TOC_SKIP || get_le(at + 4, 4) != size ||
			memcmp(content + size - 8, footers[i].magic, 8) ||
			get_le(content + 24, 8) != TOC_TYPE)
			continue;
		out->from = get_le(content, 8);
		out->packed = get_le(content + 8, 8);
		out->unpacked = get_le(content + 16, 8);
		return check_place(out, blob_size, NULL);
	}
	return -ENOENT;
}

/* -- its text -- */

/* A cursor over JSON that has not been checked; document_parse checks what it finds. */
struct text {
	const char *at, *end;
};

static void skip_space(struct text *t)
{
	while (t->at < t->end && strchr(" \t\r\n", *t->at) && *t->at)
		t->at++;
}

static bool skip_char(struct text *t, char c)
{
	skip_space(t);
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

static bool skip_string(struct text *t)
{
	if (!skip_char(t, '"'))
		return false;
	while (t->at < t->end && *t->at != '"')
		t->at += *t->at == '\\' && t->end - t->at > 1 ? 2 : 1;
	return skip_char(t, '"');
}

/* Over an object, an array, a string or a word. */
static bool skip_value(struct text *t)
{
	size_t depth = 0;

	do {
		skip_space(t);
		if (t->at == t->end)
			return false;
		if (*t->at == '"') {
			if (!skip_string(t))
				return false;
		} else {
			depth += *t->at == '{' || *t->at == '[';
			if (*t->at == '}' || *t->at == ']') {
				if (!depth)
					return false;
				depth--;
			}
			t->at++;
		}
		skip_space(t);
	} while (depth || (t->at < t->end && !strchr(",}]", *t->at)));
	return true;
}

/* The array "entries" of the object that the text is. */
static bool find_entries(struct text *t)
{
	static const char wanted[] = "\"entries\"";

	if (!skip_char(t, '{'))
		return false;
	do {
		const char *key;

		skip_space(t);
		key = t->at;
		if (!skip_string(t))
			return false;
		if ((size_t)(t->at - key) == strlen(wanted) && !memcmp(key, wanted, strlen(wanted)))
			return skip_char(t, ':') && skip_char(t, '[');
		if (!skip_char(t, ':') || !skip_value(t))
			return false;
	} while (skip_char(t, ','));
	return false;
}

/* -- pieces -- */

struct reader {
	struct toc_piece *list;
	size_t n, room;
	size_t *entries;	/* left */
	uint64_t at;		/* where the last piece ends */
	uint64_t limit;		/* where the table begins */
	struct hasher *between; /* of the entries since the last file that has frames */
	uint64_t content;	/* bytes of that file: padding comes next */
	/* The file at hand, and its last frame, which ends where the next begins. */
	bool in_file, open;
	uint64_t file_end;
	char frame[DIGEST_TEXT + 32]; /* what is in it */
	struct image_error *e;
};

static int no_memory(struct reader *r)
{
	return image_fail(r->e, -ENOMEM, "not enough memory for its table of contents");
}

static int wrong(struct reader *r, const char *what)
{
	return image_fail(r->e, -EBADMSG, "its table of contents %s", what);
}

static int text_at(struct reader *r, const json_t *o, const char *key, size_t max, const char **out)
{
	int err = document_string(o, key, max, out, r->e);

	return err ? image_within(r->e, err, "its table of contents") : 0;
}

static int add_piece(struct reader *r, const struct toc_piece *p)
{
	size_t room = r->room ? 2 * r->room : 1024;
	struct toc_piece *list;

	if (r->n == r->room) {
		list = reallocarray(r->list, room, sizeof *list);
		if (!list)
			return no_memory(r);
		r->list = list;
		r->room = room;
	}
	r->list[r->n++] = *p;
	r->at = p->to;
	return 0;
}

/* 16 bytes of a digest. */
static void key_of(const struct digest *d, unsigned char key[TOC_KEY])
{
	for (size_t i = 0; i < TOC_KEY; i++) {
		unsigned byte;

		sscanf(d->hex + 2 * i, "%2x", &byte);
		key[i] = (unsigned char)byte;
	}
}

static void key_of_text(const char *text, unsigned char key[TOC_KEY])
{
	struct digest d;

	digest_of(text, strlen(text), &d);
	key_of(&d, key);
}

/* Headers are made of what entries say. */
static int end_between(struct reader *r, uint64_t to)
{
	struct toc_piece p = {.from = r->at, .to = to};
	char text[64];
	struct digest d;
	int n = snprintf(
		text, sizeof text, "%" PRIu64 " %u", to - r->at, (unsigned)(r->content % 512));

	hasher_add(r->between, text, (size_t)n);
	hasher_end(r->between, &d);
	r->between = hasher_new();
	if (!r->between)
		return no_memory(r);
	r->content = 0;
	key_of(&d, p.key);
	return to > r->at ? add_piece(r, &p) : 0;
}

static bool number(const json_t *o, const char *key, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);

	*out = 0;
	if (v && (!json_is_integer(v) || json_integer_value(v) < 0))
		return false;
	*out = v ? (uint64_t)json_integer_value(v) : 0;
	return true;
}

/* The frame that is open ends here. Frames of one content by another packer mostly have another
 * size. */
static int close_frame(struct reader *r, uint64_t to)
{
	struct toc_piece p = {.from = r->at, .to = to};
	char text[sizeof r->frame + 32];

	if (!r->open)
		return 0;
	r->open = false;
	if (to < r->at || to > r->file_end)
		return wrong(r, "has frames that overlap");
	snprintf(text, sizeof text, "%s %" PRIu64, r->frame, to - r->at);
	key_of_text(text, p.key);
	return to > r->at ? add_piece(r, &p) : 0;
}

/* The one that an entry tells of begins here. */
static int open_frame(struct reader *r, const json_t *o)
{
	const char *digest, *type;
	uint64_t from, size;
	int err = text_at(r, o, "chunkDigest", DIGEST_TEXT, &digest);

	if (!err && !digest)
		err = text_at(r, o, "digest", DIGEST_TEXT, &digest);
	if (!err)
		err = text_at(r, o, "chunkType", 32, &type);
	if (err)
		return err;
	if (!number(o, "offset", &from) || !number(o, "chunkSize", &size))
		return wrong(r, "has an offset or a size that is no number");
	if (!from)
		return 0; /* nothing of it is in the archive */
	err = close_frame(r, from);
	if (err)
		return err;
	if (from != r->at)
		return wrong(r, "has frames with something between them");
	snprintf(r->frame, sizeof r->frame, "%s %" PRIu64,
		type && *type ? type
		: digest      ? digest
			      : "",
		type && *type ? size : 0);
	r->content += type && *type ? 0 : size;
	r->open = true;
	return 0;
}

static int end_file(struct reader *r)
{
	r->in_file = false;
	return close_frame(r, r->file_end);
}

/* What the header is made of, in one form. */
static int hash_entry(struct reader *r, json_t *o)
{
	static const char *const places[] = {
		"offset", "endOffset", "digest", "chunkDigest", "chunkSize", "chunkType"};
	json_t *copy = json_copy(o);
	char *text;

	for (size_t i = 0; copy && i < sizeof places / sizeof *places; i++)
		json_object_del(copy, places[i]);
	text = copy ? json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
	json_decref(copy);
	if (!text)
		return no_memory(r);
	hasher_add(r->between, text, strlen(text));
	free(text);
	return 0;
}

static int begin_file(struct reader *r, json_t *o)
{
	uint64_t from, end, size, part;
	int err;

	if (!number(o, "offset", &from) || !number(o, "endOffset", &end) ||
		!number(o, "size", &size) || !number(o, "chunkSize", &part))
		return wrong(r, "has an offset or a size that is no number");
	r->in_file = true;
	r->file_end = end;
	if (!end)
		return 0;
	if (from < r->at || from > end || end > r->limit)
		return wrong(r, "has frames that overlap or lie outside of the layer");
	err = end_between(r, from);
	if (!err)
		err = open_frame(r, o);
	r->content += part ? 0 : size;
	return err;
}

static int take_entry(struct reader *r, json_t *o)
{
	const char *type;
	int err = text_at(r, o, "type", 32, &type);

	if (err)
		return err;
	if (!type)
		return wrong(r, "has an entry without a type");
	if (!strcmp(type, "chunk"))
		return r->in_file ? open_frame(r, o) : wrong(r, "has a part of no file");
	err = end_file(r);
	if (!err)
		err = hash_entry(r, o);
	return !err && !strcmp(type, "reg") ? begin_file(r, o) : err;
}

static int parse_entry(struct reader *r, const char *text, size_t n)
{
	json_t *o;
	int err;

	if (!*r->entries)
		return wrong(r, "has too many entries");
	--*r->entries;
	if (n > ENTRY_MAX)
		return wrong(r, "has an entry of more than 1 MiB");
	err = document_parse(text, n, &o, r->e);
	if (err)
		return image_within(r->e, err, "its table of contents");
	err = take_entry(r, o);
	json_decref(o);
	return err;
}

static int parse_all(struct reader *r, struct text *t)
{
	int err = 0;

	if (!find_entries(t))
		return wrong(r, "is no JSON object with an array \"entries\"");
	if (!skip_char(t, ']')) {
		do {
			const char *from;

			skip_space(t);
			from = t->at;
			if (!skip_value(t))
				return wrong(r, "is cut short");
			err = parse_entry(r, from, (size_t)(t->at - from));
		} while (!err && skip_char(t, ','));
		if (!err && !skip_char(t, ']'))
			return wrong(r, "is cut short");
	}
	if (!err)
		err = end_file(r);
	return err ? err : end_between(r, r->limit);
}

static int read_pieces(const char *text, const struct toc_place *place, struct reader *r)
{
	struct text t = {text, text + place->unpacked};
	int err;

	r->limit = place->from - TOC_SKIP_LEN;
	r->between = hasher_new();
	err = r->between ? parse_all(r, &t) : no_memory(r);
	if (r->between)
		hasher_end(r->between, NULL);
	if (err)
		free(r->list);
	return err;
}

int toc_read(const unsigned char *packed, const struct toc_place *place, size_t *entries,
	struct toc_piece **out, size_t *n, struct image_error *e)
{
	struct reader r = {.e = e, .entries = entries};
	char *text = malloc(place->unpacked);
	size_t got;
	int err;

	if (!text)
		return no_memory(&r);
	got = ZSTD_decompress(text, place->unpacked, packed, place->packed);
	if (got == place->unpacked)
		err = read_pieces(text, place, &r);
	else
		err = wrong(&r, "is damaged or has another size than it should");
	free(text);
	*out = err ? NULL : r.list;
	*n = err ? 0 : r.n;
	return err;
}
