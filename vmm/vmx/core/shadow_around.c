/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * The pages behind the one that faulted: if the guest has them next to it in its table, and used
 * them before (accessed), and they are next to it in memory, and the host has them at hand, they
 * come with it. So a range that lost its entries, or a table that was copied by fork, comes back
 * with a sixteenth of the faults. Nothing of the guest's is changed for it: no bit is set, no log
 * written, no table unsynced.
 */
#include "shadow_internal.h"

/* What the guest's entry must have to be writable at once. */
#define WRITTEN (PT_WRITE | PT_DIRTY)

/* Could this entry, `i` behind the one that faulted, come with it? */
static bool word_fits(const struct shadow_walk *w, uint64_t word, uint32_t i, uint32_t modes)
{
	if (!(word & PT_PRESENT) || !(word & PT_ACCESSED))
		return false;
	if (word & pt_reserved(1, word, modes))
		return false;
	return pt_leaf_gfn(word, 1) == (w->gpa >> VMX_PAGE_SHIFT) + i;
}

/* Words are read one by one: each must be one that was there. */
static uint32_t words_find(struct vmx_vm *vm, const struct shadow_walk *w, uint32_t modes,
	uint32_t limit, struct shadow_around *a)
{
	struct vmx_place table;
	uint32_t i = 1;

	if (!vmx_place(vm, w->at[1] & VMX_PAGE_MASK, &table))
		return 0;
	table.hva += w->at[1] & (VMX_PAGE_SIZE - 1);
	for (; i <= limit; i++) {
		uint64_t *word = &a->word[i - 1];

		if (vm->host->user_read(
			    vm->host_vm, table.hva + i * sizeof(*word), word, sizeof(*word)))
			break;
		if (!word_fits(w, *word, i, modes))
			break;
	}
	return i - 1;
}

static uint32_t limit_of(const struct shadow_walk *w, const struct vmx_place *place)
{
	uint64_t in_group = SHADOW_AROUND - pt_index(w->gva, 1) % (SHADOW_AROUND + 1);

	if (w->leaf != 1 || place->logged)
		return 0;
	return (uint32_t)(in_group < place->pages - 1 ? in_group : place->pages - 1);
}

void shadow_around_find(struct vmx_vm *vm, const struct shadow_walk *w,
	const struct vmx_place *place, uint32_t modes, struct shadow_around *a)
{
	const struct vmx_host_ops *host = vm->host;
	uint64_t hva = place->hva + VMX_PAGE_SIZE;
	uint32_t limit = limit_of(w, place), n;
	bool write = false;

	a->n = 0;
	n = limit ? words_find(vm, w, modes, limit, a) : 0;
	for (uint32_t i = 0; i < n; i++)
		write |= (a->word[i] & WRITTEN) == WRITTEN;
	if (write && place->writable)
		a->n = host->frames_at_hand(vm->host_vm, hva, true, n, a->frame);
	if (n && !a->n)
		a->n = host->frames_at_hand(vm->host_vm, hva, false, n, a->frame);
}

void shadow_around_put(struct vmx_vm *vm, struct shadow_page *p, const struct shadow_walk *w,
	const struct vmx_place *place, uint64_t sequence, const struct shadow_around *a)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);
	uint32_t index = pt_index(w->gva, 1) + 1;

	for (uint32_t i = 0; i < a->n; i++) {
		uint64_t gfn = (w->gpa >> VMX_PAGE_SHIFT) + i + 1;
		uint64_t hva = place->hva + (i + 1) * VMX_PAGE_SIZE;
		uint64_t entry = PT_PRESENT | PT_ACCESSED | (a->word[i] & (PT_USER | PT_NX));

		if (p->entries[index + i] || vm->host->frame_stale(vm->host_vm, sequence, hva))
			continue;
		if ((a->word[i] & WRITTEN) == WRITTEN && place->writable && a->frame[i].writable &&
			!shadow_frame_guarded(m, gfn, 1))
			entry |= WRITTEN;
		shadow_entry_set(m, p, index + i, entry | (a->frame[i].pa & PT_ADDRESS), gfn);
	}
}

void shadow_around_release(struct vmx_vm *vm, struct shadow_around *a)
{
	for (uint32_t i = 0; i < a->n; i++)
		vm->host->frame_put(vm->host_vm, &a->frame[i]);
}
