/* SPDX-License-Identifier: Apache-2.0
 * Descriptor tables. A new descriptor is the lowest free number; a hint remembers below which there
 * is none.
 */
#include "fs/fs_internal.h"

#include <linux/resource.h>

struct slot {
	struct file *file;
	bool cloexec;
};
struct files {
	u32 refs;
	u32 cap;
	u32 lowest; /* nothing is free below */
	struct slot *slot;
};

#define FIRST_CAP 64u
#define CAP_MAX	  (1u << 20) /* fs.nr_open */

struct files *files_new(void)
{
	struct files *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->slot = kzalloc(FIRST_CAP * sizeof(*t->slot));
	if (!t->slot) {
		kfree(t);
		return NULL;
	}
	t->cap = FIRST_CAP;
	t->refs = 1;
	return t;
}

/* As large as the open descriptors need: fork(2) gives back what they needed before (Linux dup_fd).
 */
static u32 copy_size(const struct files *old)
{
	u32 cap = FIRST_CAP;

	for (u32 i = 0; i < old->cap; i++)
		while (old->slot[i].file && cap <= i)
			cap *= 2;
	return cap;
}

struct files *files_copy(struct files *old)
{
	struct files *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->cap = copy_size(old);
	t->slot = kalloc(t->cap * sizeof(*t->slot));
	if (!t->slot) {
		kfree(t);
		return NULL;
	}
	memcpy(t->slot, old->slot, t->cap * sizeof(*t->slot));
	t->lowest = old->lowest;
	t->refs = 1;
	for (u32 i = 0; i < t->cap; i++) {
		if (t->slot[i].file)
			file_get(t->slot[i].file);
	}
	return t;
}

u32 files_size(const struct files *t)
{
	return t->cap;
}

void files_get(struct files *t)
{
	t->refs++;
}

/* What a close(2) does to the file, by whoever owns the table. */
static int close_file(struct files *t, struct file *f)
{
	int r = 0;

	if (f->ops && f->ops->flush)
		r = f->ops->flush(f);
	locks_drop_files(f, t);
	file_put(f);
	return r;
}

int files_unshare(struct task *t)
{
	struct files *mine;

	if (t->files->refs == 1)
		return 0;
	mine = files_copy(t->files);
	if (!mine)
		return -ENOMEM;
	files_put(t->files);
	t->files = mine;
	return 0;
}

void files_put(struct files *t)
{
	if (--t->refs)
		return;
	for (u32 i = 0; i < t->cap; i++) {
		struct file *f = t->slot[i].file;

		t->slot[i].file = NULL;
		if (f)
			close_file(t, f);
	}
	kfree(t->slot);
	kfree(t);
}

int files_close(struct files *t, s32 fd)
{
	struct file *f = files_take(t, fd);

	return f ? close_file(t, f) : -EBADF;
}

struct file *files_take(struct files *t, s32 fd)
{
	struct file *f;

	if ((u32)fd >= t->cap || !t->slot[fd].file)
		return NULL;
	f = t->slot[fd].file;
	t->slot[fd] = (struct slot){0};
	if ((u32)fd < t->lowest)
		t->lowest = (u32)fd;
	return f;
}

void files_close_on_exec(struct files *t)
{
	for (u32 i = 0; i < t->cap; i++) {
		if (t->slot[i].file && t->slot[i].cloexec)
			files_close(t, (s32)i);
	}
}

struct file *files_lookup(struct files *t, s32 fd)
{
	struct file *f = (u32)fd < t->cap ? t->slot[fd].file : NULL;

	assert_locked();
	if (f)
		file_get(f);
	return f;
}

struct file *fd_get_any(s32 fd)
{
	return files_lookup(current->files, fd);
}

struct file *fd_get(s32 fd)
{
	struct file *f = fd_get_any(fd);

	if (f && (f->flags & O_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

long fd_call(const u64 *a, long (*fn)(struct file *f, const u64 *a))
{
	struct file *f = fd_get((s32)a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = fn(f, a);
	file_put(f);
	return r;
}

long fd_call_two(const u64 *a, u32 other, long (*fn)(struct file *f, struct file *g, const u64 *a))
{
	struct file *f = fd_get((s32)a[0]), *g = fd_get((s32)a[other]);
	long r = f && g ? fn(f, g, a) : -EBADF;

	if (f)
		file_put(f);
	if (g)
		file_put(g);
	return r;
}

static int files_grow(struct files *t, u32 fd)
{
	struct slot *more;
	u32 cap = t->cap;

	while (cap <= fd)
		cap *= 2;
	if (cap == t->cap)
		return 0;
	more = kzalloc(cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memcpy(more, t->slot, t->cap * sizeof(*more));
	kfree(t->slot);
	t->slot = more;
	t->cap = cap;
	return 0;
}

u32 files_limit(void)
{
	return (u32)min_u64(current->proc->rlimits[RLIMIT_NOFILE][0], CAP_MAX);
}

/* The lowest free descriptor from `lowest` on, or -EMFILE. */
static s32 fd_free(const struct files *t, s32 lowest)
{
	u32 fd = (u32)max_u64((u32)lowest, t->lowest);

	assert_locked();
	while (fd < t->cap && t->slot[fd].file)
		fd++;
	return fd < files_limit() ? (s32)fd : -EMFILE;
}

int fd_room(void)
{
	s32 fd = fd_free(current->files, 0);

	return fd < 0 ? fd : files_grow(current->files, (u32)fd);
}

s32 fd_install(struct file *f, bool cloexec, s32 lowest)
{
	struct files *t = current->files;
	s32 fd = fd_free(t, lowest);
	int r = fd < 0 ? fd : files_grow(t, (u32)fd);

	if (r) {
		file_put(f);
		return r;
	}
	if ((u32)lowest <= t->lowest)
		t->lowest = (u32)fd + 1;
	t->slot[fd] = (struct slot){.file = f, .cloexec = cloexec};
	return fd;
}

int fd_install_at(struct files *t, s32 fd, struct file *f, bool cloexec)
{
	struct file *old;
	int r = (u32)fd < CAP_MAX ? files_grow(t, (u32)fd) : -EBADF;

	if (r) {
		file_put(f);
		return r;
	}
	old = t->slot[fd].file;
	t->slot[fd] = (struct slot){.file = f, .cloexec = cloexec};
	if (old)
		close_file(t, old);
	return 0;
}

u32 files_each(struct files *t, s32 *fd)
{
	for (u32 i = (u32)*fd; i < t->cap; i++) {
		if (t->slot[i].file) {
			*fd = (s32)i;
			return 1;
		}
	}
	return 0;
}

bool files_cloexec(struct files *t, s32 fd)
{
	return (u32)fd < t->cap && t->slot[fd].cloexec;
}

int files_set_cloexec(struct files *t, s32 fd, bool on)
{
	if ((u32)fd >= t->cap || !t->slot[fd].file)
		return -EBADF;
	t->slot[fd].cloexec = on;
	return 0;
}
