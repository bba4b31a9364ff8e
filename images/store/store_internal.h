/* SPDX-License-Identifier: Apache-2.0
 *
 * Locks are taken in this order: .lock, a file in tmp/, .index.lock; `mutex` inside all of them,
 * never held over a system call that waits.
 */
#ifndef IMAGES_STORE_INTERNAL_H
#define IMAGES_STORE_INTERNAL_H

#include <dirent.h>
#include <pthread.h>

#include "images/store/store.h"

#define STORE_BLOBS "blobs/sha256"
#define STORE_TMP   "tmp"
#define STORE_INDEX "index.json"
#define STORE_PATH  128 /* of our own relative paths */

struct temp; /* a temporary file that has a name in tmp/ */

struct store {
	char *dir;
	int fd;	  /* O_PATH */
	int lock; /* -1: a layout that nobody of us has written to, opened to be read */
	enum store_mode mode;
	pthread_mutex_t mutex; /* temps: blobs may be written by several threads */
	struct temp *temps;
};

/* error.c: one sentence for what the system said. Returns err (-errno). */
__attribute__((format(printf, 4, 5))) int store_fail(
	const struct store *s, struct image_error *e, int err, const char *fmt, ...);
/* 0, or -EROFS: it was opened to be read. */
int store_writable(const struct store *s, struct image_error *e);

/* lock.c. op: of flock(2). -EWOULDBLOCK with LOCK_NB. A descriptor, or -errno. */
int lock_file(int dirfd, const char *name, int flags, int op);

/* temp.c */
/* As store_publish; what has the name already is replaced. */
int temp_replace(struct store *s, int fd, const char *path, mode_t mode, struct image_error *e);
int temp_write(
	struct store *s, int fd, const void *data, size_t n, struct image_error *e); /* all of it */
void temp_drop(struct store *s, int fd); /* closes; gone unless it was published */
void temps_forget(struct store *s);	 /* removes what was never published */
/* The directory that path is in, on disk. */
int sync_parent(struct store *s, const char *path);
int make_dir(struct store *s, const char *path); /* and its name on disk; may be there already */

/* sweep.c: a directory of the store, to be listed; NULL with errno. */
DIR *store_opendir(struct store *s, const char *path);

void blob_path(const struct digest *d, char out[STORE_PATH]);

#endif
