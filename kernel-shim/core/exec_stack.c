/* SPDX-License-Identifier: Apache-2.0
 * The first stack of a program, as the x86-64 psABI (3.4.1) and Linux's create_elf_tables make it.
 * From the top: 8 zero bytes, the file's name, environment strings, argument strings, a random gap,
 * the platform string, 16 random bytes, then auxv, envp, argv and argc at rsp.
 */
#include <linux/auxvec.h>
#include <linux/personality.h>

#include "core/exec_internal.h"
#include "core/random.h"
#include "mm/mm_internal.h"

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#define STACK_ROOM  131072 /* mapped below what is on it at first (setup_arg_pages) */
#define STACK_AHEAD 4	   /* pages: what a dynamic linker needs */
#define PLATFORM    "x86_64"
/* A signal frame beside its XSAVE area: what get_sigframe_size comes to on x86-64. */
#define SIGFRAME_REST 936

/* Writes ascending addresses of the new stack, a page looked up at a time. */
struct writer {
	struct mm *mm;
	u64 va;
	u8 *at;	   /* where va is; NULL: look up */
	int error; /* then nothing more is written */
};

static void put(struct writer *w, const void *src, size_t n)
{
	const u8 *from = src;

	while (n && !w->error) {
		size_t part = min_u64(n, PAGE_SIZE - (w->va & (PAGE_SIZE - 1)));

		if (!w->at)
			w->at = user_ram_ptr(w->mm, w->va);
		if (!w->at) {
			w->error = -ENOMEM;
			return;
		}
		memcpy(w->at, from, part);
		from += part;
		w->va += part;
		n -= part;
		w->at = w->va & (PAGE_SIZE - 1) ? w->at + part : NULL;
	}
}

static void put_u64(struct writer *w, u64 v)
{
	put(w, &v, sizeof(v));
}

static void put_strings(struct writer *w, char **v, u32 n)
{
	for (u32 i = 0; i < n; i++)
		put(w, v[i], strlen(v[i]) + 1);
}

/* Pointers to strings that lie one after another from `at` on, and the NULL that ends them. */
static void put_pointers(struct writer *w, char **v, u32 n, u64 at)
{
	for (u32 i = 0; i < n; i++) {
		put_u64(w, at);
		at += strlen(v[i]) + 1;
	}
	put_u64(w, 0);
}

static size_t strings_size(char **v, u32 n)
{
	size_t sum = 0;

	for (u32 i = 0; i < n; i++)
		sum += strlen(v[i]) + 1;
	return sum;
}

static u32 fill_auxv(struct exec *x, u64 random, u64 platform, u64 execfn)
{
	const struct cred *c = &x->t->cred;
	const struct boot_block *b = kern->boot;
	bool set_id = c->uid != c->euid || c->gid != c->egid;
	const u64 v[][2] = {
		{x->vdso ? AT_SYSINFO_EHDR : AT_IGNORE, x->vdso},
		{AT_HWCAP, b->hwcap},
		{AT_PAGESZ, PAGE_SIZE},
		{AT_CLKTCK, 100},
		{AT_PHDR, elf_phdr_addr(&x->main) + x->main_at.bias},
		{AT_PHENT, sizeof(Elf64_Phdr)},
		{AT_PHNUM, x->main.h.e_phnum},
		{AT_BASE, x->ld_at.bias},
		{AT_FLAGS, 0},
		{AT_ENTRY, x->main.h.e_entry + x->main_at.bias},
		{AT_UID, c->uid},
		{AT_EUID, c->euid},
		{AT_GID, c->gid},
		{AT_EGID, c->egid},
		{AT_SECURE, set_id},
		{AT_RANDOM, random},
		{AT_HWCAP2, b->hwcap2},
		{AT_EXECFN, execfn},
		{AT_PLATFORM, platform},
		{AT_MINSIGSTKSZ, round_up(kern->xsave_size + SIGFRAME_REST, 16)},
		{AT_NULL, 0},
	};

	_Static_assert(sizeof(v) <= sizeof(x->mm->auxv), "auxv of struct mm");
	memcpy(x->mm->auxv, v, sizeof(v));
	return sizeof(v) / sizeof(u64);
}

static int map_stack(struct mm *mm, u64 used, bool exec)
{
	u64 limit =
		max_u64(round_down(mm_rlimit(RLIMIT_STACK), PAGE_SIZE), round_up(used, PAGE_SIZE));
	u64 size = min_u64(round_up(used, PAGE_SIZE) + STACK_ROOM, limit);
	u32 prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0);
	s64 r = mm_map(mm, mm->stack_top - size, size, prot,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN, NULL, 0);

	if (r < 0)
		return (int)r;
	mm_find(mm, (u64)r)->name = "[stack]";
	/* It is about to be filled from bottom to top: let the faults be few. */
	mm->fault_next = round_down(mm->stack_top - used, PAGE_SIZE);
	mm->fault_batch = MM_ANON_BATCH;
	return 0;
}

static void put_tables(struct exec *x, struct writer *w, u32 naux)
{
	const struct mm *mm = x->mm;
	struct exec_args *a = x->args;

	put_u64(w, a->argc);
	put_pointers(w, a->argv, a->argc, mm->arg_start);
	put_pointers(w, a->envp, a->envc, mm->env_start);
	put(w, mm->auxv, naux * sizeof(u64));
}

/* The program's first calls go below: one fault for their pages, here, instead of one each. */
static int map_below(struct exec *x)
{
	u64 va = round_down(x->sp, PAGE_SIZE) - STACK_AHEAD * PAGE_SIZE;
	struct vma *v = mm_find(x->mm, va);
	s32 code;

	if (!v)
		return 0; /* a small RLIMIT_STACK */
	x->mm->fault_next = va;
	x->mm->fault_batch = 0;
	return mm_fault(x->mm, va, MM_WRITE, &code);
}

int exec_stack(struct exec *x)
{
	struct mm *mm = x->mm;
	struct exec_args *a = x->args;
	size_t name_size = strlen(x->execfn) + 1;
	u64 execfn = mm->stack_top - 8 - name_size, platform, random, gap = 0;
	struct writer w = {.mm = mm};
	u8 bytes[16];
	u32 naux;
	int r;

	mm->env_end = execfn;
	mm->env_start = mm->arg_end = execfn - strings_size(a->envp, a->envc);
	mm->arg_start = mm->arg_end - strings_size(a->argv, a->argc);
	if (x->randomize) {
		random_bytes(&gap, sizeof(gap));
		gap &= 8191; /* arch_align_stack */
	}
	platform = round_down(mm->arg_start - gap, 16) - sizeof(PLATFORM);
	random = platform - sizeof(bytes);
	naux = fill_auxv(x, random, platform, execfn);
	x->sp = round_down(random - (1 + a->argc + 1 + a->envc + 1 + naux) * sizeof(u64), 16);
	r = map_stack(mm, mm->stack_top - x->sp, elf_exec_stack(&x->main));
	if (r)
		return r;
	mm->start_stack = x->sp;
	random_bytes(bytes, sizeof(bytes));

	w.va = x->sp;
	put_tables(x, &w, naux);
	w.va = random;
	w.at = NULL;
	put(&w, bytes, sizeof(bytes));
	put(&w, PLATFORM, sizeof(PLATFORM));
	w.va = mm->arg_start;
	w.at = NULL;
	put_strings(&w, a->argv, a->argc);
	put_strings(&w, a->envp, a->envc);
	put(&w, x->execfn, name_size);
	return w.error ? w.error : map_below(x);
}
