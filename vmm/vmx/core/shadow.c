/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Shadow paging's beginning and end, roots, and its row in the table of MMUs.
 *
 * All of struct shadow_mmu is under the VM's lock (its counts may be read without). A shadow_vcpu
 * is its own thread's, but for root and root_pa, which are under the lock.
 */
#include "shadow_internal.h"

/* Unlike from VM to VM: the guest shall not know which frames share a bucket. */
static uint64_t key_make(const void *state)
{
	uint64_t x = __builtin_ia32_rdtsc() ^ (uint64_t)(uintptr_t)state;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return (x ^ x >> 31) | 1;
}

static int mmu_init(struct vmx_vm *vm)
{
	struct shadow_mmu *m = vm->host->alloc(sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->pages_max = SHADOW_PAGES_MAX;
	m->hash_key = key_make(m);
	m->sequence = 1;
	vm->mmu_state = m;
	return 0;
}

static void mmu_destroy(struct vmx_vm *vm)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	if (!m)
		return;
	shadow_lock(vm);
	shadow_page_kill_all(vm);
	shadow_unlock(vm);
	shadow_page_free_chunks(vm);
	vm->host->free(m);
	vm->mmu_state = NULL;
}

static int mmu_vcpu_init(struct vmx_vcpu *v)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_vcpu *s = shadow_of(v);

	*s = (struct shadow_vcpu){.scratch = vm->host->page_alloc()};
	return s->scratch ? 0 : -ENOMEM;
}

/* --- roots --- */

static void root_set(struct shadow_vcpu *s, struct shadow_page *root)
{
	struct shadow_page *old = s->root;

	if (old)
		old->users--;
	if (root)
		root->users++;
	s->root = root;
	__atomic_store_n(&s->root_pa, root ? root->pa : 0, __ATOMIC_RELAXED);
}

static void mmu_vcpu_destroy(struct vmx_vcpu *v)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_vcpu *s = shadow_of(v);

	if (!s->scratch)
		return;
	shadow_lock(vm);
	root_set(s, NULL);
	shadow_unlock(vm);
	vmx_cache_drain(vm, &s->cache);
	vm->host->page_free(s->scratch);
	s->scratch = NULL;
}

/* The old root is let go first: it may be the one that has to go. */
static int root_load(struct vmx_vm *vm, struct shadow_vcpu *s, uint64_t gfn)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);
	struct shadow_page *root;
	struct vmx_place place;

	root_set(s, NULL);
	if (!vmx_place_find(vm, gfn * VMX_PAGE_SIZE, &place))
		return -EFAULT;
	root = shadow_page_find(m, gfn, PT_LEVELS, false);
	if (!root) {
		shadow_reclaim(vm, NULL, 0);
		root = shadow_page_new(vm, &s->cache, gfn, PT_LEVELS, false);
		root->owner = root->id;
	}
	shadow_lru_touch(m, root);
	root_set(s, root);
	return 0;
}

int shadow_load(struct vmx_vcpu *v, uint64_t cr3)
{
	struct vmx_vm *vm = shadow_vm_of(v);
	struct shadow_vcpu *s = shadow_of(v);
	int result;

	s->guest_cr3 = cr3;
	s->doubtful = false;
	if (vmx_cache_fill(vm, &s->cache, SHADOW_PAGE_COST + 1))
		return -ENOMEM;
	shadow_lock(vm);
	result = root_load(vm, s, (cr3 & PT_ADDRESS) >> VMX_PAGE_SHIFT);
	shadow_root_sync(v);
	shadow_unlock(vm);
	return result;
}

/* --- the host --- */

static bool flush_owed(struct shadow_mmu *m)
{
	bool owed = m->need_flush;

	m->need_flush = false; /* the caller sees to it */
	return owed;
}

/* A table whose frame goes may have other words when it is back, if its slot goes with it: it is
 * compared with the guest's next flush. */
static bool mmu_zap(struct vmx_vm *vm, uint64_t gpa, uint64_t size)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);
	uint64_t first = gpa / VMX_PAGE_SIZE,
		 end = (gpa + size + VMX_PAGE_SIZE - 1) / VMX_PAGE_SIZE;

	shadow_frames_zap(m, first, end - first);
	shadow_frames_unsync(m, first, end - first);
	return flush_owed(m);
}

static bool mmu_protect(struct vmx_vm *vm, uint64_t gpa, uint64_t size)
{
	struct shadow_mmu *m = shadow_mmu_of(vm);

	shadow_frames_protect(m, gpa / VMX_PAGE_SIZE, size / VMX_PAGE_SIZE);
	return flush_owed(m);
}

static void mmu_forget(struct vmx_vm *vm)
{
	shadow_mmu_of(vm)->sequence++;
	shadow_page_kill_all(vm);
	shadow_settle(vm);
}

void shadow_counts(const struct vmx_vm *vm, struct shadow_counts *out)
{
	const struct shadow_mmu *m = shadow_mmu_of(vm);

	*out = m->counts;
	out->pages = m->pages;
}

const struct vmx_mmu_ops vmx_mmu_shadow = {
	.name = "shadow",
	.vm_init = mmu_init,
	.vm_destroy = mmu_destroy,
	.vcpu_init = mmu_vcpu_init,
	.vcpu_destroy = mmu_vcpu_destroy,
	.fault = shadow_fault,
	.zap = mmu_zap,
	.protect = mmu_protect,
	.forget = mmu_forget,
};
