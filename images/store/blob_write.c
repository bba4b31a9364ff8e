/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs under way.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/store/store_internal.h"

#define HASH_CHUNK 65536u

struct blob_writer {
	struct store *store;
	struct hasher *hasher;
	int fd;
	uint64_t size;
	char part[STORE_PATH]; /* of one that can be resumed: its name in tmp/; else "" */
	bool useless;	       /* what it has is not worth keeping */
};

static struct blob_writer *writer_new(struct store *s)
{
	struct blob_writer *w = calloc(1, sizeof *w);

	if (!w)
		return NULL;
	w->store = s;
	w->fd = -1;
	w->hasher = hasher_new();
	if (w->hasher)
		return w;
	free(w);
	return NULL;
}

int blob_begin(struct store *s, struct blob_writer **out, struct image_error *e)
{
	struct blob_writer *w = writer_new(s);
	int r;

	if (!w)
		return image_fail(e, -ENOMEM, "no memory");
	r = store_temp(s, &w->fd, e);
	if (r) {
		blob_abort(w);
		return r;
	}
	*out = w;
	return 0;
}

/* Whether the name still is that of fd: who ended or removed it had the lock before us. */
static bool still_named(struct store *s, int fd, const char *path)
{
	struct stat a, b;

	return !fstat(fd, &a) && S_ISREG(a.st_mode) &&
	       !fstatat(s->fd, path, &b, AT_SYMLINK_NOFOLLOW) && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

static int open_part(struct store *s, const char *path, struct image_error *e)
{
	for (;;) {
		int fd = lock_file(s->fd, path, O_RDWR | O_CREAT, LOCK_EX | LOCK_NB);

		if (fd == -EWOULDBLOCK)
			return image_fail(e, -EBUSY,
				"another sandbox is fetching the same blob (%s of the store %s)",
				path, s->dir);
		if (fd < 0)
			return store_fail(s, e, fd, "open %s", path);
		if (still_named(s, fd, path))
			return fd;
		close(fd);
	}
}

static int hash_part(struct blob_writer *w, struct image_error *e)
{
	char buf[HASH_CHUNK];
	ssize_t got;

	while ((got = read(w->fd, buf, sizeof buf)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return store_fail(w->store, e, -errno, "read %s", w->part);
		hasher_add(w->hasher, buf, (size_t)got);
		w->size += (uint64_t)got;
	}
	return 0;
}

int blob_resume(struct store *s, const struct digest *d, struct blob_writer **out, uint64_t *have,
	struct image_error *e)
{
	struct blob_writer *w;
	int r = store_writable(s, e);

	if (r)
		return r;
	w = writer_new(s);
	if (!w)
		return image_fail(e, -ENOMEM, "no memory");
	snprintf(w->part, sizeof w->part, STORE_TMP "/%s.part", d->hex);
	r = w->fd = open_part(s, w->part, e);
	if (r >= 0)
		r = hash_part(w, e);
	if (r < 0) {
		blob_abort(w);
		return r;
	}
	*have = w->size;
	*out = w;
	return 0;
}

int blob_add(struct blob_writer *w, const void *data, size_t n, struct image_error *e)
{
	int r = temp_write(w->store, w->fd, data, n, e);

	if (r) {
		/* how far it came is not known; and a full disk wants its room back */
		w->useless = true;
		return r;
	}
	hasher_add(w->hasher, data, n);
	w->size += n;
	return 0;
}

static int check(const struct digest *got, const struct digest *expected, uint64_t got_size,
	uint64_t size, struct image_error *e)
{
	char a[DIGEST_TEXT], b[DIGEST_TEXT];

	digest_text(got, b);
	if (size != UINT64_MAX && size != got_size)
		return image_fail(e, -EBADMSG,
			"blob %s has %" PRIu64 " bytes where %" PRIu64 " were promised",
			expected ? (digest_text(expected, a), a) : b, got_size, size);
	if (!expected || digest_equal(got, expected))
		return 0;
	digest_text(expected, a);
	return image_fail(e, -EBADMSG, "digest mismatch: expected %s, the content is %s", a, b);
}

/* A blob that is there is replaced: this one has just been checked, that one may be damaged. */
static int give_name(struct blob_writer *w, const struct digest *d, struct image_error *e)
{
	char path[STORE_PATH];

	blob_path(d, path);
	if (!*w->part)
		return temp_replace(w->store, w->fd, path, 0444, e);
	if (fchmod(w->fd, 0444) || fsync(w->fd) ||
		renameat(w->store->fd, w->part, w->store->fd, path))
		return store_fail(w->store, e, -errno, "write %s", path);
	*w->part = 0;
	if (sync_parent(w->store, path))
		return store_fail(w->store, e, -errno, "write %s", path);
	return 0;
}

int blob_end(struct blob_writer *w, const struct digest *expected, uint64_t size,
	struct digest *out, uint64_t *out_size, struct image_error *e)
{
	struct digest got;
	int r;

	hasher_end(w->hasher, &got);
	w->hasher = NULL;
	r = w->useless ? image_fail(e, -EIO, "a blob was not written to its end") : 0;
	if (!r)
		r = check(&got, expected, w->size, size, e);
	if (r == -EBADMSG)
		w->useless = true;
	if (!r)
		r = give_name(w, &got, e);
	if (!r && out)
		*out = got;
	if (!r && out_size)
		*out_size = w->size;
	blob_abort(w);
	return r;
}

void blob_abort(struct blob_writer *w)
{
	if (!w)
		return;
	if (w->hasher)
		hasher_end(w->hasher, NULL);
	/* while it is still locked */
	if (*w->part && w->fd >= 0 && (w->useless || !w->size))
		unlinkat(w->store->fd, w->part, 0);
	if (w->fd >= 0)
		temp_drop(w->store, w->fd);
	free(w);
}

int blob_put(struct store *s, const void *data, size_t n, struct digest *out, struct image_error *e)
{
	struct blob_writer *w;
	int r = blob_begin(s, &w, e);

	if (r)
		return r;
	r = blob_add(w, data, n, e);
	if (r) {
		blob_abort(w);
		return r;
	}
	return blob_end(w, NULL, n, out, NULL, e);
}
