/* SPDX-License-Identifier: Apache-2.0
 *
 * `sandbox image extract`: files of an image on this machine. What is written lies below DEST
 * whatever the image says: names are single components, each directory is opened relative to the
 * one above it without following links, and files are always new ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "images/cli/linked.h"
#include "images/cli/listing.h"
#include "images/cli/opened.h"
#include "images/cli/stage.h"
#include "images/cli/trail.h"

#define PIECE	      (256u << 10)
#define LINK_MAX_SIZE 4095

struct extract {
	struct verb_names names;
	bool keep_modes, force;
	struct opened opened;
	int top; /* the directory that all is written in */
	struct listing_walk walk;
	struct trail path; /* from top on, where things are while they are made */
	struct trail said; /* and as the user knows them */
	struct linked linked;
	uint8_t *piece;
	mode_t umask;
	size_t files, left_out;
	struct image_error *e;
};

static int failed(struct extract *x, int err, const char *why)
{
	return image_fail(x->e, err, "%s: %s", x->said.len ? x->said.text : "extract", why);
}

/* errno's, of what is done on this machine. */
static int failed_here(struct extract *x)
{
	int err = errno;

	return failed(x, -err,
		err == EEXIST ? "is there already; --force replaces files" : strerror(err));
}

static int damaged(struct extract *x, ssize_t err)
{
	return failed(x, (int)err, opened_why((int)err));
}

/* Owner first: a change of it takes set-id bits away. */
static int finish(struct extract *x, int fd, const struct stat *st)
{
	struct timespec times[2] = {st->st_mtim, st->st_mtim};
	mode_t mode = st->st_mode & 0777 & ~x->umask;

	if (x->keep_modes) {
		mode = st->st_mode & 07777;
		if (fchown(fd, st->st_uid, st->st_gid))
			return failed_here(x);
	}
	return fchmod(fd, mode) || futimens(fd, times) ? failed_here(x) : 0;
}

