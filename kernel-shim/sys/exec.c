/* SPDX-License-Identifier: Apache-2.0
 * execve(2), execveat(2): the arguments come in, exec.c does the rest.
 */
#include <asm/fcntl.h>
#include <linux/fcntl.h>
#include <linux/limits.h>

#include "core/exec_internal.h"
#include "mm/mm_internal.h"
#include "sys/sys.h"

#define ARG_STRLEN_MAX (32 * PAGE_SIZE) /* MAX_ARG_STRLEN, with its NUL */
#define ARG_TOTAL_MAX  (6ull << 20)	/* three quarters of the 8 MiB _STK_LIM */
#define ARG_TOTAL_MIN  (128ull << 10)
#define ARG_COUNT_MAX  0x400000u /* more pointers than the total could ever allow */

/* Counts down what argument strings and their pointers may take. */
struct arg_room {
	u64 left;
	char *buf; /* ARG_STRLEN_MAX bytes, kalloc'ed when a string is longer than a page */
	char *page;
};

static int count_strings(u64 uv, u32 *n)
{
	for (*n = 0; uv; ++*n) {
		u64 p;

		if (get_user_u64(&p, uv + 8ull * *n))
			return -EFAULT;
		if (!p)
			return 0;
		if (*n == ARG_COUNT_MAX)
			return -E2BIG;
	}
	return 0;
}

static char *copy_string(struct arg_room *room, u64 ustr)
{
	s64 n = strncpy_from_user(room->page, ustr, PAGE_SIZE);
	char *s = room->page;

	if (n == -ENAMETOOLONG) {
		if (!room->buf)
			room->buf = kalloc(ARG_STRLEN_MAX);
		if (!room->buf)
			return err_ptr(-ENOMEM);
		s = room->buf;
		n = strncpy_from_user(s, ustr, ARG_STRLEN_MAX);
	}
	if (n < 0)
		return err_ptr(n == -ENAMETOOLONG ? -E2BIG : n);
	if ((u64)n + 1 > room->left)
		return err_ptr(-E2BIG);
	room->left -= (u64)n + 1;
	s = kstrndup(s, (size_t)n);
	return s ? s : err_ptr(-ENOMEM);
}

static int copy_strings(struct arg_room *room, u64 uv, u32 n, char **v)
{
	for (u32 i = 0; i < n; i++) {
		u64 p;
		char *s;

		if (get_user_u64(&p, uv + 8ull * i))
			return -EFAULT;
		if (!p) /* another thread changed it since it was counted */
			return -EFAULT;
		s = copy_string(room, p);
		if (is_err(s))
			return (int)ptr_err(s);
		v[i] = s;
	}
	return 0;
}

/* bprm_stack_limits: a quarter of the stack's limit, pointers included, but never less than 128
 * KiB. */
static int room_init(struct arg_room *room, const struct exec_args *a, size_t execfn)
{
	u64 limit = max_u64(min_u64(ARG_TOTAL_MAX, mm_rlimit(RLIMIT_STACK) / 4), ARG_TOTAL_MIN);
	u64 pointers = ((u64)(a->argc ? a->argc : 1) + a->envc) * 8 + execfn;

	if (limit <= pointers)
		return -E2BIG;
	room->left = limit - pointers;
	room->page = kalloc(PAGE_SIZE);
	return room->page ? 0 : -ENOMEM;
}

static int args_get(struct exec_args *a, u64 uargv, u64 uenvp, const char *path)
{
	struct arg_room room = {0};
	int r = count_strings(uargv, &a->argc);

	if (!r)
		r = count_strings(uenvp, &a->envc);
	if (!r)
		r = room_init(&room, a, strlen(path) + 1);
	if (r)
		return r;
	a->argv = kzalloc((a->argc + 1) * sizeof(*a->argv));
	a->envp = kzalloc((a->envc + 1) * sizeof(*a->envp));
	r = a->argv && a->envp ? 0 : -ENOMEM;
	if (!r)
		r = copy_strings(&room, uenvp, a->envc, a->envp);
	if (!r)
		r = copy_strings(&room, uargv, a->argc, a->argv);
	a->bytes = 0;
	kfree(room.page);
	kfree(room.buf);
	return r;
}

/* What the program is called: the path itself, or /dev/fd/N[/path] relative to a descriptor. */
static char *exec_name(s32 dfd, const char *path)
{
	char *s;

	if (*path == '/' || dfd == AT_FDCWD)
		return kstrndup(path, PATH_MAX);
	s = kalloc(strlen(path) + 32);
	if (s)
		kfmt(s, strlen(path) + 32, *path ? "/dev/fd/%d/%s" : "/dev/fd/%d%s", dfd, path);
	return s;
}

/* fexecve: the descriptor's own file, which may be O_PATH. */
static struct file *open_descriptor(s32 dfd)
{
	struct file *f = fd_get_any(dfd), *r;

	if (!f)
		return err_ptr(-EBADF);
	if (!f->path.dentry) {
		file_put(f);
		return err_ptr(-EACCES);
	}
	r = file_open_path(&f->path, O_FOR_EXEC);
	file_put(f);
	return r;
}

static struct file *open_program(s32 dfd, const char *path, u32 flags)
{
	if (!*path && (flags & AT_EMPTY_PATH))
		return dfd == AT_FDCWD ? err_ptr(-EACCES) : open_descriptor(dfd);
	return file_open(dfd, path, O_FOR_EXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0), 0);
}

static long do_exec(struct task *t, s32 dfd, u64 upath, u64 uargv, u64 uenvp, u32 flags)
{
	struct exec_args args = {0};
	char *path, *name;
	struct file *f;
	bool inaccessible;
	long r;

	if (flags & ~(u32)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	path = getname(upath, flags & AT_EMPTY_PATH);
	if (is_err(path))
		return ptr_err(path);
	f = open_program(dfd, path, flags);
	inaccessible = *path != '/' && dfd != AT_FDCWD && files_cloexec(t->files, dfd);
	name = exec_name(dfd, path);
	kfree(path);
	if (is_err(f) || !name) {
		kfree(name);
		return is_err(f) ? ptr_err(f) : -ENOMEM;
	}
	r = args_get(&args, uargv, uenvp, name);
	if (r)
		exec_args_free(&args);
	else
		r = exec_run(t, f, name, inaccessible, &args);
	file_put(f);
	kfree(name);
	return r;
}

long sys_execve(struct task *t, const u64 *a)
{
	return do_exec(t, AT_FDCWD, a[0], a[1], a[2], 0);
}

long sys_execveat(struct task *t, const u64 *a)
{
	return do_exec(t, (s32)a[0], a[1], a[2], a[3], (u32)a[4]);
}
