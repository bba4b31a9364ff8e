/* SPDX-License-Identifier: Apache-2.0
 * execve(2): a new address space is built beside the old one; only when nothing can fail any more
 * does the task move over. Until the files are known to be good, an error is the caller's; after
 * that Linux is past its point of no return and ends the process with SIGSEGV, and so do we.
 */
#include <linux/personality.h>
#include <linux/stat.h>

#include "core/exec_internal.h"
#include "core/ptrace.h"
#include "core/random.h"
#include "mm/mm_internal.h"

#define SCRIPT_DEPTH   5
#define DYN_BASE       (USER_VA_END / 3 * 2) /* ELF_ET_DYN_BASE */
#define DYN_RND_PAGES  (1ull << 28)
#define BRK_RND_PAGES  (1ull << 13) /* 32 MiB */
#define SIGSEGV_STATUS 11

u64 exec_random(u64 pages)
{
	u64 r;

	random_bytes(&r, sizeof(r));
	return (r & (pages - 1)) << PAGE_SHIFT;
}

static bool table_writes(struct files *files, const struct inode *inode)
{
	bool found = false;

	for (s32 fd = 0; !found && files_each(files, &fd); fd++) {
		struct file *f = files_lookup(files, fd);

		if (!f)
			continue;
		found = f->inode == inode && file_writable(f);
		file_put(f);
	}
	return found;
}

/* Does any program have it open for writing? Rare enough to be looked for, instead of counted. */
static bool open_for_writing(const struct inode *inode)
{
	const struct files *last = NULL;

	list_for_each(pos, &kern->tasks)
	{
		struct task *t = list_entry(pos, struct task, all_link);

		if (!t->files || t->files == last)
			continue;
		last = t->files;
		if (table_writes(t->files, inode))
			return true;
	}
	return false;
}

static int check_file(struct file *f)
{
	int r;

	if (!f->inode || (f->inode->mode & S_IFMT) != S_IFREG)
		return -EACCES;
	r = inode_permission(f->inode, MAY_EXEC);
	return r ? r : open_for_writing(f->inode) ? -ETXTBSY : 0;
}

/* The program's dynamic linker, if it names one. */
static int open_interpreter(struct exec *x)
{
	char *name = elf_interpreter(&x->main);
	struct file *f;
	int r;

	if (!name || is_err(name))
		return (int)ptr_err(name);
	f = file_open(-100 /* AT_FDCWD */, name, O_FOR_EXEC, 0);
	kfree(name);
	if (is_err(f))
		return (int)ptr_err(f);
	r = elf_open(&x->ld, f, -ELIBBAD);
	if (r == -ELIBBAD && x->ld.have < sizeof(Elf64_Ehdr))
		r = -EIO;
	if (!r)
		return 0;
	file_put(f);
	x->ld.file = NULL;
	return r;
}

/* Follows scripts to the ELF file that runs, and opens what it needs. */
static int exec_prepare(struct exec *x)
{
	int r = 1;

	for (u32 depth = 0; r == 1; depth++) {
		if (depth > SCRIPT_DEPTH)
			return -ELOOP;
		r = check_file(x->file);
		if (!r)
			r = exec_script(x);
	}
	if (r)
		return r;
	r = elf_open(&x->main, x->file, -ENOEXEC);
	return r ? r : open_interpreter(x);
}

static u64 main_base(const struct exec *x)
{
	if (!x->ld.file)
		return 0; /* a static program: like a library */
	return round_down(DYN_BASE, PAGE_SIZE) + (x->randomize ? exec_random(DYN_RND_PAGES) : 0);
}

static void set_bounds(struct exec *x)
{
	struct mm *mm = x->mm;
	const struct elf_extent *e = &x->main_at;
	u64 brk = e->end;

	mm->code_start = e->code_start;
	mm->code_end = e->code_end;
	mm->data_start = e->data_start;
	mm->data_end = e->data_end;
	if (x->randomize) {
		if (x->main.h.e_type == ET_DYN && !x->ld.file)
			brk = round_down(
				DYN_BASE, PAGE_SIZE); /* among mappings it could not grow */
		brk += exec_random(BRK_RND_PAGES);
	}
	mm->brk_start = mm->brk = brk;
}

