/* SPDX-License-Identifier: Apache-2.0
 *
 * The search of ld.so(8), "DYNAMIC STRING TOKENS" and the order of RPATH, RUNPATH, cache and
 * defaults; and of musl's, which has no cache. Directories for newer processors (glibc-hwcaps) are
 * left out: the image is for all of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "images/pack/loader.h"

#define CACHE_FILE  "/etc/ld.so.cache"
#define CACHE_MAX   (16u << 20)
#define CACHE_MAGIC "glibc-ld.so.cache1.1"
#define CACHE_X8664 0x0303u /* FLAG_X8664_LIB64 | FLAG_ELF_LIBC6 */

/* dl-cache.h of glibc: struct cache_file_new. */
struct cache_head {
	char magic[sizeof CACHE_MAGIC - 1];
	uint32_t entries, strings;
	uint32_t rest[5];
};
struct cache_entry {
	uint32_t flags, name, path, osversion; /* offsets from the head */
	uint64_t hwcap;
};

static const char *const glibc_dirs[] = {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	"/lib64", "/usr/lib64", "/lib", "/usr/lib", NULL};
static const char *const musl_dirs[] = {"/lib", "/usr/local/lib", "/usr/lib", NULL};

/* -- the cache -- */

static int read_cache(struct loader *l, struct image_error *e)
{
	int fd = open(CACHE_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	ssize_t n = -1;

	if (fd < 0)
		return 0; /* a machine may do without */
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= (off_t)CACHE_MAX) {
		l->cache = malloc((size_t)st.st_size + 1);
		if (l->cache)
			n = pread(fd, l->cache, (size_t)st.st_size, 0);
	}
	close(fd);
	if (n < 0)
		return image_fail(e, -EIO, CACHE_FILE " cannot be read");
	l->cache_size = (size_t)n;
	return 0;
}

/* The head, which comes behind a table of an older format where both are kept. */
static const unsigned char *find_head(const struct loader *l, struct cache_head *h)
{
	const unsigned char *at =
		l->cache ? memmem(l->cache, l->cache_size, CACHE_MAGIC, strlen(CACHE_MAGIC)) : NULL;

	if (!at || l->cache_size - (size_t)(at - l->cache) < sizeof *h)
		return NULL;
	memcpy(h, at, sizeof *h);
	return at;
}

/* The string at this offset, if it ends within the file. */
static const char *cache_string(const struct loader *l, const unsigned char *head, uint32_t off)
{
	size_t size = l->cache_size - (size_t)(head - l->cache);

	if (off >= size || !memchr(head + off, 0, size - off))
		return NULL;
	return (const char *)head + off;
}

static const char *cache_lookup(const struct loader *l, const char *name)
{
	struct cache_head h;
	const unsigned char *head = find_head(l, &h);
	size_t room;

	if (!head)
		return NULL;
	room = (l->cache_size - (size_t)(head - l->cache) - sizeof h) / sizeof(struct cache_entry);
	for (uint32_t i = 0; i < h.entries && i < room; i++) {
		struct cache_entry c;
		const char *key, *path;

		memcpy(&c, head + sizeof h + i * sizeof c, sizeof c);
		if (c.flags != CACHE_X8664 || c.hwcap)
			continue;
		key = cache_string(l, head, c.name);
		path = cache_string(l, head, c.path);
		if (key && path && *path == '/' && !strcmp(key, name))
			return path;
	}
	return NULL;
}

int loader_begin(const char *interp, struct loader *out, struct image_error *e)
{
	const char *base = interp ? strrchr(interp, '/') : NULL;

	*out = (struct loader){.musl = base && !strncmp(base, "/ld-musl-", 9)};
	return out->musl ? 0 : read_cache(out, e);
}

void loader_end(struct loader *l)
{
	free(l->cache);
	l->cache = NULL;
}

static const char *const *default_dirs(const struct loader *l)
{
	return l->musl ? musl_dirs : glibc_dirs;
}

bool loader_knows(const struct loader *l, const char *dir)
{
	for (const char *const *d = default_dirs(l); *d; d++)
		if (!strcmp(*d, dir))
			return true;
	return false;
}

/* -- the search -- */

struct search {
	const struct loader *l;
	const char *name;
	char *host, *image;
	int fd;
};

