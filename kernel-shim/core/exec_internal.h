/* SPDX-License-Identifier: Apache-2.0
 * Between the files that execve(2) is made of.
 */
#ifndef CORE_EXEC_INTERNAL_H
#define CORE_EXEC_INTERNAL_H

#include "core/elf.h"
#include "core/task.h"

#define EXEC_HEAD 256 /* what Linux looks at to know a script (BINPRM_BUF_SIZE) */

struct exec {
	struct task *t;
	struct file *file;  /* a reference: the program, or a script's interpreter */
	char *path;	    /* how file was named; kalloc'ed */
	const char *execfn; /* AT_EXECFN: how the first file was named */
	bool inaccessible;  /* path goes through a descriptor that exec closes */
	struct exec_args *args;
	struct mm *mm; /* the new one */
	struct elf_file main, ld;
	struct elf_extent main_at, ld_at;
	bool randomize;
	u64 vdso;
	u64 entry, sp;
};

/* Frees args, always. On success regs are the new program's; past the point of no return an error
 * ends the process instead of coming back. file and path stay the caller's. */
long exec_run(struct task *t, struct file *file, const char *path, bool inaccessible,
	struct exec_args *args);
void exec_args_free(struct exec_args *a);
/* exec_script.c: turns x into the script's interpreter. 1 done, 0 not a script, or -errno. */
int exec_script(struct exec *x);
/* exec_stack.c: maps the stack, fills it with strings, auxv and pointers; sets x->sp. */
int exec_stack(struct exec *x);
u64 exec_random(u64 pages); /* bytes, a multiple of the page size, below pages * PAGE_SIZE */
/* vdso/vdso.c: maps the image and the clock page; 0 if there is no room or no clock. */
u64 vdso_map(struct mm *mm);

#endif
