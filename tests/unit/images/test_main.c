/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/images/test_images.h"

static char scratch[64];
static bool no_tmpfile; /* as on file systems that do not have it */

int __real_openat(int dirfd, const char *path, int flags, mode_t mode);
int __wrap_openat(int dirfd, const char *path, int flags, mode_t mode);

int __wrap_openat(int dirfd, const char *path, int flags, mode_t mode)
{
	if (no_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_openat(dirfd, path, flags, mode);
}

int scratch_enter(void **state)
{
	snprintf(scratch, sizeof scratch, "/var/tmp/unit-images-XXXXXX");
	return mkdtemp(scratch) ? chdir(scratch) : -1;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

int scratch_leave(void **state)
{
	return chdir("/") || nftw(scratch, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct store *store_here(enum store_mode mode)
{
	struct image_error e = {""};
	struct store *s = NULL;

	if (store_open("s", mode, true, &s, &e))
		fail_msg("store_open: %s", e.text);
	return s;
}

void expect_failure(int got, int expected, const struct image_error *e, const char *part)
{
	if (got != expected || !strstr(e->text, part))
		fail_msg("%d \"%s\", expected %d and \"%s\"", got, got ? e->text : "", expected,
			part);
}

void file_write(const char *path, const void *data, size_t n)
{
	int fd;

	unlink(path);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

size_t file_count(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)))
		n += *entry->d_name != '.';
	closedir(d);
	return n;
}

void blob_file(const struct digest *d, char out[160])
{
	snprintf(out, 160, "s/blobs/sha256/%s", d->hex);
}

int main(void)
{
	int failed = group_name() + group_open() + group_blob() + group_names() + group_manifest() +
		     group_config() + group_image() + group_image_open() + group_kill() +
		     group_scratch();

	no_tmpfile = true;
	return failed + group_open() + group_blob() + group_names() + group_kill();
}
