/* SPDX-License-Identifier: Apache-2.0
 *
 * All state files of this user: who holds his file's lock and is the process that it names is a
 * running sandbox; a file that nobody holds is removed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/observe/look.h"
#include "runtime/observe/state_internal.h"

#define FILES_MAX 16384u /* of a directory that is looked at: more is nobody's use of it */

union copy {
	uint8_t bytes[OBSERVE_SIZE_MAX];
	uint64_t align;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The process that it names: -ESRCH when that is another one by now. */
static int fill_process(struct observe_seen *s)
{
	const uint64_t tick_ns = 1000000000ull / (uint64_t)sysconf(_SC_CLK_TCK);
	struct observe_process p;
	int r = observe_process_read(s->head.pid, &p);
	uint64_t boot, start;

	if (r || p.start != s->head.pid_start)
		return -ESRCH;
	s->cpu_ns = p.cpu_ns;
	if (s->head.exits == OBSERVE_EXITS_PROCESS)
		s->cpu_ns += s->shim.user_ns;
	s->rss_bytes = p.rss_bytes;
	s->at_ns = now_ns(CLOCK_MONOTONIC);
	boot = now_ns(CLOCK_BOOTTIME);
	start = p.start * tick_ns;
	s->age_ns = boot > start ? boot - start : 0;
	return 0;
}

/* With the lock nobody else takes or removes it, so the name is still this file's. */
static bool is_left_over(int dir, const char *name, int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB))
		return false;
	if (!fstat(fd, &st) && st.st_nlink)
		unlinkat(dir, name, 0);
	return true;
}

/* Of the state: what may follow it are samples. */
static size_t state_size(const union copy *c, size_t n)
{
	const struct observe_head *h = (const void *)c->bytes;

	return n >= sizeof *h && h->size < n ? h->size : n;
}

enum found { FOUND_NOTHING, FOUND_STRANGE, FOUND_LIVING };

static enum found look_at(int dir, const char *name, struct observe_seen *out)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	enum found found = FOUND_NOTHING;
	union copy copy;
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return FOUND_NOTHING;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
		is_left_over(dir, name, fd))
		goto out;
	n = pread(fd, copy.bytes, sizeof copy, 0);
	if (!n) /* it begins, or has just ended */
		goto out;
	found = FOUND_STRANGE;
	if (n > 0 && !observe_check(copy.bytes, state_size(&copy, (size_t)n), out))
		found = fill_process(out) ? FOUND_NOTHING : FOUND_LIVING;
	else if (n >= 8 && !memcmp(copy.bytes, &(uint64_t){0}, 8))
		found = FOUND_NOTHING; /* the magic number comes last */
out:
	close(fd);
	return found;
}

static int append(struct observe_list *l, const struct observe_seen *s)
{
	struct observe_seen *more = l->seen;

	if (!(l->count & (l->count - 1))) /* the room is a power of two, full */
		more = reallocarray(l->seen, l->count ? 2 * l->count : 1, sizeof *more);
	if (!more)
		return -ENOMEM;
	l->seen = more;
	l->seen[l->count++] = *s;
	return 0;
}

/* Only names that launchers make: whatever else is there is not ours. */
static bool is_place(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return n && n <= 5 && !name[n];
}

/* Directories that were looked at: two of the places may be one, spelled differently. */
struct looked {
	unsigned n;
	struct {
		dev_t dev;
		ino_t ino;
	} dir[OBSERVE_DIRS];
};

static bool is_new(struct looked *was, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return false;
	for (unsigned i = 0; i < was->n; i++)
		if (was->dir[i].dev == st.st_dev && was->dir[i].ino == st.st_ino)
			return false;
	was->dir[was->n].dev = st.st_dev;
	was->dir[was->n++].ino = st.st_ino;
	return true;
}

