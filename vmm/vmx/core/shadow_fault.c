/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * A page fault of the CPU's: the guest's own, or one that the shadow tables have no answer to yet.
 *
 * The guest's tables are walked without the lock, then what was read is put into the shadow under
 * it. Between, another vCPU may write an entry: as long as it does not flush, what was read is
 * what this vCPU's TLB could hold; if anyone flushed, shadow_mmu.sequence moved and the walk is
 * done again. So what goes in is never older than a flush that has begun; what is older than a
 * write that no flush followed is in a page that is unsynced (a synced one's table cannot have
 * been written to), where the flush will find it.
 */
#include "shadow_internal.h"

/* Walks that something overtook, before the guest is let to try again by itself (with which signals
 * and interrupts get their chance). A self-referencing table takes several. */
#define TRIES 32

enum step { AGAIN, DONE };

/* Where the shadow of an access is to go. */
struct install {
	struct vmx_vm *vm;
	struct shadow_mmu *m;
	struct shadow_vcpu *s;
	const struct shadow_walk *w;
	struct vmx_place place;
	struct vmx_frame frame;
	struct shadow_around around;
	uint64_t sequence, frame_sequence;
	bool changed;
};

static bool is_write(const struct shadow_walk *w)
{
	return w->access & PF_WRITE;
}

/* --- links --- */

static void owner_spread(struct shadow_mmu *m, struct shadow_page *p)
{
	p->owner = OWNER_MANY;
	for (uint32_t i = 0, left = p->present; p->level > 1 && left; i++) {
		struct shadow_page *child = shadow_child(m, p, i);

		left -= p->entries[i] != 0;
		if (child && child->owner != OWNER_MANY)
			owner_spread(m, child); /* a level down: two deep at most */
	}
}

/* Pages below one that many roots lead to are so too: loads of any of them compare it. */
static void owner_join(struct shadow_mmu *m, struct shadow_page *child, uint32_t owner)
{
	if (!child->owner)
		child->owner = owner;
	else if (child->owner != owner && child->owner != OWNER_MANY)
		owner_spread(m, child);
}

/* The page that the entry of this level for gva should lead to, and what it should say. Beyond the
 * guest's leaf the direct pages grant everything; the guest's rights are in the link to them. */
static struct shadow_page *child_for(struct install *n, uint32_t level, uint64_t *entry)
{
	const struct shadow_walk *w = n->w;
	bool direct = level <= w->leaf;
	uint64_t guest = w->entry[level < w->leaf ? w->leaf : level];
	uint64_t gfn = (guest & PT_ADDRESS) >> VMX_PAGE_SHIFT;
	struct shadow_page *child;

	if (direct)
		gfn = (w->gpa >> VMX_PAGE_SHIFT) & ~(pt_span(level) - 1);
	*entry = PT_PRESENT | PT_ACCESSED;
	if (level < w->leaf)
		*entry |= PT_WRITE | PT_USER;
	else
		*entry |= guest & (PT_WRITE | PT_USER | PT_NX);
	if (level == w->leaf && !(guest & PT_DIRTY))
		*entry &= ~PT_WRITE;
	child = shadow_page_find(n->m, gfn, level - 1, direct);
	if (!child)
		child = shadow_page_new(n->vm, &n->s->cache, gfn, level - 1, direct);
	*entry |= child->pa;
	return child;
}

static struct shadow_page *link_down(struct install *n, struct shadow_page *p)
{
	uint32_t i = pt_index(n->w->gva, p->level);
	uint64_t entry;
	struct shadow_page *child = child_for(n, p->level, &entry);

	shadow_lru_touch(n->m, child);
	if (p->entries[i] == entry)
		return child;
	n->changed = true;
	if (p->entries[i] && shadow_child(n->m, p, i) == child) {
		shadow_entry_rights(n->m, p, i, entry);
		return child;
	}
	if (p->entries[i])
		shadow_entry_drop(n->m, p, i);
	shadow_page_refresh(n->m, child);
	shadow_entry_set(n->m, p, i, entry, LINK_PAGE | child->id);
	owner_join(n->m, child, p->owner);
	return child;
}

/* --- leaves --- */

/* The right to write is given when the guest's own bits, the slot and the host allow it, and no
 * one wants to know of the first write: a log, a table that is synced. */
static bool may_write(struct install *n, uint64_t gfn, uint64_t frames, bool at_guest_leaf)
{
	uint64_t guest = n->w->entry[n->w->leaf];

	if (at_guest_leaf && (guest & (PT_WRITE | PT_DIRTY)) != (PT_WRITE | PT_DIRTY))
		return false;
	if (!n->place.writable || !n->frame.writable)
		return false;
	if (n->place.logged && !is_write(n->w))
		return false;
	return !shadow_frame_guarded(n->m, gfn, frames);
}

