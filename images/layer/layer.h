/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers: tar archives (libarchive), plain, gzip or zstd.
 */
#ifndef IMAGES_LAYER_H
#define IMAGES_LAYER_H

#include <sys/stat.h>

#include "images/oci/oci.h"
#include "images/progress.h"

/* -- names -- */

#define LAYER_PATH_MAX 4095u
#define LAYER_NAME_MAX 255u
/* Copies name without leading "/" and empty or "." components. NULL; or what is wrong with it. */
const char *layer_path_clean(const char *name, char out[LAYER_PATH_MAX + 1]);
/* The order of a walk: a directory, what is in it, what comes after it. As strcmp(3), "/" being the
 * lowest of all bytes. "." is the root, as "" is. */
int layer_path_compare(const char *a, const char *b);

/* -- reading -- */

struct layer_xattr {
	const char *name;
	const void *value;
	size_t size;
};

/* One member, checked: path and hardlink are relative, without ".", ".." and empty components, at
 * most 4,095 bytes, each component at most 255; "" is the root. Bytes as they are, whatever their
 * encoding. */
struct layer_entry {
	enum { LAYER_NODE, LAYER_HARDLINK, LAYER_WHITEOUT, LAYER_OPAQUE } kind;
	const char *path; /* WHITEOUT: what goes; OPAQUE: the directory whose lower content goes */
	const char *target; /* HARDLINK: path of the earlier member; symbolic link: its text,
			       unchecked */
	mode_t mode;	    /* type and permissions */
	uid_t uid;
	gid_t gid;
	dev_t rdev;
	uint64_t size; /* regular files */
	int64_t mtime;
	uint32_t mtime_ns;
	const struct layer_xattr *xattrs;
	size_t nxattrs;
};

/* Calls come in archive order; what they point to lives for the call. Non-zero stops with that
 * -errno. */
struct layer_sink {
	int (*entry)(void *arg, const struct layer_entry *m, struct image_error *e);
	/* Content of the regular file that the last entry told of; offsets grow, gaps are holes. */
	int (*data)(void *arg, const void *data, size_t n, uint64_t offset, struct image_error *e);
	void *arg;
};

/* What a hostile archive may cost at most. */
struct layer_limits {
	uint64_t bytes;	  /* unpacked, all layers of an image together; default 64 GiB */
	uint64_t entries; /* default 10 million */
	uint64_t ratio;	  /* unpacked to packed bytes, looked at from 64 MiB on; default 1,000 */
};
extern const struct layer_limits layer_limits_default;
/* Whether `packed` bytes unpack to more than the ratio allows (0: any), so far. */
bool layer_is_bomb(const struct layer_limits *l, uint64_t unpacked, uint64_t packed);

/* Streams a layer. While it does, checks the blob's digest and size, and the unpacked tar against
 * diff_id (may be NULL). What the sink was given is only to be believed after 0. limits: the
 * remaining budget, counted down. Refused, each with a sentence that names the member: paths
 * outside the root, names through "..", absolute hard links, hard links to nothing that came
 * before, sizes that lie, truncated streams, bombs. A leading "/" or "./" is taken off. */
int layer_read(struct store *s, const struct descriptor *d, const struct digest *diff_id,
	struct layer_limits *limits, const struct layer_sink *sink, const struct progress *p,
	struct image_error *e);
/* The same from a descriptor: an archive that is no blob (compression by its first bytes). */
int layer_read_fd(int fd, const char *what, struct layer_limits *limits,
	const struct layer_sink *sink, const struct progress *p, struct image_error *e);

/* -- writing -- */

struct layer_options {
	enum compression compression; /* COMPRESS_ZSTD */
	int level;		      /* 0: the default of the format */
	int64_t mtime; /* every member's; SOURCE_DATE_EPOCH, else 0. keep_times: as they are */
	bool keep_times, keep_owner; /* not keep_owner: all are uid:gid */
	uid_t uid;
	gid_t gid;
	unsigned threads; /* 0: as many as processors */
	/* Of layer_add_tree: NULL-terminated or NULL. What matches is left out, with all below it.
	 * Patterns of fnmatch(3), whose "*" also matches "/", over the member's path; one without a
	 * "/" also over the last component alone. One that begins with "/" is about the whole path.
	 */
	const char *const *exclude;
};

/* A layer out of members that the caller gives in the order of a walk: by their paths as bytes, "/"
 * being the lowest. The bytes depend on members and options alone: not on threads, host, user or
 * time. Long runs of zeros in files are written as holes, whether they are holes or not. */
struct layer_writer;
/* s NULL: for the digest of the archive alone, which layer_end gives as diff_id. */
int layer_begin(struct store *s, const struct layer_options *o, struct layer_writer **out,
	struct image_error *e);
/* fd: content of a regular file of m->size bytes, or -1. A file that changed size meanwhile is an
 * error. */
int layer_add(struct layer_writer *w, const struct layer_entry *m, int fd, struct image_error *e);
/* Frees w in any case. *layer: media type, digest, size, and annotations that say where the table
 * of a zstd layer is (toc.h): descriptor_clear it. */
int layer_end(struct layer_writer *w, struct descriptor *layer, struct digest *diff_id,
	struct image_error *e);
void layer_abort(struct layer_writer *w);
/* What is below dirfd, sorted, under `prefix`: "" (the directory itself is not a member) or
 * "opt/app" (it is one; "opt" is not) or "opt/app/" (neither is). Sockets are left out; of extended
 * attributes user.* and security.capability are taken. What changes while it is read is an error,
 * not a mixture. */
int layer_add_tree(struct layer_writer *w, int dirfd, const char *prefix, const struct progress *p,
	struct image_error *e);

/* The members that `read` gives to its sink, in whatever order: sorted, of two with one name the
 * last, hard links from the first in that order. Content waits in a file of the store. */
int layer_add_sorted(struct layer_writer *w, struct store *s,
	int (*read)(void *arg, const struct layer_sink *sink, struct image_error *e), void *arg,
	struct image_error *e);

#endif