static int look_in(const char *path, struct looked *was, struct observe_list *l)
{
	int fd = observe_dir_open(path), r = 0;
	unsigned files = 0;
	struct dirent *e;
	DIR *d;

	if (fd < 0)
		return 0;
	if (!is_new(was, fd)) {
		close(fd);
		return 0;
	}
	d = fdopendir(fd);
	if (!d) {
		close(fd);
		return -ENOMEM;
	}
	while (!r && files < FILES_MAX && (e = readdir(d))) {
		struct observe_seen seen;
		enum found found;

		if (!is_place(e->d_name))
			continue;
		files++;
		found = look_at(fd, e->d_name, &seen);
		if (found == FOUND_LIVING) {
			snprintf(seen.file, sizeof seen.file, "%s/%s", path, e->d_name);
			r = append(l, &seen);
		}
		l->strange += found == FOUND_STRANGE;
	}
	closedir(d);
	return r;
}

static int by_start(const void *a, const void *b)
{
	const struct observe_seen *x = a, *y = b;

	if (x->head.started_ns != y->head.started_ns)
		return x->head.started_ns < y->head.started_ns ? -1 : 1;
	return strcmp(x->head.id, y->head.id);
}

int observe_look(struct observe_list *out)
{
	char path[OBSERVE_DIRS][256];
	unsigned n = observe_dirs(path);
	struct looked was = {0};
	int r = 0;

	*out = (struct observe_list){0};
	for (unsigned i = 0; i < n && !r; i++)
		r = look_in(path[i], &was, out);
	if (r)
		observe_list_clear(out);
	else if (out->count)
		qsort(out->seen, out->count, sizeof *out->seen, by_start);
	return r;
}

void observe_list_clear(struct observe_list *l)
{
	free(l->seen);
	*l = (struct observe_list){0};
}

static bool has_id(const struct observe_head *h, const char *word)
{
	return !strcmp(h->id, word);
}

static bool is_called(const struct observe_head *h, const char *word)
{
	return !strcmp(h->name, word);
}

static bool begins_with(const struct observe_head *h, const char *word)
{
	return !strncmp(h->id, word, strlen(word));
}

/* The one that fits; of several none. */
static const struct observe_seen *find_one(const struct observe_list *l, const char *word,
	bool (*fits)(const struct observe_head *, const char *), bool *several)
{
	const struct observe_seen *found = NULL;

	for (size_t i = 0; i < l->count; i++) {
		if (!fits(&l->seen[i].head, word))
			continue;
		*several = found;
		found = &l->seen[i];
		if (*several)
			return NULL;
	}
	return found;
}

const struct observe_seen *observe_find(
	const struct observe_list *l, const char *word, bool *several)
{
	static bool (*const fits[])(const struct observe_head *, const char *) = {
		has_id, is_called, begins_with};
	const struct observe_seen *found = NULL;

	*several = false;
	for (size_t i = 0; i < sizeof fits / sizeof *fits && *word && !found && !*several; i++)
		found = find_one(l, word, fits[i], several);
	return found;
}

int observe_see(const char *id, struct observe_seen *out)
{
	const struct observe_seen *s;
	struct observe_list l;
	bool several;

	if (observe_look(&l))
		return -ENOMEM;
	s = find_one(&l, id, has_id, &several); /* not one that is called so */
	if (s)
		*out = *s;
	observe_list_clear(&l);
	return s ? 0 : -ESRCH;
}

/* The process that it is now, and not one that got its number: asked again when it is held. */
int observe_hold(const char *id, struct observe_seen *out, int *pidfd)
{
	struct observe_head before;
	int r = observe_see(id, out);

	*pidfd = -1;
	if (r)
		return r;
	before = out->head;
	*pidfd = (int)syscall(SYS_pidfd_open, before.pid, 0);
	if (*pidfd < 0)
		return -errno;
	r = observe_see(id, out);
	if (!r && (out->head.pid != before.pid || out->head.pid_start != before.pid_start))
		r = -ESRCH;
	if (!r)
		return 0;
	close(*pidfd);
	*pidfd = -1;
	return r;
}
