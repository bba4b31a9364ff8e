/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Tables that the guest writes to, and when the pages made from them are read anew.
 *
 * A page starts unsynced. The next flush of the guest's that concerns it first write-protects the
 * table (stale), then reads it and takes out of the page what the table no longer says (synced);
 *the guest's next write to the table faults, and it is unsynced again. So
 *
 *	a synced page holds what its table says, or less;
 *	any other page is in the list, and every flush that could make the guest expect something
 *	new of it compares it.
 *
 * What is in an unsynced page beyond its table is what a TLB or a paging-structure cache may have
 * kept (SDM 4.10). Which flush concerns which page: INVLPG those of levels 2 to 4, as it empties
 * the paging-structure caches, and the one for its address; a load of CR3 those below that root,
 * found by their owner; a change of mode all.
 *
 * Races. (1) A fault reads an entry, another vCPU writes it and flushes, the fault installs what
 * it read: every flush advances shadow_mmu.sequence before it reads anything, and a fault that
 * finds it advanced walks again. (2) Two vCPUs flush: a stale page stays in the list until one of
 * them has compared it, so the other compares it too rather than go on too early. (3) The table is
 * written again while it is being read: it is unsynced (its epoch moved), and stays listed.
 * Comparing with a table read too early takes out too much at worst, which the next fault mends.
 *
 * With announcements on no table is write-protected, and no flush compares anything.
 */
#include "shadow_internal.h"

/* --- the list --- */

static void list_add(struct shadow_mmu *m, struct shadow_page *p)
{
	p->list_prev = 0;
	p->list_next = m->listed;
	if (m->listed)
		shadow_page_at(m, m->listed)->list_prev = p->id;
	m->listed = p->id;
}

void shadow_page_unlist(struct shadow_mmu *m, struct shadow_page *p)
{
	if (p->list_prev)
		shadow_page_at(m, p->list_prev)->list_next = p->list_next;
	else
		m->listed = p->list_next;
	if (p->list_next)
		shadow_page_at(m, p->list_next)->list_prev = p->list_prev;
}

void shadow_page_unsync(struct shadow_mmu *m, struct shadow_page *p)
{
	if (p->state == SHADOW_UNSYNCED)
		return;
	if (p->state == SHADOW_SYNCED)
		list_add(m, p);
	p->state = SHADOW_UNSYNCED;
	p->epoch++;
}

/* --- frames that are tables --- */

bool shadow_frame_guarded(struct shadow_mmu *m, uint64_t gfn, uint64_t n)
{
	if (m->announce)
		return false;
	for (uint64_t f = gfn; f < gfn + n; f++) {
		const struct shadow_page *p = shadow_table_first(m, f);

		for (; p; p = shadow_table_next(m, p))
			if (p->state != SHADOW_UNSYNCED)
				return true;
	}
	return false;
}

void shadow_frames_unsync(struct shadow_mmu *m, uint64_t gfn, uint64_t n)
{
	if (n > m->ids) {
		for (uint32_t id = 1; id <= m->ids; id++) {
			struct shadow_page *p = shadow_page_at(m, id);

			if (p->live && !p->direct && p->gfn - gfn < n)
				shadow_page_unsync(m, p);
		}
		return;
	}
	for (uint64_t f = gfn; f < gfn + n; f++) {
		struct shadow_page *p = shadow_table_first(m, f);

		for (; p; p = shadow_table_next(m, p))
			shadow_page_unsync(m, p);
	}
}

/*
 * A flush by those who used the page until now has not happened, or a load of the new root's did
 * not know that the page would belong to it: what is not known to be true goes, in it and below.
 * The typical case is a frame that was a table of a process that is gone. With announcements the
 * guest has said what changed.
 */
void shadow_page_refresh(struct shadow_mmu *m, struct shadow_page *p)
{
	if (m->announce || p->direct || !p->present)
		return;
	if (p->state != SHADOW_SYNCED)
		shadow_page_empty(m, p);
	if (p->level == 1)
		return;
	for (uint32_t id = m->listed; id; id = shadow_page_at(m, id)->list_next) {
		struct shadow_page *q = shadow_page_at(m, id);

		if (q->level < p->level && (q->owner == OWNER_MANY || q->owner == p->owner))
			shadow_page_empty(m, q);
	}
}

/* --- comparing --- */

static bool target_says(
	struct shadow_mmu *m, const struct shadow_page *p, uint32_t index, uint64_t guest)
{
	uint64_t target = shadow_link_at(p, index)->target;
	const struct shadow_page *child = shadow_child(m, p, index);
	bool leaf = pt_is_leaf(guest, p->level);
	uint64_t gfn = leaf ? pt_leaf_gfn(guest, p->level) : (guest & PT_ADDRESS) >> VMX_PAGE_SHIFT;

	if (child)
		return child->direct == leaf && child->gfn == gfn;
	return leaf && (target & LINK_FRAME) == gfn && !!(target & LINK_LARGE) == (p->level == 2);
}

/* The entry with the rights that the table's word gives now, and no right to write that it had not;
 * 0: it leads elsewhere, or must be absent until it is used again. */
static uint64_t entry_now(struct shadow_mmu *m, const struct shadow_page *p, uint32_t index,
	uint64_t guest, uint32_t modes)
{
	uint64_t entry = p->entries[index];

	if (!(guest & PT_PRESENT) || !(guest & PT_ACCESSED))
		return 0;
	if (guest & pt_reserved(p->level, guest, modes))
		return 0;
	if (!target_says(m, p, index, guest))
		return 0;
	entry = (entry & ~(PT_USER | PT_NX)) | (guest & (PT_USER | PT_NX));
	if (!(guest & PT_WRITE) || (pt_is_leaf(guest, p->level) && !(guest & PT_DIRTY)))
		entry &= ~(PT_WRITE | PT_DIRTY);
	return entry;
}

