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

#include "images/cli/listing.h"
#include "images/cli/opened.h"

#define PIECE (256u << 10)

struct extract {
	struct verb_names names;
	bool keep_modes, force;
	struct opened opened;
	struct listing_walk walk;
	uint8_t *piece;
	mode_t umask;
	size_t files, left_out;
	struct image_error *e;
};

static int failed(struct extract *x, const char *name, int err, const char *why)
{
	return image_fail(x->e, err, "%s: %s", name, why);
}

/* errno's, of what is done on this machine. */
static int failed_here(struct extract *x, const char *name)
{
	int err = errno;

	return failed(x, name, -err,
		err == EEXIST ? "is there already; --force replaces it" : strerror(err));
}

/* Owner first: a change of it takes set-id bits away. */
static int finish(struct extract *x, int fd, const char *name, const struct stat *st)
{
	struct timespec times[2] = {st->st_mtim, st->st_mtim};
	mode_t mode = st->st_mode & 0777 & ~x->umask;

	if (x->keep_modes) {
		mode = st->st_mode & 07777;
		if (fchown(fd, st->st_uid, st->st_gid))
			return failed_here(x, name);
	}
	if (fchmod(fd, mode) || futimens(fd, times))
		return failed_here(x, name);
	return 0;
}

static int write_all(struct extract *x, int fd, const char *name, size_t n, uint64_t off)
{
	const uint8_t *from = x->piece;

	while (n) {
		ssize_t done = pwrite(fd, from, n, (off_t)off);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return failed_here(x, name);
		from += done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int copy_range(struct extract *x, int fd, const char *name, const struct flat_node *node,
	uint64_t off, uint64_t end)
{
	int r = 0;

	while (off < end && !r) {
		size_t want = end - off < PIECE ? (size_t)(end - off) : PIECE;
		ssize_t n = flat_read(x->opened.image, node, x->piece, want, off);

		if (n <= 0)
			return failed(x, name, -EUCLEAN, opened_why(n ? (int)n : -EUCLEAN));
		r = write_all(x, fd, name, (size_t)n, off);
		off += (uint64_t)n;
	}
	return r;
}

/* Holes stay holes. */
static int copy_content(struct extract *x, int fd, const char *name, const struct flat_node *node)
{
	uint64_t size = (uint64_t)node->st.st_size, data, end = 0;
	int r = 0;

	if (ftruncate(fd, node->st.st_size))
		return failed_here(x, name);
	while (end < size && !r) {
		r = flat_data(x->opened.image, node, end, &data, &end);
		r = r ? failed(x, name, r, opened_why(r))
		      : copy_range(x, fd, name, node, data, end);
	}
	return r;
}

static int make_file(struct extract *x, int at, const char *name, const struct flat_node *node)
{
	int r, fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return failed_here(x, name);
	r = copy_content(x, fd, name, node);
	if (!r)
		r = finish(x, fd, name, &node->st);
	if (close(fd) && !r)
		r = failed_here(x, name);
	if (r)
		unlinkat(at, name, 0);
	return r;
}

static int make_link(struct extract *x, int at, const char *name, const struct flat_node *node)
{
	char text[4096];
	ssize_t n = flat_read(x->opened.image, node, text, sizeof text, 0);

	if (n <= 0 || n == sizeof text || memchr(text, 0, (size_t)n))
		return failed(x, name, -EUCLEAN, opened_why(n < 0 ? (int)n : -EUCLEAN));
	text[n] = 0;
	return symlinkat(text, at, name) ? failed_here(x, name) : 0;
}

static int put(struct extract *x, int at, const char *name, const struct flat_node *node);

static int put_children(struct extract *x, int fd, const char *name, const struct flat_node *dir)
{
	struct listing list;
	struct flat_node child;
	int r = listing_enter(&x->walk, x->opened.image, dir, &list);

	if (r)
		return failed(x, name, r, opened_why(r));
	for (size_t i = 0; i < list.n && !r; i++) {
		r = flat_stat(x->opened.image, list.names[i].nid, &child);
		r = r ? failed(x, list.names[i].text, r, opened_why(r))
		      : put(x, fd, list.names[i].text, &child);
	}
	listing_leave(&x->walk, &list);
	return r;
}

/* One that is there already is used. */
static int put_directory(struct extract *x, int at, const char *name, const struct flat_node *dir)
{
	bool made = !mkdirat(at, name, 0700);
	int fd, r;

	if (!made && errno != EEXIST)
		return failed_here(x, name);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOTDIR || errno == ELOOP
			       ? failed(x, name, -EEXIST, "is there already and no directory")
			       : failed_here(x, name);
	r = put_children(x, fd, name, dir);
	if (!r && made)
		r = finish(x, fd, name, &dir->st);
	close(fd);
	return r;
}

static int put(struct extract *x, int at, const char *name, const struct flat_node *node)
{
	mode_t type = node->st.st_mode & S_IFMT;
	struct stat st;

	if (type == S_IFDIR)
		return put_directory(x, at, name, node);
	if (type != S_IFREG && type != S_IFLNK) {
		x->left_out++;
		return 0;
	}
	if (x->force && !fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISDIR(st.st_mode) &&
		unlinkat(at, name, 0))
		return failed_here(x, name);
	x->files++;
	return type == S_IFREG ? make_file(x, at, name, node) : make_link(x, at, name, node);
}

/* DEST, and within it or as it: as cp does it. */
static int destination(struct extract *x, const char *path, char **dir, const char **name)
{
	const char *dest = x->names.n > 2 ? x->names.names[2] : ".";
	size_t len = strlen(path);
	const char *base;
	struct stat st;
	char *slash;

	while (len && path[len - 1] == '/')
		len--;
	base = path + len;
	while (base > path && base[-1] != '/')
		base--;
	*dir = NULL;
	if (!stat(dest, &st) && S_ISDIR(st.st_mode)) {
		*name = strndup(base, len - (size_t)(base - path));
		*dir = strdup(dest);
	} else {
		slash = strrchr(dest, '/');
		*name = strdup(slash ? slash + 1 : dest);
		*dir = slash ? strndup(dest, slash == dest ? 1 : (size_t)(slash - dest))
			     : strdup(".");
	}
	return *name && *dir ? 0 : image_fail(x->e, -ENOMEM, "out of memory");
}

static int extract_to(
	struct extract *x, const char *dir, const char *name, const struct flat_node *node)
{
	int r, at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (at < 0)
		return failed_here(x, dir);
	/* The root itself, or a path that ends with dots: its content goes right there. */
	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		r = S_ISDIR(node->st.st_mode)
			    ? put_children(x, at, dir, node)
			    : failed(x, dir, -EISDIR, "the destination is a directory");
	else
		r = put(x, at, name, node);
	close(at);
	return r;
}

static int extract(struct extract *x)
{
	const char *path = x->names.names[1], *name = NULL;
	struct flat_node node;
	char *dir = NULL;
	int r = opened_lookup(&x->opened, path, true, &node, x->e);

	if (r)
		return r;
	if (!S_ISREG(node.st.st_mode) && !S_ISDIR(node.st.st_mode))
		return image_fail(x->e, -EINVAL,
			"%s: %s: a device, FIFO or socket; these stay where they are",
			x->opened.name, path);
	x->piece = malloc(PIECE);
	r = x->piece ? destination(x, path, &dir, &name)
		     : image_fail(x->e, -ENOMEM, "out of memory");
	if (!r)
		r = extract_to(x, dir, name, &node);
	free(dir);
	free((char *)name);
	free(x->piece);
	listing_walk_end(&x->walk);
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
	"its end are followed inside the image. Hard links become copies; devices, FIFOs and "
	"sockets are left out. Files that are there already are not touched.",
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

	if (cli_parse(&image_verb_extract, argc, argv, 0, &x))
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

const struct cli_verb image_verb_extract = {"extract", "copy files of an image to this machine",
	"sandbox image extract", &extract_argp, run};
