/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * What the guest says about its tables, so that they need not be write-protected.
 *
 * A guest that lies, or forgets, gains nothing. An announcement only ever takes entries out, or has
 * them say what the guest's say: frames come from a fault alone, which has them from the slots and
 * the host under the lock (shadow_fault.c), and the right to write from there too. An entry that
 * should have been announced and was not leads to a frame that the guest has anyway, with the
 * rights of its slot, until the host takes that frame away; and that goes by the reverse map
 * (shadow_map.c), which the guest's tables have no say in. Pages of a root said to be gone that is
 * not, are made again. Nor can it ask for much work: a long range costs one comparison of each page
 * at most.
 */
#include "shadow_internal.h"

/* More than this is compared page by page. */
#define RANGE_MAX (64 * PT_ENTRIES)

/* Compares words of one table with the page made from it. Without the lock. */
static bool words_compare(struct vmx_vcpu *v, uint64_t gfn, uint32_t level, uint32_t first,
	uint32_t n, uint64_t *words)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_mmu *m = shadow_mmu_of(vm);
	struct shadow_page *p;
	bool fixed = false;
	int error = shadow_table_read(vm, gfn, first, n, words, &fixed);

	if (error)
		memset(words, 0, n * sizeof(*words));
	shadow_lock(vm);
	p = shadow_page_find(m, gfn, level, false);
	if (p)
		shadow_page_compare(m, p, words, first, first + n - 1, fixed, shadow_of(v)->modes);
	shadow_unlock(vm);
	return !error;
}

/* The path to gva, and n entries of its last table from there on. By the guest's tables rather than
 * the shadow's: the root that is named need not be one that was ever loaded, and yet shares
 * tables with others. */
static void path_compare(struct vmx_vcpu *v, uint64_t cr3, uint64_t gva, uint32_t n)
{
	uint64_t gfn = (cr3 & PT_ADDRESS) >> VMX_PAGE_SHIFT;
	uint64_t word;

	for (uint32_t level = PT_LEVELS; level > 1; level--) {
		if (!words_compare(v, gfn, level, pt_index(gva, level), 1, &word))
			return;
		if (!(word & PT_PRESENT) || (word & pt_reserved(level, word, shadow_of(v)->modes)))
			return;
		if (pt_is_leaf(word, level))
			return;
		gfn = (word & PT_ADDRESS) >> VMX_PAGE_SHIFT;
	}
	words_compare(v, gfn, 1, pt_index(gva, 1), n, shadow_of(v)->scratch);
}

void shadow_announce_range(struct vmx_vcpu *v, uint64_t cr3, uint64_t gva, uint64_t pages)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_mmu *m = shadow_mmu_of(vm);

	/* Before anything is read, as for any flush: shadow_sync.c. */
	shadow_lock(vm);
	m->sequence++;
	if (pages > RANGE_MAX) {
		shadow_frames_unsync(m, 0, ~0ull);
		shadow_all_sync(v);
	}
	shadow_unlock(vm);
	while (pages && pages <= RANGE_MAX) {
		uint32_t n = PT_ENTRIES - pt_index(gva, 1);

		if (n > pages)
			n = (uint32_t)pages;
		path_compare(v, cr3, gva, n);
		gva += n * VMX_PAGE_SIZE;
		pages -= n;
	}
}

void shadow_announce(struct vmx_vcpu *v, uint64_t cr3, uint64_t gva, uint64_t pages)
{
	__atomic_add_fetch(&shadow_mmu_of(shadow_vm_of(v))->counts.announced, 1, __ATOMIC_RELAXED);
	shadow_announce_range(v, cr3, gva, pages);
}

/* All begins anew: neither were the tables guarded while announcements were on, nor do the pages
 * from before know of changes that no flush told. */
void shadow_announce_mode(struct vmx_vm *vm, bool on)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	shadow_lock(vm);
	if (m->announce != on) {
		m->announce = on;
		m->sequence++;
		shadow_page_kill_all(vm);
	}
	shadow_unlock(vm);
}

void shadow_announce_root_gone(struct vmx_vcpu *v, uint64_t cr3)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_mmu *m = shadow_mmu_of(vm);
	struct shadow_page *root;

	shadow_lock(vm);
	m->sequence++;
	__atomic_add_fetch(&m->counts.announced, 1, __ATOMIC_RELAXED);
	root = shadow_page_find(m, (cr3 & PT_ADDRESS) >> VMX_PAGE_SHIFT, PT_LEVELS, false);
	if (root)
		shadow_page_kill(vm, root);
	shadow_unlock(vm);
}