static int write_all(struct extract *x, int fd, size_t n, uint64_t off)
{
	const uint8_t *from = x->piece;

	while (n) {
		ssize_t done = pwrite(fd, from, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return failed_here(x);
		from += done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int copy_range(
	struct extract *x, int fd, const struct flat_node *node, uint64_t off, uint64_t end)
{
	int r = 0;

	while (off < end && !r) {
		size_t want = end - off < PIECE ? (size_t)(end - off) : PIECE;
		ssize_t n = flat_read(x->opened.image, node, x->piece, want, off);

		if (n <= 0)
			return damaged(x, n ? n : -EUCLEAN);
		r = write_all(x, fd, (size_t)n, off);
		off += (uint64_t)n;
	}
	return r;
}

/* Holes stay holes. */
static int copy_content(struct extract *x, int fd, const struct flat_node *node)
{
	uint64_t size = (uint64_t)node->st.st_size, data, end = 0;
	int r = 0;

	if (ftruncate(fd, node->st.st_size))
		return failed_here(x);
	while (end < size && !r) {
		r = flat_data(x->opened.image, node, end, &data, &end);
		r = r ? damaged(x, r) : copy_range(x, fd, node, data, end);
	}
	return r;
}

static int copy_file(struct extract *x, int at, const char *name, const struct flat_node *node)
{
	int r, fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return failed_here(x);
	r = copy_content(x, fd, node);
	if (!r)
		r = finish(x, fd, &node->st);
	if (close(fd) && !r)
		r = failed_here(x);
	if (r)
		unlinkat(at, name, 0);
	return r;
}

static int make_file(struct extract *x, int at, const char *name, const struct flat_node *node)
{
	int r;

	if (node->st.st_nlink < 2)
		return copy_file(x, at, name, node);
	r = linked_make(&x->linked, node->nid, x->top, at, name);
	if (!r || r == -EEXIST) {
		errno = -r;
		return r ? failed_here(x) : 0;
	}
	/* The first name, or a file system without hard links. */
	r = copy_file(x, at, name, node);
	if (!r && linked_add(&x->linked, node->nid, x->path.text))
		r = failed(x, -ENOMEM, "out of memory");
	return r;
}

static int make_link(struct extract *x, int at, const char *name, const struct flat_node *node)
{
	char *text = (char *)x->piece; /* not on the stack: trees are deep */
	ssize_t n = flat_read(x->opened.image, node, text, LINK_MAX_SIZE + 1, 0);

	if (n <= 0 || n > LINK_MAX_SIZE || memchr(text, 0, (size_t)n))
		return damaged(x, n < 0 ? n : -EUCLEAN);
	text[n] = 0;
	return symlinkat(text, at, name) ? failed_here(x) : 0;
}

static int put(struct extract *x, int at, const char *name, const char *said,
	const struct flat_node *node);

static int put_child(struct extract *x, int fd, const struct listing_name *name)
{
	struct flat_node child;
	int r = flat_stat(x->opened.image, name->nid, &child);

	return r ? damaged(x, r) : put(x, fd, name->text, name->text, &child);
}

static int put_children(struct extract *x, int fd, const struct flat_node *dir)
{
	struct listing list;
	int r = listing_enter(&x->walk, x->opened.image, dir, &list);

	if (r)
		return damaged(x, r);
	for (size_t i = 0; i < list.n && !r; i++)
		r = put_child(x, fd, &list.names[i]);
	listing_leave(&x->walk, &list);
	return r;
}

/* One that is there already is used as it is. */
static int put_directory(struct extract *x, int at, const char *name, const struct flat_node *dir)
{
	bool made = !mkdirat(at, name, 0700);
	int fd, r;

	if (!made && errno != EEXIST)
		return failed_here(x);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP
			       ? failed(x, -EEXIST, "is there already and no directory")
			       : failed_here(x);
	r = put_children(x, fd, dir);
	if (!r && made)
		r = finish(x, fd, &dir->st);
	close(fd);
	return r;
}

/* A file of this name makes room, with --force. */
static int make_room(struct extract *x, int at, const char *name)
{
	struct stat st;

	if (!x->force || fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) || S_ISDIR(st.st_mode))
		return 0;
	return unlinkat(at, name, 0) ? failed_here(x) : 0;
}

static int put_node(struct extract *x, int at, const char *name, const struct flat_node *node)
{
	int r;

	if (S_ISDIR(node->st.st_mode))
		return put_directory(x, at, name, node);
	if (!S_ISREG(node->st.st_mode) && !S_ISLNK(node->st.st_mode)) {
		x->left_out++;
		return 0;
	}
	r = make_room(x, at, name);
	if (r)
		return r;
	x->files++;
	return S_ISREG(node->st.st_mode) ? make_file(x, at, name, node)
					 : make_link(x, at, name, node);
}

static int put(
	struct extract *x, int at, const char *name, const char *said, const struct flat_node *node)
{
	size_t path, where;
	int r;

	if (!trail_push(&x->path, name, strlen(name), &path) ||
		!trail_push(&x->said, said, strlen(said), &where))
		return failed(x, -ENOMEM, "out of memory");
	r = put_node(x, at, name, node);
	trail_pop(&x->path, path);
	if (!r)
		trail_pop(&x->said, where);
	return r;
}

/* What is new appears when it is whole; what is there already is added to. */
static int put_new(struct extract *x, const char *name, const struct flat_node *node)
{
	char stage[STAGE_NAME];
	struct stat st;
	int r;

	if (!fstatat(x->top, name, &st, AT_SYMLINK_NOFOLLOW))
		return put(x, x->top, name, name, node);
	r = stage_name(stage);
	if (r)
		return failed(x, r, strerror(-r));
	r = put(x, x->top, stage, name, node);
	if (!r) {
		r = stage_end(x->top, stage, name);
		if (r)
			image_fail(x->e, r, "%s: %s", name, strerror(-r));
	}
	if (r)
		stage_remove(x->top, stage);
	return r;
}

/* DEST: as it, or within it if it is a directory, as cp does it. */
static int destination(const char *path, const char *dest, char **dir, char **name)
{
	size_t len = strlen(path);
	const char *base, *slash;
	struct stat st;

	while (len && path[len - 1] == '/')
		len--;
	base = path + len;
	while (base > path && base[-1] != '/')
		base--;
	if (!stat(dest, &st) && S_ISDIR(st.st_mode)) {
		*name = strndup(base, len - (size_t)(base - path));
		*dir = strdup(dest);
	} else {
		slash = strrchr(dest, '/');
		*name = strdup(slash ? slash + 1 : dest);
		*dir = slash ? strndup(dest, slash == dest ? 1 : (size_t)(slash - dest))
			     : strdup(".");
	}
	return *name && *dir ? 0 : -ENOMEM;
}

static int put_top(
	struct extract *x, const char *dir, const char *name, const struct flat_node *node)
{
	int r;

	x->top = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (x->top < 0)
		return image_fail(x->e, -errno, "%s: %s", dir, strerror(errno));
	/* The root itself, or a path that ends with dots: its content goes right there. */
	if (*name && strcmp(name, ".") && strcmp(name, ".."))
		r = put_new(x, name, node);
	else if (S_ISDIR(node->st.st_mode))
		r = put_children(x, x->top, node);
	else
		r = image_fail(x->e, -EISDIR, "%s: a directory cannot be replaced by a file", dir);
	close(x->top);
	return r;
}

static int extract(struct extract *x)
{
	const char *path = x->names.names[1];
	char *dir = NULL, *name = NULL;
	struct flat_node node;
	int r = opened_lookup(&x->opened, path, true, &node, x->e);

	if (r)
		return r;
	if (!S_ISREG(node.st.st_mode) && !S_ISDIR(node.st.st_mode))
		return image_fail(x->e, -EINVAL, "%s: %s: neither a file nor a directory",
			x->opened.name, path);
	x->piece = malloc(PIECE);
	if (!x->piece || destination(path, x->names.n > 2 ? x->names.names[2] : ".", &dir, &name))
		r = failed(x, -ENOMEM, "out of memory");
	else
		r = put_top(x, dir, name, &node);
	free(dir);
	free(name);
	free(x->piece);
	listing_walk_end(&x->walk);
	linked_end(&x->linked);
	trail_end(&x->path);
	trail_end(&x->said);
	return r;
}

enum { KEY_KEEP = 0x7e00, KEY_FORCE };

static const struct argp_option options[] = {
	{"force", KEY_FORCE, 0, 0, "Replace files that are there already", 0},
	{"keep-modes", KEY_KEEP, 0, 0,
		"Keep owners and all permission bits, set-user-ID among them (root only)", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct extract *x = state->input;
	struct argp_state names = *state;

	if (key == KEY_FORCE || key == KEY_KEEP) {
		*(key == KEY_FORCE ? &x->force : &x->keep_modes) = true;
		return 0;
	}
	names.input = &x->names;
	return verb_names_parse(key, arg, &names);
}

static const struct argp extract_argp = {options, parse, "NAME PATH [DEST]",
	"Copies a file or a directory of the image NAME to this machine, as DEST or, where that is "
	"a directory, into it (default: the current one). Symbolic links on the way to PATH and at "
	"its end are followed inside the image. Devices, FIFOs and sockets are left out. Files "
	"that are there already are not touched.",
	verb_common_child, NULL, NULL};

static int report(const struct extract *x)
{
	if (x->names.common.json)
		return verb_json(json_pack("{s:I, s:I}", "files", (json_int_t)x->files, "left_out",
			(json_int_t)x->left_out));
	if (x->left_out && !x->names.common.quiet)
		cli_say("extract: left out %zu that are devices, FIFOs or sockets", x->left_out);
	return 0;
}

static int run(int argc, char **argv)
{
	struct image_error e = {""};
	struct extract x = {.names = {.verb = "extract", .min = 2, .max = 3}, .e = &e};
	int r;

	if (cli_parse(&verb_extract, argc, argv, 0, &x))
		return POLICY_FAILED;
	if (x.keep_modes && geteuid()) {
		cli_say("extract: --keep-modes needs root: owners and set-id bits are to be kept");
		return POLICY_FAILED;
	}
	x.umask = umask(0);
	umask(x.umask);
	if (opened_begin(&x.names.common, x.names.names[0], &x.opened, &e))
		return verb_failed(&e);
	r = extract(&x);
	opened_end(&x.opened);
	return r ? verb_failed(&e) : report(&x);
}

const struct cli_verb verb_extract = {"extract", "Copy files of an image to this machine",
	"sandbox image extract", &extract_argp, run};