/* Everything that makes the new address space. */
static int exec_build(struct exec *x)
{
	int r;

	x->mm = mm_new();
	if (!x->mm)
		return -ENOMEM;
	mm_layout(x->mm, mm_rlimit(RLIMIT_STACK), x->randomize);
	r = elf_map(&x->main, x->mm, main_base(x), &x->main_at);
	if (r)
		return r;
	set_bounds(x);
	x->entry = x->main.h.e_entry + x->main_at.bias;
	if (x->ld.file) {
		r = elf_map(&x->ld, x->mm, 0, &x->ld_at);
		x->entry = x->ld.h.e_entry + x->ld_at.bias;
	}
	if (r)
		return r;
	x->vdso = x->mm->vdso = vdso_map(x->mm);
	return exec_stack(x);
}

static void set_comm(struct task *t, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t n = strnlen(name, sizeof(t->comm) - 1);

	memset(t->comm, 0, sizeof(t->comm));
	memcpy(t->comm, name, n);
}

/* The task becomes the new program. Nothing here fails. */
static void exec_commit(struct exec *x)
{
	struct task *t = x->t;
	struct process *p = t->proc;
	struct mm *old = t->mm;
	u64 rax = t->regs.rax;

	if (old) {
		task_mm_release(t);
		p->max_rss_pages = max_u64(p->max_rss_pages, old->peak_rss_pages);
	}
	t->mm = x->mm;
	x->mm = NULL;
	if (old)
		mm_put(old);
	task_exec_reset(t);
	files_close_on_exec(t->files);
	set_comm(t, x->execfn);
	file_get(x->file);
	if (p->exe)
		file_put(p->exe);
	p->exe = x->file;
	p->dumpable = 1;
	t->set_child_tid = 0;

	t->fs_base = t->gs_base = 0;
	plat_fpu_init(t);
	plat_fpu_load(t);
	/* a tracer sees the call, which has no result yet */
	memset(&t->regs, 0, offsetof(struct user_regs, orig_rax));
	t->regs.rax = rax;
	t->regs.rip = x->entry;
	t->regs.rsp = x->sp;
	t->regs.rflags = 0x202;
	t->regs.cs = USER_CS;
	t->regs.ss = USER_SS;
}

static void free_strings(char **v)
{
	for (u32 i = 0; v && v[i]; i++)
		kfree(v[i]);
	kfree(v);
}

void exec_args_free(struct exec_args *a)
{
	free_strings(a->argv);
	free_strings(a->envp);
	a->argv = a->envp = NULL;
}

static void exec_cleanup(struct exec *x)
{
	if (x->mm)
		mm_put(x->mm);
	if (x->ld.file)
		file_put(x->ld.file);
	elf_close(&x->ld);
	elf_close(&x->main);
	if (x->file)
		file_put(x->file);
	exec_args_free(x->args);
	kfree(x->path);
	kfree((char *)x->execfn);
}

/* Linux 5.18: a program always has an argv[0]. */
static int need_argv0(struct exec_args *a)
{
	if (a->argc)
		return 0;
	kfree(a->argv);
	a->argv = kzalloc(2 * sizeof(*a->argv));
	if (!a->argv || !(a->argv[0] = kstrndup("", 0)))
		return -ENOMEM;
	a->argc = 1;
	return 0;
}

long exec_run(struct task *t, struct file *file, const char *path, bool inaccessible,
	struct exec_args *args)
{
	struct exec *x = kzalloc(sizeof(*x));
	bool first = !t->mm;
	s32 old_tid = t->tid;
	bool too_late = false;
	long r = -ENOMEM;

	if (!x) {
		exec_args_free(args);
		return r;
	}
	file_get(file);
	x->t = t;
	x->file = file;
	x->args = args;
	x->inaccessible = inaccessible;
	x->path = kstrndup(path, strlen(path));
	x->execfn = kstrndup(path, strlen(path));
	x->randomize = !(t->proc->personality & ADDR_NO_RANDOMIZE);
	if (x->path && x->execfn)
		r = need_argv0(args);
	if (!r)
		r = exec_prepare(x);
	if (!r)
		r = process_kill_other_threads(t);
	if (!r) {
		too_late = !first;
		r = files_unshare(t);
		if (!r)
			r = exec_build(x);
	}
	if (!r)
		exec_commit(x);
	exec_cleanup(x);
	kfree(x);
	if (r && too_late)
		process_exit(SIGSEGV_STATUS);
	if (!r && t->traced.tracer)
		ptrace_exec_event(t, old_tid);
	return r;
}

long exec_load(struct task *t, struct file *file, const char *path, struct exec_args *args)
{
	return exec_run(t, file, path, false, args);
}
