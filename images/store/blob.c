/* SPDX-License-Identifier: Apache-2.0
 *
 * Blobs that are there.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/store/store_internal.h"

#define HASH_CHUNK (256u << 10)

void blob_path(const struct digest *d, char out[STORE_PATH])
{
	snprintf(out, STORE_PATH, STORE_BLOBS "/%s", d->hex);
}

static int no_blob(const struct store *s, const struct digest *d, struct image_error *e)
{
	return image_fail(e, -ENOENT,
		"blob sha256:%s is not in the image store %s; pull or import the image again",
		d->hex, s->dir);
}

int blob_open(
	struct store *s, const struct digest *d, int *fd, uint64_t *size, struct image_error *e)
{
	char path[STORE_PATH];
	struct stat st;
	int r;

	blob_path(d, path);
	r = openat(s->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (r < 0 && errno == ENOENT)
		return no_blob(s, d, e);
	if (r < 0)
		return store_fail(s, e, -errno, "open %s", path);
	if (fstat(r, &st) || !S_ISREG(st.st_mode)) {
		close(r);
		return image_fail(
			e, -EBADMSG, "%s of the image store %s is not a file", path, s->dir);
	}
	if (size)
		*size = (uint64_t)st.st_size;
	*fd = r;
	return 0;
}

bool blob_has(struct store *s, const struct digest *d)
{
	char path[STORE_PATH];
	struct stat st;

	blob_path(d, path);
	return !fstatat(s->fd, path, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

static int damaged(const struct store *s, const struct digest *d, const struct digest *got,
	struct image_error *e)
{
	return image_fail(e, -EBADMSG,
		"blob sha256:%s of the image store %s is damaged: its content is sha256:%s; "
		"`sandbox image verify --remove`, then pull or import again",
		d->hex, s->dir, got->hex);
}

static int read_whole(struct store *s, int fd, char *buf, size_t n, struct image_error *e)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = read(fd, buf + have, n - have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return store_fail(s, e, -errno, "read a blob");
		if (!got)
			return image_fail(
				e, -EBADMSG, "a blob of the image store %s shrinks", s->dir);
		have += (size_t)got;
	}
	return 0;
}

static int load(struct store *s, const struct digest *d, int fd, uint64_t size, char **data,
	struct image_error *e)
{
	struct digest got;
	char *buf;
	int r;

	if (size > BLOB_DOCUMENT_MAX)
		return image_fail(e, -EFBIG,
			"blob sha256:%s has %" PRIu64 " bytes, too many for a document (%u)",
			d->hex, size, BLOB_DOCUMENT_MAX);
	buf = malloc(size + 1);
	if (!buf)
		return image_fail(e, -ENOMEM, "no memory");
	r = read_whole(s, fd, buf, size, e);
	if (!r) {
		buf[size] = 0;
		digest_of(buf, size, &got);
		if (!digest_equal(&got, d))
			r = damaged(s, d, &got, e);
	}
	if (r)
		free(buf);
	else
		*data = buf;
	return r;
}

int blob_load(
	struct store *s, const struct digest *d, char **data, size_t *n, struct image_error *e)
{
	uint64_t size;
	int fd;
	int r = blob_open(s, d, &fd, &size, e);

	if (r)
		return r;
	r = load(s, d, fd, size, data, e);
	close(fd);
	if (!r)
		*n = size;
	return r;
}

/* Takes the hasher. */
static int hash_fd(
	struct store *s, int fd, struct hasher *h, struct digest *out, struct image_error *e)
{
	char *buf = malloc(HASH_CHUNK);
	ssize_t got = -1;

	errno = ENOMEM;
	while (buf && (got = read(fd, buf, HASH_CHUNK)) != 0) {
		if (got < 0 && errno != EINTR)
			break;
		if (got > 0)
			hasher_add(h, buf, (size_t)got);
	}
	free(buf);
	hasher_end(h, out);
	return got < 0 ? store_fail(s, e, -errno, "read a blob") : 0;
}

int blob_verify(struct store *s, const struct digest *d, uint64_t *size, struct image_error *e)
{
	struct hasher *h;
	struct digest got;
	int fd;
	int r = blob_open(s, d, &fd, size, e);

	if (r)
		return r;
	h = hasher_new();
	r = h ? hash_fd(s, fd, h, &got, e) : image_fail(e, -ENOMEM, "no memory");
	close(fd);
	if (r)
		return r;
	return digest_equal(&got, d) ? 0 : damaged(s, d, &got, e);
}

int blob_remove(struct store *s, const struct digest *d)
{
	char path[STORE_PATH];

	blob_path(d, path);
	return store_remove(s, path);
}

int blob_each(
	struct store *s, int (*fn)(void *arg, const struct digest *d, uint64_t size), void *arg)
{
	DIR *dir = store_opendir(s, STORE_BLOBS);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!r && (entry = readdir(dir))) {
		char text[DIGEST_TEXT + 256];
		struct digest d;
		struct stat st;

		snprintf(text, sizeof text, "sha256:%s", entry->d_name);
		if (digest_parse(text, &d) &&
			!fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			r = fn(arg, &d, (uint64_t)st.st_size);
	}
	closedir(dir);
	return r;
}
