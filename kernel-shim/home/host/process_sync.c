/* SPDX-License-Identifier: Apache-2.0
 * From page tables to the mappings of a trapped process: where they may differ, what is mapped is
 * compared with what should be, and runs of pages that need the same become one operation.
 */
#include <errno.h>
#include <sys/mman.h>

#include "home/host/process_internal.h"
#include "mm/mm_internal.h"

#define AROUND	     (16 * PAGE_SIZE) /* a page that is missing brings its neighbours along */
#define POPULATE_MAX 64u	      /* pages: more are left for the host's own faults */

void space_stale(struct host_space *s, u64 lo, u64 hi)
{
	for (u32 i = 0; i < s->nstale; i++) {
		struct va_range *r = &s->stale[i];

		if (lo <= r->hi && hi >= r->lo) {
			r->lo = min_u64(r->lo, lo);
			r->hi = max_u64(r->hi, hi);
			return;
		}
	}
	if (s->nstale < STALE_MAX) {
		s->stale[s->nstale++] = (struct va_range){lo, hi};
		return;
	}
	/* comparing what is equal costs little: one range over all */
	for (u32 i = 1; i < STALE_MAX; i++) {
		s->stale[0].lo = min_u64(s->stale[0].lo, s->stale[i].lo);
		s->stale[0].hi = max_u64(s->stale[0].hi, s->stale[i].hi);
	}
	s->nstale = 1;
	space_stale(s, lo, hi);
}

void space_reset(struct host_space *s)
{
	mirror_clear(&s->mirror);
	s->nstale = 0;
	process_space_unmap_all(s->space);
}

/* -- runs -- */

struct run {
	struct host_process *e;
	struct process_space *space;
	struct stub_op op;
	bool open;
};

static bool is_ram(const struct host_process *e, u32 fd)
{
	return fd == STUB_FD_RAM || (e->frozen && fd == e->frozen_file);
}

static int run_end(struct run *r)
{
	if (!r->open)
		return 0;
	r->open = false;
	r->op.populate = r->op.kind == STUB_OP_MAP && is_ram(r->e, r->op.fd) &&
			 r->op.len <= POPULATE_MAX * PAGE_SIZE;
	return process_space_op(r->space, &r->op);
}

static bool run_continues(const struct run *r, const struct stub_op *op)
{
	const struct stub_op *o = &r->op;

	if (!r->open || o->kind != op->kind || o->addr + o->len != op->addr || o->prot != op->prot)
		return false;
	return op->kind != STUB_OP_MAP || (o->fd == op->fd && o->offset + o->len == op->offset);
}

static int run_add(struct run *r, const struct stub_op *op)
{
	int err = 0;

	if (run_continues(r, op)) {
		r->op.len += op->len;
		return 0;
	}
	err = run_end(r);
	r->op = *op;
	r->open = true;
	return err;
}

/* -- a page -- */

static u64 wanted(u64 pte)
{
	if (!(pte & PTE_P))
		return 0;
	return (pte & PTE_ADDR) | SEEN_R | (pte & PTE_W ? SEEN_W : 0) | (pte & PTE_NX ? 0 : SEEN_X);
}

static u32 prot_of(u64 seen)
{
	return (seen & SEEN_R ? PROT_READ : 0) | (seen & SEEN_W ? PROT_WRITE : 0) |
	       (seen & SEEN_X ? PROT_EXEC : 0);
}

/* Memory of the shim's own must never be shown: its pages have a zone to themselves. */
static int locate(struct host_process *e, u64 pa, struct stub_op *op)
{
	const struct window_range *w;

	if (pa_is_ram(pa)) {
		if (pa < e->shared_start)
			plat_panic("a page of the shim is mapped in a program");
		op->fd = page_is_frozen(e, pa) ? e->frozen_file : STUB_FD_RAM;
		op->offset = pa - e->shared_start;
		return 0;
	}
	w = window_find(e, window_off(pa));
	if (!w)
		return -EFAULT;
	op->fd = (u32)w->file;
	op->offset = w->file_off + (window_off(pa) - w->off);
	return 0;
}

static int sync_page(struct run *r, u64 va, u64 want, u64 *have)
{
	struct stub_op op = {.addr = va, .len = PAGE_SIZE, .prot = prot_of(want)};

	if ((want & SEEN_W) && page_is_frozen(r->e, want & PTE_ADDR))
		plat_panic("a program may write to a page that copies share");
	if (!want) {
		op.kind = STUB_OP_UNMAP;
	} else if ((want & PTE_ADDR) == (*have & PTE_ADDR) && *have) {
		op.kind = STUB_OP_PROTECT;
	} else {
		op.kind = STUB_OP_MAP;
		if (locate(r->e, want & PTE_ADDR, &op))
			return 0; /* the next access faults, and the core decides */
	}
	*have = want;
	return run_add(r, &op);
}

/* -- a range -- */

/* n pages from va on; either pointer may be NULL: nothing there. */
static int sync_pages(struct run *r, struct mirror *m, u64 va, u64 *pte, u64 *have, u64 n)
{
	int err = 0;
	u64 skip;

	for (u64 i = 0; i < n && !err; i++) {
		u64 want = pte ? wanted(pte[i]) : 0;

		if (want == (have ? have[i] : 0))
			continue;
		if (!have) {
			have = mirror_find(m, va, true, &skip);
			if (!have)
				return -ENOMEM;
		}
		if (want)
			pte[i] |= PTE_A; /* from here on nobody sees it being used */
		err = sync_page(r, va + i * PAGE_SIZE, want, &have[i]);
	}
	return err;
}

static int sync_range(struct run *r, struct host_space *s, struct mm *mm, u64 lo, u64 hi)
{
	int err = 0;

	for (u64 va = lo, n; va < hi && !err; va += n) {
		u64 skip_pte = ~0ull, skip_have = ~0ull;
		u64 *pte = pgtable_find(mm->pgd, va, &skip_pte);
		u64 *have = mirror_find(&s->mirror, va, false, &skip_have);

		if (!pte && !have) {
			n = min_u64(skip_pte, skip_have);
			n = min_u64(n, hi - va);
			continue;
		}
		n = min_u64(PAGE_SIZE * 512 - (va & (PAGE_SIZE * 512 - 1)), hi - va);
		err = sync_pages(r, &s->mirror, va, pte, have, n >> PAGE_SHIFT);
	}
	return err;
}

int space_sync(struct host_process *e, struct host_space *s, struct mm *mm)
{
	struct run r = {.e = e, .space = s->space};
	int err = 0;

	for (u32 i = 0; i < s->nstale && !err; i++) {
		u64 lo = round_down(s->stale[i].lo, AROUND), hi = round_up(s->stale[i].hi, AROUND);

		err = sync_range(&r, s, mm, lo, min_u64(hi, kern->user_va_end));
	}
	s->nstale = 0;
	return err ? err : run_end(&r);
}
