/* SPDX-License-Identifier: Apache-2.0
 *
 * From a place in a file to the name of the function there, by libelf. The files may be the
 * program's own making. They are opened here, outside of any sandbox, as the user that asked. One
 * of the host's counts only if it is the one that was mapped, by device and inode, which is looked
 * at before it is opened; one from the directory that the user named is taken as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <libelf.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/profile/elf_file.h"
#include "runtime/profile/profile.h"

struct mapped_file {
	bool known, looked;
	uint32_t type;
	uint64_t dev, ino;
	char *inner, *host; /* paths; "" if there is none */
	struct elf_file *elf;
};

#define BUDGET ((struct elf_budget){.bytes = 1u << 30, .symbols = 1u << 23})

struct symbols {
	const char *dir;
	struct elf_budget budget;
	struct mapped_file file[SAMPLES_FILES];
};

struct symbols *symbols_new(const char *dir)
{
	struct symbols *s = calloc(1, sizeof *s);

	if (s)
		*s = (struct symbols){.dir = dir, .budget = BUDGET};
	elf_version(EV_CURRENT);
	return s;
}

void symbols_free(struct symbols *s)
{
	for (size_t i = 0; s && i < SAMPLES_FILES; i++) {
		elf_file_close(s->file[i].elf);
		free(s->file[i].inner);
		free(s->file[i].host);
	}
	free(s);
}

void symbols_file(struct symbols *s, const struct samples_file *f)
{
	struct mapped_file *m = &s->file[f->id - SAMPLES_FIRST_FILE];

	if (m->known)
		return;
	m->inner = strndup(f->text, f->path_len);
	m->host = strndup(f->text + f->path_len, f->host_len);
	m->type = f->type;
	m->dev = f->dev;
	m->ino = f->ino;
	m->known = m->inner && m->host;
}

/* -- which file it is -- */

/* Opens what a path led to (O_PATH, which does nothing to it), only if it is a regular file; with
 * `m`, only if it is that one. Takes `path_fd`. */
static int open_held(int path_fd, const struct mapped_file *m)
{
	char link[32];
	struct stat st;
	int fd = -1;

	if (path_fd < 0)
		return -1;
	snprintf(link, sizeof link, "/proc/self/fd/%d", path_fd);
	if (!fstat(path_fd, &st) && S_ISREG(st.st_mode) &&
		(!m || (st.st_dev == m->dev && st.st_ino == m->ino)))
		fd = open(link, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	close(path_fd);
	return fd;
}

/* Below dir, whatever the path and links there say. */
static int hold_below(const char *dir, const char *path)
{
	const struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};
	int top = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (top < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, top, path, &how, sizeof how);
	close(top);
	return fd;
}

static int find(const struct symbols *s, const struct mapped_file *m)
{
	int fd = s->dir && *m->inner ? open_held(hold_below(s->dir, m->inner), NULL) : -1;

	if (fd >= 0 || m->type != SAMPLES_HOST_FILE || !*m->host)
		return fd;
	return open_held(open(m->host, O_PATH | O_CLOEXEC), m);
}

static void look(struct symbols *s, struct mapped_file *m)
{
	int fd;

	m->looked = true;
	fd = find(s, m);
	if (fd < 0)
		return;
	m->elf = elf_file_open(fd, &s->budget);
	close(fd);
}

/* The file of a frame; NULL: it is in none that is known. */
static const struct mapped_file *file_of(struct symbols *s, uint32_t file)
{
	struct mapped_file *m;

	if (file < SAMPLES_FIRST_FILE || file >= SAMPLES_FIRST_FILE + SAMPLES_FILES)
		return NULL;
	m = &s->file[file - SAMPLES_FIRST_FILE];
	if (m->known && !m->looked)
		look(s, m);
	return m->known ? m : NULL;
}

int symbols_caller(struct symbols *s, uint32_t file, uint64_t value)
{
	const struct mapped_file *m = file_of(s, file);

	return m && m->elf ? elf_file_caller(m->elf, value) : -1;
}

/* -- names -- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static uint32_t in_file(struct symbols *s, struct names *n, uint32_t file, uint64_t value)
{
	const struct mapped_file *m = file_of(s, file);
	char text[PATH_MAX];
	const char *name;
	int len;

	if (!m)
		return names_add(n, "[unknown]", 9);
	name = m->elf ? elf_file_function(m->elf, value) : NULL;
	if (name)
		return names_add(n, name, strnlen(name, PATH_MAX));
	len = snprintf(text, sizeof text, "[%s]", *m->inner ? base_name(m->inner) : "unnamed file");
	return names_add(n, text, len < (int)sizeof text ? (size_t)len : sizeof text - 1);
}

static const char *const calls[] = {
#define SYS(number, name, ...) [number] = #name,
#include "kernel-shim/sys/table.h"
#undef SYS
};

static uint32_t call_name(struct names *n, uint64_t nr)
{
	char text[64];

	if (nr < sizeof calls / sizeof *calls && calls[nr])
		snprintf(text, sizeof text, "[syscall %s]", calls[nr]);
	else
		snprintf(text, sizeof text, "[syscall %llu]", (unsigned long long)nr);
	return names_add(n, text, sizeof text);
}

uint32_t symbols_name(struct symbols *s, struct names *n, uint32_t file, uint64_t value)
{
	switch (file) {
	case STACK_NAME:
		return (uint32_t)value;
	case STACK_CALL:
		return call_name(n, value);
	case STACK_FAULT:
		return names_add(n, value == SAMPLES_IN_FAULT ? "[fault]" : "[interrupt]", 16);
	case SAMPLES_ANONYMOUS:
		return names_add(n, "[anon]", 6);
	case SAMPLES_VDSO:
		return names_add(n, "[vdso]", 6);
	default:
		return in_file(s, n, file, value);
	}
}