/* A library for this machine at s->host; others are passed over. */
static bool try(struct search *s)
{
	struct image_error ignored;
	struct elf elf;
	struct stat st;
	int fd = open(s->host, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !elf_read(fd, &elf, &ignored)) {
		elf_clear(&elf);
		s->fd = fd;
		return true;
	}
	close(fd);
	return false;
}

static bool set_paths(struct search *s, const char *host_dir, const char *image_dir,
	const char *rest, const char *name)
{
	int a = snprintf(s->host, PATH_MAX, "%s%s/%s", host_dir, rest, name);
	int b = snprintf(s->image, PATH_MAX, "%s%s/%s", image_dir, rest, name);

	return a < PATH_MAX && b < PATH_MAX;
}

static bool try_dir(struct search *s, const char *dir)
{
	return set_paths(s, dir, dir, "", s->name) && try(s);
}

/* The directory part of path, "" for the root. */
static void parent_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');

	snprintf(out, PATH_MAX, "%.*s", slash ? (int)(slash - path) : 0, path);
}

/* One element of an RPATH. What depends on where the program is started is passed over. */
static bool try_element(struct search *s, const struct object *by, const char *element)
{
	static const char *const tokens[] = {"$ORIGIN", "${ORIGIN}"};
	char host[PATH_MAX], image[PATH_MAX];

	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(tokens[i]);

		if (strncmp(element, tokens[i], n) || (element[n] && element[n] != '/'))
			continue;
		parent_of(by->host, host);
		parent_of(by->image, image);
		return !strchr(element + n, '$') &&
		       set_paths(s, host, image, element + n, s->name) && try(s);
	}
	return *element == '/' && !strchr(element, '$') && try_dir(s, element);
}

static bool try_list(struct search *s, const struct object *by, const char *list)
{
	char element[PATH_MAX];

	while (list && *list) {
		size_t n = strcspn(list, ":");

		if (n && n < sizeof element) {
			memcpy(element, list, n);
			element[n] = 0;
			if (try_element(s, by, element))
				return true;
		}
		list += n;
		list += *list == ':';
	}
	return false;
}

/* RPATH counts for whatever the object makes the loader load, too; musl takes RUNPATH so. */
static bool try_inherited(struct search *s, const struct object *by)
{
	if (!s->l->musl && by->elf.runpath)
		return false;
	for (; by; by = by->loader) {
		if (s->l->musl && by->elf.runpath && try_list(s, by, by->elf.runpath))
			return true;
		if (!by->elf.runpath && try_list(s, by, by->elf.rpath))
			return true;
	}
	return false;
}

/* musl is all of these in one. */
static bool is_musl_itself(const char *name)
{
	static const char *const parts[] = {"c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."};

	if (strncmp(name, "lib", 3))
		return false;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (!strncmp(name + 3, parts[i], strlen(parts[i])))
			return true;
	return false;
}

static bool try_everywhere(struct search *s, const struct object *by, enum found_by *how)
{
	const char *cached;

	*how = FOUND_BESIDE;
	if (strchr(s->name, '/')) {
		char dir[PATH_MAX];

		/* A path of its own: as an element, and then the name. */
		parent_of(s->name, dir);
		s->name = strrchr(s->name, '/') + 1;
		return try_element(s, by, *dir ? dir : "/");
	}
	if (try_inherited(s, by) || (!s->l->musl && try_list(s, by, by->elf.runpath)))
		return true;
	if (by->elf.no_default_dirs)
		return false;
	*how = FOUND_CACHE;
	cached = cache_lookup(s->l, s->name);
	if (cached && strlen(cached) < PATH_MAX) {
		strcpy(s->host, cached);
		strcpy(s->image, cached);
		if (try(s))
			return true;
	}
	*how = FOUND_DEFAULT;
	for (const char *const *d = default_dirs(s->l); *d; d++)
		if (try_dir(s, *d))
			return true;
	return false;
}

int loader_find(const struct loader *l, const struct object *by, const char *name,
	char host[PATH_MAX], char image[PATH_MAX], enum found_by *how, int *fd)
{
	struct search s = {l, name, host, image, -1};

	if (l->musl && is_musl_itself(name))
		return -EEXIST;
	if (!try_everywhere(&s, by, how))
		return -ENOENT;
	*fd = s.fd;
	return 0;
}
