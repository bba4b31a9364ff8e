/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The guest's tables, walked as its CPU would (SDM 4.5 to 4.8): 64-bit mode, four levels, CR0.WP.
 * The accessed bits of what is used, and the dirty bit of what is written, are set in the guest's
 * memory, in one atomic step each and only if the entry is still what was read; an entry in memory
 * that the guest cannot write (a read-only slot) counts as having them.
 */
#include "shadow_internal.h"

uint64_t pt_reserved(uint32_t level, uint64_t entry, uint32_t modes)
{
	uint64_t bits = PT_ADDRESS & ~((1ull << vmx_caps.phys_bits) - 1);

	if (!(modes & SHADOW_NXE))
		bits |= PT_NX;
	if (level == PT_LEVELS)
		bits |= PT_LARGE;
	else if (level > 1 && (entry & PT_LARGE)) /* bit 12 is PAT */
		bits |= (pt_span(level) * VMX_PAGE_SIZE - 1) & ~(2 * VMX_PAGE_SIZE - 1);
	return bits;
}

/* What all levels grant together. */
struct rights {
	bool write, user, fetch;
};

static bool rights_allow(
	const struct rights *r, const struct shadow_walk *w, uint32_t modes, bool ac)
{
	if ((w->access & PF_WRITE) && !r->write)
		return false;
	if ((w->access & PF_FETCH) && !r->fetch)
		return false;
	if (w->access & PF_USER)
		return r->user;
	if (!r->user)
		return true;
	if (w->access & PF_FETCH)
		return !(modes & SHADOW_SMEP);
	/* With neither of these the error code does not tell a fetch from a read. */
	if (!(w->access & PF_WRITE) && !(modes & (SHADOW_NXE | SHADOW_SMEP)))
		return true;
	return ac || !(modes & SHADOW_SMAP);
}

static enum shadow_walked no_memory(struct shadow_walk *w, uint64_t gpa, int error)
{
	w->gpa = gpa;
	return error == -ENXIO ? WALK_MMIO : WALK_MEMORY;
}

static enum shadow_walked fault(struct shadow_walk *w, uint32_t error)
{
	w->error = w->access | error;
	return WALK_FAULT;
}

/* Down to the leaf. */
static enum shadow_walked descend(
	struct vmx_vm *vm, uint64_t table, uint32_t modes, struct shadow_walk *w, struct rights *r)
{
	for (uint32_t level = PT_LEVELS;; level--) {
		uint64_t at = (table & PT_ADDRESS) + pt_index(w->gva, level) * sizeof(uint64_t);
		uint64_t entry = 0;
		int error = vmx_guest_read64(vm, at, &entry);

		if (error)
			return no_memory(w, at, error);
		if (!(entry & PT_PRESENT))
			return fault(w, 0);
		if (entry & pt_reserved(level, entry, modes))
			return fault(w, PF_PRESENT | PF_RESERVED);
		r->write &= !!(entry & PT_WRITE);
		r->user &= !!(entry & PT_USER);
		r->fetch &= !(entry & PT_NX);
		w->at[level] = at;
		w->entry[level] = table = entry;
		w->leaf = level;
		if (pt_is_leaf(entry, level))
			return WALK_DONE;
	}
}

static enum shadow_walked mark(struct vmx_vm *vm, struct shadow_walk *w, uint32_t level)
{
	uint64_t old = w->entry[level], new_value = old | PT_ACCESSED;
	struct vmx_place place;
	int result;

	if (level == w->leaf && (w->access & PF_WRITE))
		new_value |= PT_DIRTY;
	if (new_value == old)
		return WALK_DONE;
	result = vmx_guest_cmpxchg64(vm, w->at[level], old, new_value);
	if (result > 0)
		return WALK_CHANGED;
	if (result < 0 && !vmx_place(vm, w->at[level], &place))
		return no_memory(w, w->at[level], -ENXIO);
	if (result < 0 && place.writable)
		return no_memory(w, w->at[level], result);
	w->entry[level] = new_value;
	return WALK_DONE;
}

enum shadow_walked shadow_walk(
	struct vmx_vm *vm, uint64_t cr3, uint32_t modes, bool ac, struct shadow_walk *w)
{
	struct rights r = {true, true, true};
	enum shadow_walked step = descend(vm, cr3, modes, w, &r);
	uint64_t offset;

	if (step != WALK_DONE)
		return step;
	if (!rights_allow(&r, w, modes, ac))
		return fault(w, PF_PRESENT);
	for (uint32_t level = PT_LEVELS; level >= w->leaf; level--) {
		step = mark(vm, w, level);
		if (step != WALK_DONE)
			return step;
	}
	offset = w->gva & (pt_span(w->leaf) * VMX_PAGE_SIZE - 1);
	w->user = r.user;
	w->gpa = pt_leaf_gfn(w->entry[w->leaf], w->leaf) * VMX_PAGE_SIZE + offset;
	return WALK_DONE;
}
