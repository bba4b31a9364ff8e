/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox image diff`: two flat images side by side. Directories are listed in order of their
 * names, so one walk of both tells what is only in one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "images/cli/listing.h"
#include "images/cli/opened.h"
#include "images/cli/trail.h"

#define PIECE (256u << 10)

struct side {
	struct opened opened;
	struct listing_walk walk;
	uint8_t *piece;
};

struct diff {
	struct side a, b;
	json_t *changes; /* NULL: text */
	bool different;
	struct trail path;
	char clean[8192]; /* not on the stack: trees are deep */
	struct image_error *e;
};

static int no_memory(struct diff *d)
{
	return image_fail(d->e, -ENOMEM, "out of memory");
}

static int damaged(struct diff *d, const struct side *s, int r)
{
	return image_fail(d->e, r, "%s: %s: %s", s->opened.name, d->path.len ? d->path.text : "/",
		opened_why(r));
}

static int tell(struct diff *d, char what, const struct flat_node *node)
{
	const char *slash = S_ISDIR(node->st.st_mode) ? "/" : "";

	d->different = true;
	policy_clean_text(d->clean, sizeof d->clean, d->path.text);
	if (!d->changes) {
		printf("%c\t%s%s\n", what, d->clean, slash);
		return ferror(stdout) ? image_fail(d->e, -EIO, "cannot write to standard output")
				      : 0;
	}
	return json_array_append_new(d->changes,
		       json_pack("{s:s#, s:s+}", "change", &what, 1, "path", d->clean, slash))
		       ? no_memory(d)
		       : 0;
}

static int only(struct diff *d, struct side *s, char what, const struct flat_node *node);

static int only_children(struct diff *d, struct side *s, char what, const struct flat_node *dir)
{
	struct listing list;
	struct flat_node child;
	size_t len;
	int r = listing_enter(&s->walk, s->opened.image, dir, &list);

	if (r)
		return damaged(d, s, r);
	for (size_t i = 0; i < list.n && !r; i++) {
		if (!trail_push(&d->path, list.names[i].text, list.names[i].len, &len)) {
			r = no_memory(d);
			break;
		}
		r = flat_stat(s->opened.image, list.names[i].nid, &child);
		r = r ? damaged(d, s, r) : only(d, s, what, &child);
		trail_pop(&d->path, len);
	}
	listing_leave(&s->walk, &list);
	return r;
}

static int only(struct diff *d, struct side *s, char what, const struct flat_node *node)
{
	int r = tell(d, what, node);

	return r || !S_ISDIR(node->st.st_mode) ? r : only_children(d, s, what, node);
}

/* The first byte at or after off that is in a block of either; what lies between is zeros in both.
 */
static int next_data(struct diff *d, const struct flat_node *a, const struct flat_node *b,
	uint64_t off, uint64_t *next)
{
	uint64_t left, right, end;
	int r = flat_data(d->a.opened.image, a, off, &left, &end);

	if (r)
		return damaged(d, &d->a, r);
	r = flat_data(d->b.opened.image, b, off, &right, &end);
	if (r)
		return damaged(d, &d->b, r);
	*next = left < right ? left : right;
	return 0;
}

/* 0: the same, 1: not; also a negative errno. */
static int compare_piece(
	struct diff *d, const struct flat_node *a, const struct flat_node *b, uint64_t off)
{
	ssize_t n = flat_read(d->a.opened.image, a, d->a.piece, PIECE, off), m;

	if (n < 0)
		return damaged(d, &d->a, (int)n);
	m = flat_read(d->b.opened.image, b, d->b.piece, PIECE, off);
	if (m < 0)
		return damaged(d, &d->b, (int)m);
	return n != m || memcmp(d->a.piece, d->b.piece, (size_t)n);
}

static int compare_content(struct diff *d, const struct flat_node *a, const struct flat_node *b)
{
	uint64_t off = 0, size = (uint64_t)a->st.st_size;
	int r = 0;

	if (a->st.st_size != b->st.st_size)
		return 1;
	if (S_ISLNK(a->st.st_mode))
		return compare_piece(d, a, b, 0);
	while (!r && off < size) {
		r = next_data(d, a, b, off, &off);
		if (!r && off < size)
			r = compare_piece(d, a, b, off);
		off += PIECE;
	}
	return r;
}

static int compare_xattrs(struct diff *d, const struct flat_node *a, const struct flat_node *b)
{
	void *left = NULL, *right = NULL;
	size_t n, m;
	int r = flat_xattrs(d->a.opened.image, a, &left, &n);

	if (r)
		return damaged(d, &d->a, r);
	r = flat_xattrs(d->b.opened.image, b, &right, &m);
	if (r)
		r = damaged(d, &d->b, r);
	else
		r = n != m || (n && memcmp(left, right, n));
	free(left);
	free(right);
	return r;
}

/* Times alone are no difference: they say when a layer was packed. */
static int compare(struct diff *d, const struct flat_node *a, const struct flat_node *b)
{
	mode_t type = a->st.st_mode & S_IFMT;
	int r = 0;

	if (a->st.st_mode != b->st.st_mode || a->st.st_uid != b->st.st_uid ||
		a->st.st_gid != b->st.st_gid || a->st.st_rdev != b->st.st_rdev)
		return 1;
	if (type == S_IFREG || type == S_IFLNK)
		r = compare_content(d, a, b);
	return r ? r : compare_xattrs(d, a, b);
}

static int both_children(struct diff *d, const struct flat_node *a, const struct flat_node *b);

static int both(struct diff *d, const struct flat_node *a, const struct flat_node *b);

/* The name is on one side (the other nid 0) or on both. */
static int one_name(struct diff *d, uint64_t a, uint64_t b)
{
	struct flat_node left, right;
	int r = 0;

	if (a)
		r = flat_stat(d->a.opened.image, a, &left);
	if (r)
		return damaged(d, &d->a, r);
	if (b)
		r = flat_stat(d->b.opened.image, b, &right);
	if (r)
		return damaged(d, &d->b, r);
	if (!a)
		return only(d, &d->b, 'A', &right);
	return b ? both(d, &left, &right) : only(d, &d->a, 'D', &left);
}

static int both(struct diff *d, const struct flat_node *a, const struct flat_node *b)
{
	int r = compare(d, a, b);

	if (r < 0)
		return r;
	if (S_ISDIR(a->st.st_mode) != S_ISDIR(b->st.st_mode)) {
		r = only(d, &d->a, 'D', a);
		return r ? r : only(d, &d->b, 'A', b);
	}
	if (r) {
		r = tell(d, 'M', b);
		if (r)
			return r;
	}
	return S_ISDIR(a->st.st_mode) ? both_children(d, a, b) : 0;
}

static int merge(struct diff *d, const struct listing *a, const struct listing *b)
{
	size_t i = 0, j = 0, len;
	int r = 0;

	while (!r && (i < a->n || j < b->n)) {
		int c = i == a->n   ? 1
			: j == b->n ? -1
				    : listing_compare(&a->names[i], &b->names[j]);
		const struct listing_name *name = c <= 0 ? &a->names[i] : &b->names[j];

		if (!trail_push(&d->path, name->text, name->len, &len))
			return no_memory(d);
		r = one_name(d, c <= 0 ? a->names[i].nid : 0, c >= 0 ? b->names[j].nid : 0);
		trail_pop(&d->path, len);
		i += c <= 0;
		j += c >= 0;
	}
	return r;
}

static int both_children(struct diff *d, const struct flat_node *a, const struct flat_node *b)
{
	struct listing left, right;
	int r = listing_enter(&d->a.walk, d->a.opened.image, a, &left);

	if (r)
		return damaged(d, &d->a, r);
	r = listing_enter(&d->b.walk, d->b.opened.image, b, &right);
	if (r) {
		r = damaged(d, &d->b, r);
	} else {
		r = merge(d, &left, &right);
		listing_leave(&d->b.walk, &right);
	}
	listing_leave(&d->a.walk, &left);
	return r;
}

static int diff(struct diff *d)
{
	struct flat_node a, b;
	size_t len;
	int r;

	if (!trail_push(&d->path, "", 0, &len))
		return no_memory(d);
	r = flat_root(d->a.opened.image, &a);
	if (r)
		return damaged(d, &d->a, r);
	r = flat_root(d->b.opened.image, &b);
	if (r)
		return damaged(d, &d->b, r);
	d->a.piece = malloc(PIECE);
	d->b.piece = malloc(PIECE);
	return d->a.piece && d->b.piece ? both(d, &a, &b) : no_memory(d);
}

static void side_end(struct side *s)
{
	listing_walk_end(&s->walk);
	free(s->piece);
	opened_end(&s->opened);
}

static int diff_names(struct diff *d, const struct verb_names *v)
{
	int r = opened_begin(&v->common, v->names[0], &d->a.opened, d->e);

	if (r)
		return r;
	r = opened_begin(&v->common, v->names[1], &d->b.opened, d->e);
	if (!r) {
		if (!digest_equal(&d->a.opened.manifest, &d->b.opened.manifest))
			r = diff(d);
		side_end(&d->b);
	}
	side_end(&d->a);
	trail_end(&d->path);
	return r;
}

static const struct argp diff_argp = {NULL, verb_names_parse, "A B",
	"Compares the files of the images A and B: a line for each that was added (A), deleted (D) "
	"or modified (M) from A to B: its content, type, permissions, owner or extended "
	"attributes. Times are not compared. Exit code 1: there are differences.",
	verb_common_child, NULL, NULL};

static int run(int argc, char **argv)
{
	struct verb_names v = {.verb = "diff", .min = 2, .max = 2};
	struct image_error e = {""};
	struct diff d = {.e = &e};
	int r;

	if (cli_parse(&verb_diff, argc, argv, 0, &v))
		return POLICY_FAILED;
	if (v.common.json)
		d.changes = json_array();
	if (diff_names(&d, &v)) {
		json_decref(d.changes);
		fflush(stdout);
		return verb_failed(&e);
	}
	r = v.common.json ? verb_json(json_pack("{s:o, s:o, s:o}", "a", verb_text(v.names[0]), "b",
				    verb_text(v.names[1]), "changes", d.changes))
			  : cli_flush();
	return r ? r : d.different;
}

const struct cli_verb verb_diff = {
	"diff", "Compare the files of two images", "sandbox image diff", &diff_argp, run};
