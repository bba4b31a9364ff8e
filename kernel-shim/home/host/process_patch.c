/* SPDX-License-Identifier: Apache-2.0
 * Which system calls of a program are patched (vmm/process/patch.c): places in the text of a file
 * that trapped several times and have a form that can be replaced. Text that the program can write
 * to is left alone, and put back when it becomes so. The page becomes a copy of the program's own,
 * as with a debugger's breakpoint.
 *
 * A task's registers never show it: RIP is in the program's text, as if nothing had been replaced,
 * wherever the shim or the program looks. patch_enter and patch_leave translate.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "home/host/process_internal.h"
#include "mm/mm_internal.h"

#define WORTH_IT   8u /* traps: a patch costs as much as a few of them */
#define ROOM_FIRST 64u

_Static_assert(STUB_PATCHES % ROOM_FIRST == 0, "room doubles up to it");

/* -- the table -- */

static u32 hash(u64 ret)
{
	return (u32)(ret ^ ret >> 8) & (PATCH_BUCKETS - 1);
}

static struct patch *find(struct patch_table *p, u64 ret)
{
	for (u32 i = p ? p->bucket[hash(ret)] : 0; i; i = p->list[i - 1].next)
		if (p->list[i - 1].form.ret == ret)
			return &p->list[i - 1];
	return NULL;
}

static u32 index_of(const struct patch_table *p, const struct patch *x)
{
	return (u32)(x - p->list);
}

/* Every processor's space has a table of its own. */
static void tell(const struct host_process *e, struct host_mm *m, const struct patch *x)
{
	for (u32 i = 0; i < e->ncpus; i++)
		if (m->on[i] && m->on[i]->space)
			process_patch_set(m->on[i]->space, index_of(m->patches.table, x), &x->form);
}

static size_t table_size(u32 entries)
{
	return sizeof(struct patch_table) + entries * sizeof(struct patch);
}

/* Room for one more, or NULL. */
static struct patch_table *with_room(struct patches *all)
{
	struct patch_table *p = all->table;
	u32 room = p ? p->room * 2 : ROOM_FIRST;

	if (p && p->n < p->room)
		return p;
	if (room > STUB_PATCHES)
		return NULL;
	p = realloc(p, table_size(room));
	if (!p)
		return NULL;
	if (!all->table)
		memset(p, 0, sizeof(*p));
	p->room = room;
	all->table = p;
	return p;
}

/* The place itself may have been patched before, with other code there. */
static struct patch *take_entry(struct patches *all, u64 ret)
{
	struct patch *x = find(all->table, ret);
	struct patch_table *p;

	if (x)
		return x->undone ? NULL : x;
	p = with_room(all);
	if (!p)
		return NULL;
	x = &p->list[p->n++];
	*x = (struct patch){.form.ret = ret, .next = p->bucket[hash(ret)]};
	p->bucket[hash(ret)] = (u16)p->n;
	return x;
}

void patch_restore(const struct patches *all, struct host_space *s)
{
	const struct patch_table *p = all->table;

	for (u32 i = 0; p && i < p->n; i++)
		process_patch_set(s->space, i, &p->list[i].form);
}

int patch_copy(struct patches *to, const struct patches *from)
{
	if (!from->table)
		return 0;
	to->table = malloc(table_size(from->table->room));
	if (!to->table)
		return -ENOMEM;
	memcpy(to->table, from->table, table_size(from->table->n));
	return 0;
}

/* -- the text -- */

static bool may_patch(struct mm *mm, u64 at, u64 end)
{
	const struct vma *v = mm_find(mm, at);

	return v && v->file && !vma_shared(v) && (v->prot & PROT_EXEC) && !(v->prot & PROT_WRITE) &&
	       end <= v->end && at >> PAGE_SHIFT == (end - 1) >> PAGE_SHIFT;
}

/* Something else may be there by now. */
static bool in_place(struct mm *mm, const struct patch_table *p, const struct patch *x)
{
	u8 code[PROCESS_PATCH_LEN], have[PROCESS_PATCH_LEN];

	process_patch_bytes(index_of(p, x), code);
	return !copy_from_mm(mm, have, x->form.at, sizeof(have)) &&
	       !memcmp(have, code, sizeof(code));
}

static bool form_at(struct mm *mm, u64 ret, u32 nr, struct process_patch *form)
{
	u8 code[PROCESS_LOOK_BEFORE + PROCESS_LOOK_AFTER];
	u64 at = ret - PROCESS_LOOK_BEFORE;

	return may_patch(mm, at, at + sizeof(code)) && !copy_from_mm(mm, code, at, sizeof(code)) &&
	       process_patch_form(code, ret, nr, form);
}

static void include(struct patch_table *p, const struct process_patch *form)
{
	p->lo = p->lo ? min_u64(p->lo, form->at) : form->at;
	p->hi = max_u64(p->hi, form->at + PROCESS_PATCH_LEN);
}

/* Nobody may be between the seven bytes while they change: who comes back does so by IRETQ, after
 * which it sees them all (SDM vol. 3, 8.1.3). One that was stopped in between gets the signal of a
 * jump to there. */
