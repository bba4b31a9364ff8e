/* SPDX-License-Identifier: Apache-2.0
 *
 * Layers from strangers. What the sink is told must be what layer.h promises, whatever the archive
 * says.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "images/layer/layer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
	if (!ok)
		abort();
}

struct state {
	bool in_file;
	uint64_t size, at;
};

static void check_path(const char *path)
{
	size_t n = strlen(path);

	check(n <= LAYER_PATH_MAX && *path != '/' && (!n || path[n - 1] != '/'));
	for (const char *s = path; *s; s += *s == '/') {
		size_t part = strcspn(s, "/");

		check(part && part <= LAYER_NAME_MAX);
		check(!(part == 1 && *s == '.') && !(part == 2 && !strncmp(s, "..", 2)));
		s += part;
	}
}

static int on_entry(void *arg, const struct layer_entry *m, struct image_error *e)
{
	struct state *s = arg;

	check_path(m->path);
	check(*m->path || m->kind == LAYER_OPAQUE || S_ISDIR(m->mode));
	if (m->kind == LAYER_HARDLINK)
		check_path(m->target);
	if (m->kind == LAYER_NODE && S_ISLNK(m->mode))
		check(*m->target && strlen(m->target) <= LAYER_PATH_MAX);
	check(m->mtime_ns < 1000000000);
	for (size_t i = 0; i < m->nxattrs; i++)
		check(*m->xattrs[i].name && (m->xattrs[i].value || !m->xattrs[i].size));
	*s = (struct state){m->kind == LAYER_NODE && S_ISREG(m->mode), m->size, 0};
	return 0;
}

static int on_data(void *arg, const void *data, size_t n, uint64_t offset, struct image_error *e)
{
	struct state *s = arg;
	unsigned char sum = 0;

	check(s->in_file && n && offset >= s->at && offset <= s->size && n <= s->size - offset);
	for (size_t i = 0; i < n; i++)
		sum ^= ((const unsigned char *)data)[i];
	s->at = offset + n;
	return sum > 255; /* reads every byte: never */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct layer_limits limits = {.bytes = 64u << 20, .entries = 10000, .ratio = 1000};
	struct state s = {0};
	const struct layer_sink sink = {on_entry, on_data, &s};
	struct image_error e = {""};
	int fd = memfd_create("layer", MFD_CLOEXEC), r;

	check(fd >= 0 && write(fd, data, size) == (ssize_t)size && !lseek(fd, 0, SEEK_SET));
	r = layer_read_fd(fd, "layer", &limits, &sink, NULL, &e);
	check(r <= 0 && (!r || *e.text));
	close(fd);
	return 0;
}