static void leaf_put(struct install *n, struct shadow_page *p, uint64_t entry, uint64_t target)
{
	uint32_t i = pt_index(n->w->gva, p->level);
	uint64_t old = p->entries[i];

	if (old && (shadow_link_at(p, i)->target != target || ((old ^ entry) & PT_ADDRESS))) {
		shadow_entry_drop(n->m, p, i);
		old = 0;
	}
	if (old == entry)
		return;
	n->changed = true;
	if (old)
		shadow_entry_rights(n->m, p, i, entry);
	else
		shadow_entry_set(n->m, p, i, entry, target);
}

static uint64_t leaf_entry(const struct install *n, uint32_t level, bool write)
{
	uint64_t entry = PT_PRESENT | PT_ACCESSED;

	if (level < n->w->leaf)
		entry |= PT_USER;
	else
		entry |= n->w->entry[level] & (PT_USER | PT_NX);
	return write ? entry | PT_WRITE | PT_DIRTY : entry;
}

/* What an entry that is there grants, and may go on to grant: another fault, or this vCPU's reading
 * where that one wrote, got it. */
static bool already_writable(
	const struct install *n, const struct shadow_page *p, uint64_t pa, uint64_t target)
{
	uint64_t guest = n->w->entry[n->w->leaf];
	uint32_t i = pt_index(n->w->gva, p->level);
	uint64_t entry = p->entries[i];

	if (!(entry & PT_WRITE) || (entry & PT_ADDRESS) != pa)
		return false;
	if (shadow_link_at(p, i)->target != target)
		return false;
	return p->level < n->w->leaf || (guest & (PT_WRITE | PT_DIRTY)) == (PT_WRITE | PT_DIRTY);
}

static void leaf_small(struct install *n, struct shadow_page *p)
{
	uint64_t gfn = n->w->gpa >> VMX_PAGE_SHIFT;
	uint64_t pa = n->frame.pa & PT_ADDRESS;
	bool write;

	/* Writing to a table is what makes it unsynced. */
	if (is_write(n->w) && shadow_frame_guarded(n->m, gfn, 1)) {
		shadow_frames_unsync(n->m, gfn, 1);
		n->m->counts.unsynced++;
	}
	write = may_write(n, gfn, 1, n->w->leaf == 1) || already_writable(n, p, pa, gfn);
	leaf_put(n, p, leaf_entry(n, 1, write) | pa, gfn);
	if (write && n->place.logged)
		vmx_mark_dirty(n->vm, n->w->gpa);
}

/* 2 MiB in one entry: if the guest, the slot and the host have it in one piece, nothing in it must
 * be told apart, and nothing in it already is. */
static bool leaf_large(struct install *n, struct shadow_page *p)
{
	uint64_t gfn = (n->w->gpa >> VMX_PAGE_SHIFT) & ~(pt_span(2) - 1);
	uint64_t offset = n->w->gpa & (pt_span(2) - 1) * VMX_PAGE_SIZE;
	uint64_t pa = (n->frame.pa & PT_ADDRESS) - offset;
	bool write;

	if (n->w->leaf < 2 || n->place.level < 2 || n->frame.level < 2)
		return false;
	if ((n->frame.pa & (pt_span(2) - 1) * VMX_PAGE_SIZE) != offset)
		return false;
	if (shadow_child(n->m, p, pt_index(n->w->gva, 2)))
		return false;
	write = may_write(n, gfn, pt_span(2), n->w->leaf == 2) ||
		already_writable(n, p, pa, gfn | LINK_LARGE);
	if (is_write(n->w) && !write)
		return false;
	leaf_put(n, p, leaf_entry(n, 2, write) | PT_LARGE | pa, gfn | LINK_LARGE);
	return true;
}

static void install(struct install *n)
{
	struct shadow_page *p = n->s->root;

	while (p->level > 1) {
		if (p->level == 2 && leaf_large(n, p))
			return;
		p = link_down(n, p);
	}
	leaf_small(n, p);
	shadow_around_put(n->vm, p, n->w, &n->place, n->frame_sequence, &n->around);
}

/* --- verdicts --- */

/*
 * Nothing was missing. Either another vCPU was faster, or this one's TLB knew less than the tables
 * (the fault made it forget that); then the access goes through now. Or the CPU refused for a
 * reason that is not in the entries, SMEP or SMAP where shadow_mode did not tell, or an implicit
 * access by the CPU itself (SDM 4.6.1): that it does again, and it is the guest's.
 */
static enum vmx_fault unexplained(struct install *n, struct vmx_fault_info *info)
{
	struct shadow_vcpu *s = n->s;
	bool suspect = (info->error & PF_PRESENT) && !(info->error & PF_USER) && n->w->user;
	bool again = s->doubtful && s->doubtful_gva == info->gva &&
		     s->doubtful_error == info->error && s->doubtful_changes == n->m->changes;

