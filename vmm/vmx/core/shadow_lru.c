/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The order in which shadow pages were of use to a fault or a load of CR3, and what goes when
 * there are too many. That the CPU walks a page is not seen: one that is in use all the time comes
 * back with the next fault.
 */
#include "shadow_internal.h"

/* Room that there must be: what a fault may add, and what a load does. */
#define ROOM 4u

void shadow_lru_add(struct shadow_mmu *m, struct shadow_page *p)
{
	p->lru_prev = 0;
	p->lru_next = m->lru_first;
	if (m->lru_first)
		shadow_page_at(m, m->lru_first)->lru_prev = p->id;
	else
		m->lru_last = p->id;
	m->lru_first = p->id;
}

void shadow_lru_remove(struct shadow_mmu *m, struct shadow_page *p)
{
	if (p->lru_prev)
		shadow_page_at(m, p->lru_prev)->lru_next = p->lru_next;
	else
		m->lru_first = p->lru_next;
	if (p->lru_next)
		shadow_page_at(m, p->lru_next)->lru_prev = p->lru_prev;
	else
		m->lru_last = p->lru_prev;
}

void shadow_lru_touch(struct shadow_mmu *m, struct shadow_page *p)
{
	if (m->lru_first == p->id)
		return;
	shadow_lru_remove(m, p);
	shadow_lru_add(m, p);
}

/* The pages that translate gva come to the front, the root first: it is the last of them then. */
static void path_touch(struct shadow_mmu *m, struct shadow_page *root, uint64_t gva)
{
	for (struct shadow_page *p = root; p;
		p = p->level > 1 ? shadow_child(m, p, pt_index(gva, p->level)) : NULL)
		shadow_lru_touch(m, p);
}

/* From the end of the list, up to `stop`, until no more than `goal` are left. */
static void evict(struct vmx_vm *vm, const struct shadow_page *stop, uint32_t goal, bool used)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);
	uint32_t id = m->lru_last;

	while (m->pages > goal && id && !(stop && id == stop->id)) {
		struct shadow_page *p = shadow_page_at(m, id);

		if (p->users && !used) {
			id = p->lru_prev;
			continue;
		}
		shadow_page_kill(vm, p); /* and perhaps others */
		m->counts.reclaimed++;
		id = m->lru_last;
	}
}

/* A few more than needed go, for the sake of one flush for all. Roots that other vCPUs are using
 * only if it must be. */
void shadow_reclaim(struct vmx_vm *vm, struct shadow_page *root, uint64_t gva)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	path_touch(m, root, gva);
	if (m->pages + ROOM <= m->pages_max)
		return;
	evict(vm, root, m->pages_max - ROOM - m->pages_max / 16, false);
	evict(vm, root, m->pages_max - ROOM, true);
}
