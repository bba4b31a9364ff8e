/* SPDX-License-Identifier: Apache-2.0
 * What a sandbox was given, for its snapshot: one walk writes it and reads it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/launch/snapshot_internal.h"

#define MOUNTS_MAX 4096u
#define MADE_MAX   4096u /* bytes */
#define WORDS_MAX  65536u
#define GROUPS_MAX 65536u

static bool has_file(const struct launch_mount *m)
{
	return m->kind == LAUNCH_MOUNT_HOST || m->kind == LAUNCH_MOUNT_IMAGE;
}

static int open_mount(const struct launch_mount *m, const char *path)
{
	return open(path, m->kind == LAUNCH_MOUNT_HOST
				  ? O_PATH | O_CLOEXEC
				  : O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static void code_const(struct coder *c, const char **s)
{
	coder_string(c, (char **)(uintptr_t)s);
}

/* -- a file without a name, which was made for the sandbox (policy/defaults.c): what is in it -- */

static bool is_made(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) && !st.st_nlink && st.st_size <= MADE_MAX;
}

static int open_again(int fd, int flags)
{
	char link[32];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, flags | O_CLOEXEC);
}

/* An O_PATH descriptor, or -1. */
static int make_file(const uint8_t *text, uint32_t n)
{
	int fd = memfd_create("made", MFD_CLOEXEC), path = -1;

	if (fd >= 0 && write(fd, text, n) == (ssize_t)n && !fchmod(fd, 0644))
		path = open_again(fd, O_PATH);
	if (fd >= 0)
		close(fd);
	return path;
}

static uint32_t read_file(int path_fd, uint8_t *text)
{
	int fd = open_again(path_fd, O_RDONLY);
	ssize_t n = fd < 0 ? 0 : read(fd, text, MADE_MAX);

	if (fd >= 0)
		close(fd);
	return n > 0 ? (uint32_t)n : 0;
}

static void code_made(struct coder *c, struct launch_mount *m)
{
	uint8_t text[MADE_MAX];
	uint32_t n = c->reads ? 0 : read_file(m->fd, text);

	coder_count(c, &n, MADE_MAX);
	coder_bytes(c, text, n);
	if (c->reads && !c->err)
		m->fd = make_file(text, n);
}

/* fd -1, where it cannot be opened: said later (launch_restore_open). */
static void code_mount(struct coder *c, struct launch_mount *m)
{
	uint32_t kind = m->kind;
	bool made = !c->reads && has_file(m) && is_made(m->fd);
	/* a source may be a name of the store, or lead over links */
	char *path = !c->reads && has_file(m) ? service_path_of(m->fd) : NULL;

	coder_count(c, &kind, LAUNCH_MOUNT_LINK);
	m->kind = (enum launch_mount_kind)kind;
	code_const(c, &m->target);
	code_const(c, &m->source);
	coder_bool(c, &m->writable);
	coder_u32(c, &m->mode);
	coder_u64(c, &m->size);
	coder_bool(c, &made);
	coder_string(c, &path);
	if (c->reads) {
		if (!c->err && (!m->target || (has_file(m) && (!path || *path != '/'))))
			coder_fail(c);
		m->fd = !c->err && has_file(m) && !made ? open_mount(m, path) : -1;
	}
	if (made)
		code_made(c, m);
	free(path);
}

static void code_mounts(struct coder *c, struct launch_config *config)
{
	uint32_t n = config->nmounts;

	coder_count(c, &n, MOUNTS_MAX);
	if (c->reads) {
		config->mounts = calloc(n + 1, sizeof(*config->mounts));
		if (!config->mounts)
			c->err = -ENOMEM;
		for (uint32_t i = 0; config->mounts && i < n; i++)
			config->mounts[i].fd = -1;
		config->nmounts = config->mounts ? n : 0;
	}
	for (uint32_t i = 0; i < n && !c->err; i++)
		code_mount(c, &config->mounts[i]);
}

static void code_words(struct coder *c, char ***words)
{
	uint32_t n = 0;

	while (!c->reads && (*words)[n])
		n++;
	coder_count(c, &n, WORDS_MAX);
	if (c->reads) {
		*words = calloc(n + 1, sizeof(**words));
		if (!*words)
			c->err = -ENOMEM;
	}
	for (uint32_t i = 0; i < n && !c->err; i++) {
		coder_string(c, &(*words)[i]);
		if (!c->err && !(*words)[i])
			coder_fail(c);
	}
}

static void code_groups(struct coder *c, struct launch_config *config)
{
	coder_count(c, &config->ngroups, GROUPS_MAX);
	if (c->reads) {
		config->groups = calloc(config->ngroups + 1, sizeof(*config->groups));
		if (!config->groups)
			c->err = -ENOMEM;
	}
	for (uint32_t i = 0; i < config->ngroups && !c->err; i++)
		coder_u32(c, &config->groups[i]);
}

static void code_limits(struct coder *c, struct launch_config *config)
{
	for (unsigned i = 0; i < RLIM_NLIMITS; i++) {
		coder_u64(c, &config->rlimits[i].rlim_cur);
		coder_u64(c, &config->rlimits[i].rlim_max);
	}
}

void snapshot_config_code(struct coder *c, struct launch_config *config)
{
	code_const(c, &config->program);
	code_const(c, &config->hostname);
	code_words(c, &config->argv);
	coder_u64(c, &config->mem_size);
	coder_u32(c, &config->cpus);
	coder_u32(c, &config->pids_max);
	coder_u64(c, &config->timeout_ns);
	coder_u32(c, &config->uid);
	coder_u32(c, &config->gid);
	code_groups(c, config);
	code_limits(c, config);
	code_mounts(c, config);
	if (!c->reads || c->err)
		return;
	if (!config->program || !config->hostname || !config->nmounts || config->cpus != 1 ||
		!config->mem_size || config->mem_size > LAUNCH_MEM_MAX ||
		config->mem_size % SNAPSHOT_PAGE)
		coder_fail(c);
}

int snapshot_config_check(const struct launch_config *config, char *why, size_t why_size)
{
	for (unsigned i = 0; i < config->nmounts; i++) {
		const struct launch_mount *m = &config->mounts[i];
		struct stat here, there;
		char *path = has_file(m) ? service_path_of(m->fd) : NULL;
		bool found = !has_file(m) || is_made(m->fd) ||
			     (path && !stat(path, &there) && !fstat(m->fd, &here) &&
				     here.st_ino == there.st_ino && here.st_dev == there.st_dev);

		free(path);
		if (found)
			continue;
		snprintf(why, why_size, "%s has no path by which it could be granted again",
			m->source);
		return -ENOENT;
	}
	return 0;
}

void snapshot_config_free(struct launch_config *config)
{
	for (unsigned i = 0; i < config->nmounts; i++) {
		struct launch_mount *m = &config->mounts[i];

		free((char *)(uintptr_t)m->target);
		free((char *)(uintptr_t)m->source);
		if (m->fd >= 0)
			close(m->fd);
	}
	for (char **s = config->argv; s && *s; s++)
		free(*s);
	free((char *)(uintptr_t)config->program);
	free((char *)(uintptr_t)config->hostname);
	free(config->mounts);
	free(config->argv);
	free(config->groups);
	*config = (struct launch_config){.nmounts = 0};
}