	s->doubtful = suspect && !again;
	s->doubtful_gva = info->gva;
	s->doubtful_error = info->error;
	s->doubtful_changes = n->m->changes;
	if (!suspect || !again)
		return VMX_FAULT_RESUME;
	info->inject = n->w->access | PF_PRESENT;
	return VMX_FAULT_INJECT;
}

static enum step frame_failed(int error, enum vmx_fault *result)
{
	switch (error) {
	case -EINTR:
		*result = VMX_FAULT_RETRY_LATER;
		break;
	case -ENOMEM:
		*result = VMX_FAULT_ERROR;
		break;
	default:
		*result = VMX_FAULT_MEMORY;
		break;
	}
	return DONE;
}

/* Is what was found without the lock still so? */
static bool overtaken(struct install *n)
{
	struct vmx_place now;

	if (!n->s->root || n->m->sequence != n->sequence)
		return true;
	if (!vmx_place_find(n->vm, n->w->gpa & VMX_PAGE_MASK, &now))
		return true;
	if (now.hva != n->place.hva || now.pages != n->place.pages ||
		now.writable != n->place.writable || now.logged != n->place.logged ||
		now.level != n->place.level)
		return true;
	return n->vm->host->frame_stale(n->vm->host_vm, n->frame_sequence, now.hva);
}

/* The access is allowed: give it a frame. *result is RESUME, and is left so but for DONE. */
static enum step grant(struct install *n, struct vmx_fault_info *info, enum vmx_fault *result)
{
	const struct vmx_host_ops *host = n->vm->host;
	enum step step = AGAIN;
	int error;

	info->gpa = n->w->gpa;
	n->frame_sequence = host->frame_sequence(n->vm->host_vm);
	if (!vmx_place(n->vm, n->w->gpa & VMX_PAGE_MASK, &n->place) ||
		(is_write(n->w) && !n->place.writable)) {
		*result = VMX_FAULT_MMIO; /* to what cannot be written there is nothing */
		return DONE;
	}
	error = host->frame_get(n->vm->host_vm, n->place.hva, is_write(n->w), &n->frame);
	if (error)
		return frame_failed(error, result);
	shadow_around_find(n->vm, n->w, &n->place, n->s->modes, &n->around);
	shadow_lock(n->vm);
	if (!overtaken(n)) {
		shadow_reclaim(n->vm, n->s->root, n->w->gva);
		install(n);
		if (n->changed)
			n->s->doubtful = false;
		else
			*result = unexplained(n, info);
		step = DONE;
	}
	shadow_unlock(n->vm);
	shadow_around_release(n->vm, &n->around);
	host->frame_put(n->vm->host_vm, &n->frame);
	return step;
}

/* What the guest's tables say. A table that is no memory is told with the address of its entry, as
 * with EPT. */
static enum step look(struct install *n, struct shadow_walk *w, struct vmx_fault_info *info,
	enum vmx_fault *result)
{
	switch (shadow_walk(n->vm, n->s->guest_cr3, n->s->modes, info->ac, w)) {
	case WALK_DONE:
		return grant(n, info, result);
	case WALK_CHANGED:
		return AGAIN;
	case WALK_FAULT:
		info->inject = w->error;
		*result = VMX_FAULT_INJECT;
		break;
	case WALK_MMIO:
		info->gpa = w->gpa;
		*result = VMX_FAULT_MMIO;
		break;
	case WALK_MEMORY:
		info->gpa = w->gpa;
		*result = VMX_FAULT_MEMORY;
		break;
	}
	return DONE;
}

/* One walk and what follows from it; false: again. */
static bool attempt(struct vmx_vcpu *v, struct vmx_fault_info *info, enum vmx_fault *result)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_vcpu *s = shadow_of(v);
	struct shadow_walk w = {
		.gva = info->gva,
		.access = info->error & (PF_WRITE | PF_USER | PF_FETCH),
	};
	struct install n = {.vm = vm, .m = shadow_mmu_of(vm), .s = s, .w = &w};
	bool rooted;

	if (vmx_cache_fill(vm, &s->cache, SHADOW_FAULT_COST)) {
		*result = VMX_FAULT_ERROR;
		return true;
	}
	shadow_lock(vm);
	n.sequence = n.m->sequence;
	rooted = s->root;
	shadow_unlock(vm);
	return !rooted || look(&n, &w, info, result) == DONE;
}

enum vmx_fault shadow_fault(struct vmx_vcpu *v, struct vmx_fault_info *info)
{
	struct shadow_counts *counts = &shadow_mmu_of(shadow_vm_of(v))->counts;
	enum vmx_fault result = VMX_FAULT_RESUME;

	for (int i = 0; i < TRIES; i++)
		if (attempt(v, info, &result))
			break;
	__atomic_add_fetch(&counts->faults, 1, __ATOMIC_RELAXED);
	if (result != VMX_FAULT_INJECT)
		return result;
	__atomic_add_fetch(&counts->injected, 1, __ATOMIC_RELAXED);
	shadow_of(v)->doubtful = false;
	return result;
}
