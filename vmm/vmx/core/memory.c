/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The slots of guest-physical memory, what is read of them, and the dirty log.
 */
#include "memory.h"
#include "vmx.h"

/* --- finding --- */

static const struct vmx_slot *slot_at(const struct vmx_vm *vm, uint64_t gpa)
{
	for (uint32_t i = 0; i < vm->slots_end; i++) {
		const struct vmx_slot *s = &vm->slots[i];

		if (gpa - s->gpa < s->size)
			return s;
	}
	return NULL;
}

/* A piece of 2 MiB or 1 GiB can be one entry if gpa and hva have the same place in it and the slot
 * holds all of it. */
static uint8_t slot_level(const struct vmx_slot *s, uint64_t gpa)
{
	for (uint8_t level = 3; level > 1; level--) {
		uint64_t size = VMX_PAGE_SIZE << 9 * (level - 1);
		uint64_t start = gpa & ~(size - 1);

		if ((s->gpa ^ s->hva) & (size - 1))
			continue;
		if (start >= s->gpa && start - s->gpa < s->size &&
			s->size - (start - s->gpa) >= size)
			return level;
	}
	return 1;
}

bool vmx_place_find(const struct vmx_vm *vm, uint64_t gpa, struct vmx_place *out)
{
	const struct vmx_slot *s = slot_at(vm, gpa);

	if (!s)
		return false;
	out->slot = (uint32_t)(s - vm->slots);
	out->hva = s->hva + (gpa - s->gpa);
	out->pages = (s->gpa + s->size - gpa + VMX_PAGE_SIZE - 1) / VMX_PAGE_SIZE;
	out->writable = !(s->flags & VMX_SLOT_READONLY);
	out->logged = s->flags & VMX_SLOT_LOG;
	out->level = out->logged ? 1 : slot_level(s, gpa);
	return true;
}

bool vmx_place(struct vmx_vm *vm, uint64_t gpa, struct vmx_place *out)
{
	bool found;

	vm->host->lock(vm->host_vm);
	found = vmx_place_find(vm, gpa, out);
	vm->host->unlock(vm->host_vm);
	return found;
}

/* --- the guest's memory, read --- */

int vmx_guest_read64(struct vmx_vm *vm, uint64_t gpa, uint64_t *value)
{
	struct vmx_place p;

	if (gpa & 7)
		return -EINVAL;
	if (!vmx_place(vm, gpa, &p))
		return -ENXIO;
	return vm->host->user_read(vm->host_vm, p.hva, value, sizeof(*value));
}

int vmx_guest_read_page(struct vmx_vm *vm, uint64_t gpa, void *page)
{
	struct vmx_place p;

	if (!vmx_place(vm, gpa & VMX_PAGE_MASK, &p))
		return -ENXIO;
	return vm->host->user_read(vm->host_vm, p.hva, page, VMX_PAGE_SIZE);
}

int vmx_guest_cmpxchg64(struct vmx_vm *vm, uint64_t gpa, uint64_t old, uint64_t new_value)
{
	struct vmx_place p;
	int result;

	if (gpa & 7)
		return -EINVAL;
	if (!vmx_place(vm, gpa, &p))
		return -ENXIO;
	if (!p.writable)
		return -EFAULT;
	result = vm->host->user_cmpxchg64(vm->host_vm, p.hva, old, new_value);
	if (result == 0 && p.logged) {
		vm->host->lock(vm->host_vm);
		vmx_mark_dirty(vm, gpa);
		vm->host->unlock(vm->host_vm);
	}
	return result;
}

/* --- slots --- */

/* Of the words that abi.h gives back: also the largest slot's must be small enough to allocate. */
static size_t dirty_words(uint64_t size)
{
	return (size_t)((size / VMX_PAGE_SIZE + 63) / 64);
}

static bool slot_valid(const struct sbv_memory *m)
{
	uint64_t top = 1ull << vmx_caps.phys_bits;

	if (m->slot >= VMX_SLOTS || (m->flags & ~(SBV_MEM_READONLY | SBV_MEM_LOG)))
		return false;
	if ((m->gpa | m->hva | m->size) & (VMX_PAGE_SIZE - 1))
		return false;
	return m->gpa < top && m->size <= top - m->gpa && m->hva + m->size >= m->hva;
}

static bool slot_overlaps(const struct vmx_vm *vm, const struct sbv_memory *m)
{
	for (uint32_t i = 0; i < VMX_SLOTS; i++) {
		const struct vmx_slot *s = &vm->slots[i];

		if (i != m->slot && s->size && m->size && m->gpa < s->gpa + s->size &&
			s->gpa < m->gpa + m->size)
			return true;
	}
	return false;
}

/* A slot that is in use may only go, or change its flags. */
static int slot_change_allowed(const struct vmx_vm *vm, const struct sbv_memory *m)
{
	const struct vmx_slot *s = &vm->slots[m->slot];

	if (slot_overlaps(vm, m))
		return -EEXIST;
	if (s->size && m->size && (s->size != m->size || s->gpa != m->gpa || s->hva != m->hva))
		return -EEXIST;
	return 0;
}