void shadow_page_compare(struct shadow_mmu *m, struct shadow_page *p, const uint64_t *words,
	uint32_t first, uint32_t last, bool fixed, uint32_t modes)
{
	for (uint32_t i = first; i <= last && p->present; i++) {
		uint64_t guest = words[i - first] | (fixed ? PT_ACCESSED | PT_DIRTY : 0), now;

		if (!p->entries[i])
			continue;
		now = entry_now(m, p, i, guest, modes);
		if (!now)
			shadow_entry_drop(m, p, i);
		else if (now != p->entries[i])
			shadow_entry_rights(m, p, i, now);
	}
}

int shadow_table_read(
	struct vmx_vm *vm, uint64_t gfn, uint32_t first, uint32_t n, uint64_t *words, bool *fixed)
{
	struct vmx_place place;

	if (!vmx_place(vm, gfn * VMX_PAGE_SIZE, &place))
		return -ENXIO;
	*fixed = !place.writable;
	return vm->host->user_read(
		vm->host_vm, place.hva + first * sizeof(*words), words, n * sizeof(*words));
}

/* --- flushes of the guest's --- */

/* Which pages: of this root's (its id), of the upper levels, this one, all; 0 and false: none. */
struct flush {
	uint32_t root, page;
	bool upper, all;
	uint64_t start;
};

static bool flush_wants(const struct flush *f, const struct shadow_page *p)
{
	if (p->checked >= f->start)
		return false;
	return f->all || p->id == f->page || (f->upper && p->level > 1) ||
	       (f->root && (p->owner == f->root || p->owner == OWNER_MANY));
}

/* Those wanted are write-protected, and come to the front of the list. */
static void flush_begin(struct shadow_mmu *m, struct flush *f)
{
	uint32_t next;

	f->start = ++m->sequence;
	for (uint32_t id = m->listed; id; id = next) {
		struct shadow_page *p = shadow_page_at(m, id);

		next = p->list_next;
		if (!flush_wants(f, p))
			continue;
		shadow_page_unlist(m, p);
		list_add(m, p);
		if (p->state == SHADOW_STALE || m->announce)
			continue;
		p->state = SHADOW_STALE;
		shadow_frames_protect(m, p->gfn, 1);
	}
}

static struct shadow_page *flush_next(struct shadow_mmu *m, const struct flush *f)
{
	for (uint32_t id = m->listed; id; id = shadow_page_at(m, id)->list_next)
		if (flush_wants(f, shadow_page_at(m, id)))
			return shadow_page_at(m, id);
	return NULL;
}

/* The lock is held, and dropped while the table is read. */
static void page_sync(struct vmx_vcpu *v, struct shadow_page *p)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_mmu *m = shadow_mmu_of(vm);
	struct shadow_vcpu *s = shadow_of(v);
	uint64_t serial = p->serial, gfn = p->gfn, at = m->sequence;
	uint32_t epoch = p->epoch;
	bool fixed = false;
	int error;

	shadow_unlock(vm); /* with the flush that the protection needs */
	error = shadow_table_read(vm, gfn, 0, PT_ENTRIES, s->scratch, &fixed);
	shadow_lock(vm);
	if (!p->live || p->serial != serial)
		return;
	if (error)
		shadow_page_empty(m, p);
	else
		shadow_page_compare(m, p, s->scratch, 0, PT_ENTRIES - 1, fixed, s->modes);
	if (at > p->checked)
		p->checked = at;
	m->counts.synced++;
	if (!error && p->state == SHADOW_STALE && p->epoch == epoch) {
		p->state = SHADOW_SYNCED;
		shadow_page_unlist(m, p);
	}
}

/* The lock is held. */
static void flush(struct vmx_vcpu *v, struct flush *f)
{
	struct shadow_mmu *m = shadow_mmu_of(shadow_vm_of(v));
	struct shadow_page *p;

	flush_begin(m, f);
	for (p = flush_next(m, f); p; p = flush_next(m, f))
		page_sync(v, p);
}

void shadow_invlpg(struct vmx_vcpu *v, uint64_t gva)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_mmu *m = shadow_mmu_of(vm);
	struct shadow_page *p;
	struct flush f = {.upper = true};

	if (m->announce) {
		shadow_announce_range(v, shadow_of(v)->guest_cr3, gva, 1);
		return;
	}
	shadow_lock(vm);
	for (p = shadow_of(v)->root; p && p->level > 1;)
		p = shadow_child(m, p, pt_index(gva, p->level));
	f.page = p ? p->id : 0;
	flush(v, &f);
	shadow_unlock(vm);
}

/* The TLBs are flushed in any case, as a MOV to CR4 would (SDM 4.10.4.1): what they hold was
 * checked against the old modes. */
void shadow_mode(struct vmx_vcpu *v, uint32_t modes)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_mmu *m = shadow_mmu_of(vm);

	shadow_of(v)->modes = modes;
	shadow_lock(vm);
	m->need_flush = true;
	if (!m->announce)
		flush(v, &(struct flush){.all = true});
	shadow_unlock(vm);
}

void shadow_root_sync(struct vmx_vcpu *v)
{
	struct shadow_mmu *m = shadow_mmu_of(shadow_vm_of(v));
	const struct shadow_page *root = shadow_of(v)->root;

	if (root && !m->announce)
		flush(v, &(struct flush){.root = root->id});
}

void shadow_all_sync(struct vmx_vcpu *v)
{
	flush(v, &(struct flush){.all = true});
}
