/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Shadow pages: found by the table that they were made from, made, and taken apart.
 *
 * A page lives as long as a link leads to it; a root (level 4) has none and lives until it is
 * reclaimed or its table is announced as gone. Links lead one level down, so there is no cycle,
 * whatever the guest's tables say. What dies is freed by shadow_settle, after the TLBs forgot it:
 * until then a CPU may still walk it.
 */
#include "shadow_internal.h"

_Static_assert(sizeof(struct shadow_page) <= 128, "a descriptor is small next to its page");
_Static_assert(SHADOW_FAULT_COST <= VMX_CACHE_PAGES, "a fault's pages come from the cache");

/* Multiply-shift with an odd factor that the guest does not know: it cannot choose frames that
 * share a bucket. */
static uint32_t *hash_head(struct shadow_mmu *m, uint64_t gfn)
{
	return &m->hash[((gfn + 1) * m->hash_key) >> 32 & (SHADOW_HASH - 1)];
}

/* --- finding --- */

struct shadow_page *shadow_page_find(
	struct shadow_mmu *m, uint64_t gfn, uint32_t level, bool direct)
{
	for (uint32_t id = *hash_head(m, gfn); id; id = shadow_page_at(m, id)->hash_next) {
		struct shadow_page *p = shadow_page_at(m, id);

		if (p->gfn == gfn && p->level == level && p->direct == direct)
			return p;
	}
	return NULL;
}

static struct shadow_page *table_from(struct shadow_mmu *m, uint32_t id, uint64_t gfn)
{
	for (; id; id = shadow_page_at(m, id)->hash_next) {
		struct shadow_page *p = shadow_page_at(m, id);

		if (p->gfn == gfn && !p->direct)
			return p;
	}
	return NULL;
}

struct shadow_page *shadow_table_first(struct shadow_mmu *m, uint64_t gfn)
{
	return table_from(m, *hash_head(m, gfn), gfn);
}

struct shadow_page *shadow_table_next(struct shadow_mmu *m, const struct shadow_page *p)
{
	return table_from(m, p->hash_next, p->gfn);
}

/* --- making --- */

static uint32_t descriptor_take(struct vmx_vm *vm, struct vmx_page_cache *c)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);
	uint32_t id = m->free;

	if (id) {
		m->free = shadow_page_at(m, id)->doomed_next;
		return id;
	}
	id = ++m->ids;
	if (!m->chunk[(id - 1) / SHADOW_CHUNK]) {
		m->chunk[(id - 1) / SHADOW_CHUNK] = vmx_cache_take(c);
		vm->table_pages++;
	}
	return id;
}

struct shadow_page *shadow_page_new(
	struct vmx_vm *vm, struct vmx_page_cache *c, uint64_t gfn, uint32_t level, bool direct)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);
	uint32_t id = descriptor_take(vm, c);
	struct shadow_page *p = shadow_page_at(m, id);
	uint32_t *head = hash_head(m, gfn);

	*p = (struct shadow_page){
		.id = id,
		.gfn = gfn,
		.level = (uint8_t)level,
		.direct = direct,
		.live = true,
		.serial = ++m->serials,
		.checked = m->sequence,
		.hash_next = *head,
	};
	*head = id;
	p->entries = vmx_cache_take(c);
	p->pa = vm->host->page_pa(p->entries);
	p->links[0] = vmx_cache_take(c);
	p->links[1] = vmx_cache_take(c);
	vm->table_pages += SHADOW_PAGE_COST;
	m->pages++;
	shadow_lru_add(m, p);
	/* Its table may be half built: that it is not write-protected before the guest's first
	 * flush spares a fault for each entry. And what a walk read of it before this moment may be
	 * old, which is what "unsynced" means. */
	if (!direct)
		shadow_page_unsync(m, p);
	return p;
}

/* --- taking apart --- */

static void unhash(struct shadow_mmu *m, const struct shadow_page *p)
{
	uint32_t *at = hash_head(m, p->gfn);

	while (*at != p->id)
		at = &shadow_page_at(m, *at)->hash_next;
	*at = p->hash_next;
}

static void users_detach(struct vmx_vm *vm, struct shadow_page *p)
{
	for (uint32_t i = 0; i < SBV_VCPUS_MAX && p->users; i++) {
		struct shadow_vcpu *s = vm->vcpus[i] ? shadow_of(vm->vcpus[i]) : NULL;

		if (!s || s->root != p)
			continue;
		s->root = NULL;
		__atomic_store_n(&s->root_pa, 0, __ATOMIC_RELAXED);
		p->users--;
	}
}

static void bury(struct shadow_mmu *m, struct shadow_page *p)
{
	p->doomed_next = m->dead;
	m->dead = p->id;
}

/* One that is in the list of the doomed goes to the dead when its turn comes. */
static void dismantle(struct vmx_vm *vm, struct shadow_page *p)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	users_detach(vm, p);
	while (p->parents)
		shadow_entry_drop(
			m, shadow_page_at(m, p->parents / PT_ENTRIES), p->parents % PT_ENTRIES);
	shadow_page_empty(m, p);
	if (p->state != SHADOW_SYNCED)
		shadow_page_unlist(m, p);
	shadow_lru_remove(m, p);
	unhash(m, p);
	p->live = false;
	m->pages--;
	m->need_flush = true;
	if (!p->doomed)
		bury(m, p);
}

void shadow_page_doom(struct shadow_mmu *m, struct shadow_page *p)
{
	if (p->doomed || !p->live)
		return;
	p->doomed = true;
	p->doomed_next = m->doomed;
	m->doomed = p->id;
}

/* Which dooms more: no recursion. */
static void doomed_judge(struct vmx_vm *vm)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	while (m->doomed) {
		struct shadow_page *p = shadow_page_at(m, m->doomed);

		m->doomed = p->doomed_next;
		p->doomed = false;
		if (!p->live)
			bury(m, p);
		else if (!p->parents)
			dismantle(vm, p);
	}
}

void shadow_page_kill(struct vmx_vm *vm, struct shadow_page *p)
{
	dismantle(vm, p);
	doomed_judge(vm);
}

static void dead_free(struct vmx_vm *vm)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	while (m->dead) {
		struct shadow_page *p = shadow_page_at(m, m->dead);

		m->dead = p->doomed_next;
		vm->host->page_free(p->links[1]);
		vm->host->page_free(p->links[0]);
		vm->host->page_free(p->entries);
		p->entries = NULL;
		vm->table_pages -= SHADOW_PAGE_COST;
		p->doomed_next = m->free;
		m->free = p->id;
	}
}

void shadow_settle(struct vmx_vm *vm)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	doomed_judge(vm);
	if (m->need_flush) {
		m->need_flush = false;
		vmx_flush_tlbs(vm);
	}
	dead_free(vm);
}

void shadow_page_kill_all(struct vmx_vm *vm)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	while (m->lru_last)
		shadow_page_kill(vm, shadow_page_at(m, m->lru_last));
}

void shadow_page_free_chunks(struct vmx_vm *vm)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	for (uint32_t i = 0; i < VMX_ARRAY_SIZE(m->chunk) && m->chunk[i]; i++) {
		vm->host->page_free(m->chunk[i]);
		vm->table_pages--;
	}
}