/* The tables are made anew from the slot as it is now. Lock held. */
static void slot_replace(struct vmx_vm *vm, const struct sbv_memory *m, uint64_t *dirty)
{
	struct vmx_slot *s = &vm->slots[m->slot];
	bool flush = s->size && vm->mmu->zap(vm, s->gpa, s->size);

	*s = (struct vmx_slot){0};
	if (m->size)
		*s = (struct vmx_slot){m->gpa, m->hva, m->size, m->flags, dirty};
	if (m->slot >= vm->slots_end)
		vm->slots_end = m->slot + 1;
	if (flush)
		vmx_flush_tlbs(vm);
}

int vmx_vm_set_memory(struct vmx_vm *vm, const struct sbv_memory *m)
{
	uint64_t *dirty = NULL, *old;
	int result;

	if (!slot_valid(m))
		return -EINVAL;
	if (m->size && (m->flags & SBV_MEM_LOG)) {
		dirty = vm->host->alloc(dirty_words(m->size) * sizeof(*dirty));
		if (!dirty)
			return -ENOMEM;
	}
	vm->host->lock(vm->host_vm);
	result = slot_change_allowed(vm, m);
	old = dirty;
	if (!result) {
		old = vm->slots[m->slot].dirty;
		slot_replace(vm, m, dirty);
	}
	vm->host->unlock(vm->host_vm);
	if (old)
		vm->host->free(old);
	return result;
}

bool vmx_vm_zap_hva(struct vmx_vm *vm, uint64_t start, uint64_t end)
{
	bool flush = false;

	for (uint32_t i = 0; i < vm->slots_end; i++) {
		const struct vmx_slot *s = &vm->slots[i];
		uint64_t from = start > s->hva ? start : s->hva;
		uint64_t to = end < s->hva + s->size ? end : s->hva + s->size;

		if (from < to)
			flush |= vm->mmu->zap(vm, s->gpa + (from - s->hva), to - from);
	}
	return flush;
}

void vmx_vm_forget(struct vmx_vm *vm)
{
	vm->host->lock(vm->host_vm);
	vm->mmu->forget(vm);
	vmx_flush_tlbs(vm);
	vm->host->unlock(vm->host_vm);
}

void vmx_flush_tlbs(struct vmx_vm *vm)
{
	__atomic_add_fetch(&vm->tlb_generation, 1, __ATOMIC_SEQ_CST);
	vm->host->leave_guest(vm->host_vm);
}

/* --- the dirty log --- */

void vmx_mark_dirty(struct vmx_vm *vm, uint64_t gpa)
{
	const struct vmx_slot *s = slot_at(vm, gpa);
	uint64_t page;

	if (!s || !s->dirty)
		return;
	page = (gpa - s->gpa) / VMX_PAGE_SIZE;
	s->dirty[page / 64] |= 1ull << page % 64;
}

int vmx_vm_slot_pages(struct vmx_vm *vm, uint32_t slot, uint64_t *pages)
{
	if (slot >= VMX_SLOTS)
		return -EINVAL;
	vm->host->lock(vm->host_vm);
	*pages = vm->slots[slot].dirty ? vm->slots[slot].size / VMX_PAGE_SIZE : 0;
	vm->host->unlock(vm->host_vm);
	return *pages ? 0 : -ENOENT;
}

/* Pages that are reported are protected again before the answer is given: what is written from
 * then on is in the next. */
int vmx_vm_dirty_log(struct vmx_vm *vm, uint32_t slot, uint64_t *bitmap, size_t words)
{
	struct vmx_slot *s;
	int result = 0;

	if (slot >= VMX_SLOTS)
		return -EINVAL;
	s = &vm->slots[slot];
	vm->host->lock(vm->host_vm);
	if (!s->dirty) {
		result = -ENOENT;
	} else if (words != dirty_words(s->size)) {
		result = -EINVAL; /* the slot changed meanwhile */
	} else {
		memcpy(bitmap, s->dirty, words * sizeof(*bitmap));
		memset(s->dirty, 0, words * sizeof(*bitmap));
		if (vm->mmu->protect(vm, s->gpa, s->size))
			vmx_flush_tlbs(vm);
	}
	vm->host->unlock(vm->host_vm);
	return result;
}

/* --- pages for tables --- */

int vmx_cache_fill(struct vmx_vm *vm, struct vmx_page_cache *c, uint32_t n)
{
	while (c->n < n) {
		void *page = vm->host->page_alloc();

		if (!page)
			return -ENOMEM;
		c->page[c->n++] = page;
	}
	return 0;
}

void *vmx_cache_take(struct vmx_page_cache *c)
{
	return c->page[--c->n];
}

void vmx_cache_drain(struct vmx_vm *vm, struct vmx_page_cache *c)
{
	while (c->n)
		vm->host->page_free(c->page[--c->n]);
}