static void patch_place(struct host_process *e, struct task *t)
{
	struct host_mm *m = host_mm(t->mm);
	struct process_patch form;
	u8 code[PROCESS_PATCH_LEN];
	struct patch *x;

	if (!form_at(t->mm, t->regs.rip, (u32)t->regs.rax, &form))
		return;
	process_shoot_down(e, t->mm, form.at, form.at + PROCESS_PATCH_LEN);
	x = take_entry(&m->patches, form.ret);
	if (!x || copy_from_mm(t->mm, x->replaced, form.at, sizeof(x->replaced)))
		return;
	x->form = form;
	include(m->patches.table, &form);
	tell(e, m, x);
	process_patch_bytes(index_of(m->patches.table, x), code);
	copy_to_mm(t->mm, form.at, code, sizeof(code), true); /* if it fails, nothing has changed */
}

static struct hit *hit_of(struct patches *p, u64 ret)
{
	struct hit *set = p->hits[hash(ret) % HIT_SETS], *least = set;

	for (u32 i = 0; i < HIT_WAYS; i++) {
		if (set[i].ret == ret)
			return &set[i];
		if (set[i].count < least->count)
			least = &set[i];
	}
	*least = (struct hit){.ret = ret};
	return least;
}

void patch_count(struct host_process *e, struct task *t)
{
	struct hit *h = hit_of(&host_mm(t->mm)->patches, t->regs.rip);

	if (!t->traced.tracer && ++h->count == WORTH_IT)
		patch_place(e, t);
}

static void undo(struct mm *mm, const struct patch_table *p, struct patch *x)
{
	bool there = in_place(mm, p, x);

	x->undone = true; /* first: writing may change page tables, and lead here again */
	if (there && copy_to_mm(mm, x->form.at, x->replaced, sizeof(x->replaced), true))
		x->undone = false;
}

static bool writable(struct mm *mm, u64 va)
{
	const struct vma *v = mm_find(mm, va);

	return v && (v->prot & PROT_WRITE);
}

/* Called for every change of the page tables, most of them elsewhere. */
static void undo_range(struct host_process *e, struct mm *mm, u64 lo, u64 hi, bool only_writable)
{
	struct patch_table *p = host_mm(mm)->patches.table;

	if (!p || hi <= p->lo || lo >= p->hi)
		return;
	for (u32 i = 0; i < p->n; i++) {
		struct patch *x = &p->list[i];
		u64 at = x->form.at, end = at + PROCESS_PATCH_LEN;

		if (x->undone || at >= hi || end <= lo || (only_writable && !writable(mm, at)))
			continue;
		process_shoot_down(e, mm, at, end);
		undo(mm, p, x);
	}
}

void patch_changed(struct host_process *e, struct mm *mm, u64 lo, u64 hi)
{
	undo_range(e, mm, lo, hi, true);
}

void patch_restore_text(struct host_process *e, struct mm *mm, u64 lo, u64 hi)
{
	undo_range(e, mm, lo, hi, false);
}

/* -- translation -- */

u64 patch_enter(struct mm *mm, u64 rip)
{
	struct patch_table *p = host_mm(mm)->patches.table;
	const struct patch *x = find(p, rip);

	if (!x || x->form.has_nr || x->undone || !in_place(mm, p, x))
		return rip;
	return process_patch_tail(index_of(p, x));
}

u64 patch_leave(struct mm *mm, u64 rip)
{
	const struct patch_table *p = host_mm(mm)->patches.table;
	u64 off = rip - STUB_PATCH_CODE, i = off / STUB_PATCH_SIZE;

	if (rip < STUB_PATCH_CODE || !p || i >= p->n)
		return rip;
	off %= STUB_PATCH_SIZE;
	if (off == STUB_PATCH_TAIL)
		return p->list[i].form.ret;
	return off == (u64)STUB_PATCH_TAIL + p->list[i].form.tail_len ? p->list[i].form.next : rip;
}

/* -- signals from patched places -- */

static void finish_call(struct task *t, const struct patch *x)
{
	t->regs.rip = x->form.ret;
	t->regs.rcx = x->form.ret;
	t->regs.r11 = t->regs.rflags;
}

/* A jump to where the `syscall` was: the number is whatever the program has in RAX. Or to what
 * followed it: patch_enter knows where that is now. Or to what cannot have been an instruction. */
enum patch_signal patch_take_jump(struct task *t)
{
	struct patch_table *p = host_mm(t->mm)->patches.table;
	u64 rip = t->regs.rip;

	for (u64 ret = rip - 5; ret <= rip + 2; ret++) {
		struct patch *x = find(p, ret);

		if (!x || x->undone || rip <= x->form.at || rip >= x->form.at + PROCESS_PATCH_LEN ||
			!in_place(t->mm, p, x))
			continue;
		if (x->form.has_nr && rip == ret - 2) {
			finish_call(t, x);
			return PATCH_CALL;
		}
		if (x->form.has_nr || rip != ret)
			undo(t->mm, p, x);
		return PATCH_MEND;
	}
	return PATCH_NONE;
}

/* A step over the replacement ends at the first instruction of its code. If a `mov` was replaced
 * the program has been stepped over that, and goes on at the `syscall`: by a jump to it (above).
 * Else it has executed the `syscall`. */
enum patch_signal patch_take_step(struct task *t)
{
	const struct patch_table *p = host_mm(t->mm)->patches.table;
	u64 off = t->regs.rip - process_patch_address(0);
	const struct patch *x;

	if (!p || off % STUB_PATCH_SIZE || off / STUB_PATCH_SIZE >= p->n)
		return PATCH_NONE;
	x = &p->list[off / STUB_PATCH_SIZE];
	if (!x->form.has_nr) {
		finish_call(t, x);
		return PATCH_CALL;
	}
	t->regs.rax = x->form.nr;
	t->regs.rip = x->form.ret - 2;
	return PATCH_NONE;
}
