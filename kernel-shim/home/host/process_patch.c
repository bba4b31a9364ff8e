/* SPDX-License-Identifier: Apache-2.0
 * Which system calls of a program are patched (vmm/process/patch.c): places in the text of a file
 * that trapped several times and have the form that can be replaced. Text that the program can
 * write to is left alone. The page becomes a copy of the program's own, as with a debugger's
 * breakpoint.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "home/host/process_internal.h"
#include "mm/mm_internal.h"

#define WORTH_IT 8u /* traps: a patch costs as much as a few of them */

/* -- the list -- */

static struct patch *patch_find(struct patches *p, u64 ret)
{
	for (u32 i = 0; i < p->n; i++)
		if (p->list[i].ret == ret)
			return &p->list[i];
	return NULL;
}

/* Every processor's space has a table of its own. */
static void patch_tell(
	const struct host_process *e, struct host_mm *m, u32 index, const struct patch *x)
{
	for (u32 i = 0; i < e->ncpus; i++)
		if (m->on[i] && m->on[i]->space)
			process_patch_set(m->on[i]->space, index, x->ret, x->nr);
}

static struct patch *patch_new(struct host_process *e, struct host_mm *m, u64 ret, u32 nr)
{
	struct patches *p = &m->patches;
	struct patch *x = patch_find(p, ret);

	if (!p->list)
		p->list = calloc(STUB_PATCHES, sizeof(*p->list));
	if (!p->list || (!x && p->n == STUB_PATCHES))
		return NULL;
	if (!x)
		x = &p->list[p->n++];
	*x = (struct patch){ret, nr};
	patch_tell(e, m, (u32)(x - p->list), x);
	return x;
}

void patch_restore(const struct patches *p, struct host_space *s)
{
	for (u32 i = 0; i < p->n; i++)
		process_patch_set(s->space, i, p->list[i].ret, p->list[i].nr);
}

int patch_copy(struct patches *to, const struct patches *from)
{
	if (!from->n)
		return 0;
	to->list = calloc(STUB_PATCHES, sizeof(*from->list));
	if (!to->list)
		return -ENOMEM;
	memcpy(to->list, from->list, from->n * sizeof(*from->list));
	to->n = from->n;
	return 0;
}

/* -- patching -- */

static bool may_patch(struct mm *mm, u64 at)
{
	const struct vma *v = mm_find(mm, at);

	return v && v->file && !vma_shared(v) && (v->prot & PROT_EXEC) && !(v->prot & PROT_WRITE) &&
	       at + PROCESS_PATCH_LEN <= v->end &&
	       at >> PAGE_SHIFT == (at + PROCESS_PATCH_LEN - 1) >> PAGE_SHIFT;
}

static bool is_call(struct mm *mm, u64 at, u32 nr)
{
	u8 want[PROCESS_PATCH_LEN] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05}, have[PROCESS_PATCH_LEN];

	memcpy(want + 1, &nr, sizeof(nr));
	return !copy_from_mm(mm, have, at, sizeof(have)) && !memcmp(have, want, sizeof(want));
}

/* Nobody may be between the seven bytes while they change: who comes back does so by IRETQ, after
 * which it sees them all (SDM vol. 3, 8.1.3). One that was stopped before the `syscall` gets the
 * signal of a jump to it. */
static void patch_place(struct host_process *e, struct task *t)
{
	u64 at = t->regs.rip - PROCESS_PATCH_LEN;
	struct host_mm *m = host_mm(t->mm);
	u8 code[PROCESS_PATCH_LEN];
	struct patch *x;

	if (!may_patch(t->mm, at) || !is_call(t->mm, at, (u32)t->regs.rax))
		return;
	process_shoot_down(e, t->mm, at, at + PROCESS_PATCH_LEN);
	x = patch_new(e, m, t->regs.rip, (u32)t->regs.rax);
	if (!x)
		return;
	process_patch_bytes((u32)(x - m->patches.list), code);
	copy_to_mm(t->mm, at, code, sizeof(code), true); /* if it fails, nothing has changed */
}

void patch_count(struct host_process *e, struct task *t)
{
	struct patches *p = &host_mm(t->mm)->patches;
	u64 ret = t->regs.rip;
	u32 i = (u32)(ret ^ ret >> 8) & (HIT_PLACES - 1);

	if (p->hits[i].ret != ret) {
		p->hits[i].ret = ret;
		p->hits[i].count = 0;
	}
	if (++p->hits[i].count == WORTH_IT)
		patch_place(e, t);
}

/* -- signals from patched places -- */

static void finish_call(struct task *t, const struct patch *p)
{
	t->regs.rip = p->ret;
	t->regs.rcx = p->ret;
	t->regs.r11 = t->regs.rflags;
}

/* A jump to where the `syscall` was: the number is whatever the program has in RAX. */
bool patch_take_jump(struct task *t)
{
	struct patches *all = &host_mm(t->mm)->patches;
	const struct patch *p = patch_find(all, t->regs.rip + 2);
	u8 code[PROCESS_PATCH_LEN], have[PROCESS_PATCH_LEN];

	if (!p)
		return false;
	process_patch_bytes((u32)(p - all->list), code);
	if (copy_from_mm(t->mm, have, p->ret - sizeof(have), sizeof(have)) ||
		memcmp(have, code, sizeof(code)))
		return false; /* something else is there by now */
	finish_call(t, p);
	return true;
}

/* A step over the replacement ends at the first instruction of its code. */
bool patch_take_step(struct task *t)
{
	const struct patches *p = &host_mm(t->mm)->patches;
	u64 off = t->regs.rip - process_patch_address(0);

	if (off % STUB_PATCH_SIZE || off / STUB_PATCH_SIZE >= p->n)
		return false;
	t->regs.rax = p->list[off / STUB_PATCH_SIZE].nr;
	finish_call(t, &p->list[off / STUB_PATCH_SIZE]);
	return true;
}
