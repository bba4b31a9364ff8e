/* SPDX-License-Identifier: Apache-2.0
 * The frames of a task's user stack, by frame pointers: the word at RBP is the caller's RBP, the
 * one behind it the return address (System V ABI, x86-64, 3.2.2). Where code was compiled without
 * them the chain ends early, or leaves out a caller.
 *
 * The stack is whatever the program made it. Each step goes up, to an aligned place, is read
 * through the task's own page tables without faulting anything in, and must lead to executable
 * memory; there are at most SAMPLES_FRAMES of them.
 */
#include "home/host/host_internal.h"
#include "home/host/sample.h"
#include "mm/mm_internal.h"

#define NEAR_MAX 16u

/* A word of the stack that is there now. */
static bool look_at_word(struct mm *mm, u64 va, u64 *out)
{
	u64 skip, pa, *e;

	if ((va & 7) || va >= USER_VA_END)
		return false;
	e = pgtable_find(mm->pgd, va, &skip);
	if (!e || !(*e & PTE_P))
		return false;
	pa = (*e & PTE_ADDR) | (va & (PAGE_SIZE - 1));
	if (!pa_is_ram(pa))
		return !plat_window_read(out, window_off(pa), sizeof(*out));
	*out = __atomic_load_n((const u64 *)phys_ptr(pa), __ATOMIC_RELAXED);
	return true;
}

/* The mapping that code at ip is executed from, or NULL. */
static const struct vma *code_at(struct mm *mm, u64 ip)
{
	const struct vma *v = ip < USER_VA_END ? mm_find(mm, ip) : NULL;

	return v && (v->prot & PROT_EXEC) ? v : NULL;
}

static struct samples_frame frame_of(const struct vma *v, u64 ip)
{
	struct samples_frame f = {.value = ip, .file = SAMPLES_NOWHERE};

	if (!v)
		return f;
	if (v->file && v->file->inode) {
		f.file = sample_file(v->file);
		if (f.file != SAMPLES_NOWHERE)
			f.value = ip - v->start + v->offset;
	} else if (v->name && !strcmp(v->name, "[vdso]")) {
		f.file = SAMPLES_VDSO;
		f.value = ip - v->start;
	} else {
		f.file = SAMPLES_ANONYMOUS;
	}
	return f;
}

/* What may be the caller of a function that has made no frame. */
static u32 near_words(struct task *t, struct samples_frame out[NEAR_MAX])
{
	const struct vma *v;
	u64 word;
	u32 n = 0;

	for (u32 i = 0; i < SAMPLES_WORDS && n < NEAR_MAX; i++) {
		if (!look_at_word(t->mm, t->regs.rsp + 8ull * i, &word))
			break;
		v = word ? code_at(t->mm, word - 1) : NULL;
		if (!v)
			continue;
		out[n] = frame_of(v, word - 1);
		out[n++].slot = i + 1;
	}
	return n;
}

u32 sample_stack(struct task *t, struct samples_frame out[SAMPLES_FRAMES])
{
	u64 at = t->regs.rbp, next, back;
	const struct vma *v;
	u32 n = 0;

	out[n++] = frame_of(code_at(t->mm, t->regs.rip), t->regs.rip);
	n += near_words(t, out + n);
	while (n < SAMPLES_FRAMES && look_at_word(t->mm, at, &next) &&
		look_at_word(t->mm, at + 8, &back)) {
		/* of the call: what follows it may be another function */
		v = back ? code_at(t->mm, back - 1) : NULL;
		if (!v)
			break;
		out[n++] = frame_of(v, back - 1);
		if (next <= at)
			break;
		at = next;
	}
	return n;
}
