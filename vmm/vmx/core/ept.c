/* SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
 *
 * Extended page tables (SDM 28.3): from guest-physical to host-physical addresses, four levels. An
 * entry appears at the violation that wants it and goes when the host takes the page. All memory is
 * write-back, whatever the guest's tables and MTRRs say.
 */
#include "vcpu.h"

#define EPT_READ       1ull
#define EPT_WRITE      2ull
#define EPT_EXECUTE    4ull
#define EPT_PRESENT    7ull
#define EPT_WRITE_BACK (6ull << 3)
#define EPT_IGNORE_PAT (1ull << 6)
#define EPT_LARGE      (1ull << 7)
#define EPT_ACCESSED   (1ull << 8) /* with EPTP_AD */
#define EPT_DIRTY      (1ull << 9)
#define EPT_ADDRESS    0x000ffffffffff000ull

#define EPTP_WALK_4 (3ull << 3)
#define EPTP_AD	    (1ull << 6)

#define LEVELS 4
#define AROUND 16 /* pages: 64 KiB, as the host's own fault-around */

static uint32_t index_at(uint64_t gpa, int level)
{
	return (uint32_t)(gpa >> (VMX_PAGE_SHIFT + 9 * (level - 1))) & 511;
}

static uint64_t size_at(int level)
{
	return VMX_PAGE_SIZE << 9 * (level - 1);
}

static bool is_leaf(uint64_t entry, int level)
{
	return level == 1 || (entry & EPT_LARGE);
}

/* The CPUs walk the tables meanwhile. */
static void entry_set(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

static uint64_t *table_of(const struct vmx_vm *vm, uint64_t entry)
{
	return vm->host->page_va(entry & EPT_ADDRESS);
}

/* The entry for gpa at the lowest level that there is, down to `bottom`; its level in *level. */
static uint64_t *entry_find(const struct vmx_vm *vm, uint64_t gpa, int bottom, int *level)
{
	uint64_t *table = vm->mmu_state;

	for (int l = LEVELS;; l--) {
		uint64_t *entry = &table[index_at(gpa, l)];

		if (l == bottom || !(*entry & EPT_PRESENT) || is_leaf(*entry, l)) {
			*level = l;
			return entry;
		}
		table = table_of(vm, *entry);
	}
}

/* --- the operations --- */

static int ept_vm_init(struct vmx_vm *vm)
{
	vm->mmu_state = vm->host->page_alloc();
	if (!vm->mmu_state)
		return -ENOMEM;
	vm->table_pages = 1;
	vm->ept_root = vm->host->page_pa(vm->mmu_state) | EPTP_WALK_4 | 6 | /* 6: write-back */
		       (vmx_caps.pml ? EPTP_AD : 0);
	return 0;
}

static void free_tables(struct vmx_vm *vm, uint64_t *table, int level)
{
	for (int i = 0; level > 1 && i < 512; i++)
		if ((table[i] & EPT_PRESENT) && !is_leaf(table[i], level))
			free_tables(vm, table_of(vm, table[i]), level - 1);
	vm->host->page_free(table);
	vm->table_pages--;
}

static void ept_vm_destroy(struct vmx_vm *vm)
{
	if (vm->mmu_state)
		free_tables(vm, vm->mmu_state, LEVELS);
}

static int ept_vcpu_init(struct vmx_vcpu *v)
{
	v->pml = vmx_caps.pml ? v->vm->host->page_alloc() : NULL;
	return vmx_caps.pml && !v->pml ? -ENOMEM : 0;
}

static void ept_vcpu_destroy(struct vmx_vcpu *v)
{
	if (v->pml)
		v->vm->host->page_free(v->pml);
}

/* Tables down to the level, from the cache. A large entry in the way goes: true. */
static bool tables_make(struct vmx_vcpu *v, uint64_t gpa, int bottom, uint64_t **out)
{
	bool removed = false;
	int level;

	for (;;) {
		uint64_t *entry = entry_find(v->vm, gpa, bottom, &level);

		*out = entry;
		if (level == bottom)
			return removed;
		removed |= *entry & EPT_PRESENT;
		entry_set(entry, v->vm->host->page_pa(vmx_cache_take(&v->cache)) | EPT_READ |
					 EPT_WRITE | EPT_EXECUTE);
		v->vm->table_pages++;
	}
}

static int entry_level(const struct vmx_vm *vm, uint64_t gpa, const struct vmx_place *place,
	const struct vmx_frame *frame)
{
	int level = place->level < frame->level ? place->level : frame->level, found;

	if (level == 3 && !vmx_caps.ept_1g)
		level = 2;
	if (level == 2 && !vmx_caps.ept_2m)
		level = 1;
	/* Where smaller entries are, the next one is small, too. */
	while (level > 1) {
		uint64_t *entry = entry_find(vm, gpa, level, &found);

		if (found > level || !(*entry & EPT_PRESENT) || is_leaf(*entry, level))
			break;
		level--;
	}
	return level;
}

/*
 * How a page that may be written is entered. With PML the CPU notes each page whose dirty bit it
 * sets: it is clear in logged slots, and set in the others, which are never noted. Without, only a
 * write makes a page of a logged slot writable, and it is then in the log.
 */
static uint64_t logged_rights(
	struct vmx_vcpu *v, uint64_t gpa, bool write, const struct vmx_place *place)
{
	if (vmx_caps.pml)
		return EPT_WRITE | (place->logged ? 0 : EPT_DIRTY);
	if (!place->logged)
		return EPT_WRITE;
	if (write)
		vmx_mark_dirty(v->vm, gpa);
	return write ? EPT_WRITE : 0;
}

static void entry_install(struct vmx_vcpu *v, uint64_t gpa, bool write,
	const struct vmx_place *place, const struct vmx_frame *frame)
{
	int level = entry_level(v->vm, gpa, place, frame);
	uint64_t pa = frame->pa & ~(size_at(level) - 1), old, rights = EPT_READ | EPT_EXECUTE;
	uint64_t *entry;
	bool flush = tables_make(v, gpa, level, &entry);

	if (place->writable && frame->writable)
		rights |= logged_rights(v, gpa, write, place);
	old = *entry;
	entry_set(entry, pa | rights | EPT_WRITE_BACK | EPT_IGNORE_PAT |
				 (vmx_caps.pml ? EPT_ACCESSED : 0) | (level > 1 ? EPT_LARGE : 0));
	/* Another page than before, or fewer rights: not by a violation alone. */
	if ((old & EPT_PRESENT) && ((old ^ pa) & EPT_ADDRESS || (old & ~rights & EPT_PRESENT)))
		flush = true;
	if (flush)
		vmx_flush_tlbs(v->vm);
}

static bool place_same(const struct vmx_vm *vm, uint64_t gpa, const struct vmx_place *place)
{
	struct vmx_place now;

	return vmx_place_find(vm, gpa, &now) && now.hva == place->hva &&
	       now.pages == place->pages && now.writable == place->writable &&
	       now.logged == place->logged;
}

/* What one violation brings: the page that it wants, and the next ones as far as the host has them
 * at hand. Programs walk through memory, and an entry costs far less than an exit. */
struct harvest {
	struct vmx_place place;
	struct vmx_frame frame[AROUND];
	uint32_t n;
};

/* Lock held. */
static void harvest_install(struct vmx_vcpu *v, uint64_t gpa, bool write, const struct harvest *h)
{
	entry_install(v, gpa, write, &h->place, &h->frame[0]);
	for (uint32_t i = 1; i < h->n; i++) {
		uint64_t at = gpa + i * VMX_PAGE_SIZE;
		int level;

		if (!(*entry_find(v->vm, at, 1, &level) & EPT_PRESENT))
			entry_install(v, at, write, &h->place, &h->frame[i]);
	}
}

/* true: installed; false: the host or the slots changed meanwhile. */
static bool try_install(
	struct vmx_vcpu *v, uint64_t gpa, bool write, uint64_t sequence, const struct harvest *h)
{
	const struct vmx_host_ops *host = v->vm->host;
	bool good = true;

	host->lock(v->vm->host_vm);
	for (uint32_t i = 0; i < h->n; i++)
		good &= !host->frame_stale(
			v->vm->host_vm, sequence, h->place.hva + i * VMX_PAGE_SIZE);
	good = good && place_same(v->vm, gpa, &h->place);
	if (good)
		harvest_install(v, gpa, write, h);
	host->unlock(v->vm->host_vm);
	return good;
}

/* The rest of the aligned piece that gpa is in, and of the slot. */
static uint32_t pages_behind(uint64_t gpa, const struct vmx_place *place)
{
	uint64_t n = AROUND - 1 - (gpa / VMX_PAGE_SIZE) % AROUND;

	return (uint32_t)(n < place->pages - 1 ? n : place->pages - 1);
}

static void harvest_more(struct vmx_vcpu *v, uint64_t gpa, bool write, struct harvest *h)
{
	const struct vmx_host_ops *host = v->vm->host;
	uint64_t hva = h->place.hva + VMX_PAGE_SIZE;
	uint32_t n = pages_behind(gpa, &h->place), got = 0;

	if (h->place.logged || (h->frame[0].level > 1 && h->place.level > 1) || !n)
		return;
	if (h->place.writable)
		got = host->frames_at_hand(v->vm->host_vm, hva, true, n, &h->frame[1]);
	if (!got && !write)
		got = host->frames_at_hand(v->vm->host_vm, hva, false, n, &h->frame[1]);
	h->n += got;
}

static enum vmx_fault ept_fault(struct vmx_vcpu *v, struct vmx_fault_info *info)
{
	const struct vmx_host_ops *host = v->vm->host;
	uint64_t gpa = info->gpa & VMX_PAGE_MASK;
	bool write = info->error & VMX_ACCESS_WRITE, done = false;

	while (!done) {
		struct harvest h = {.n = 1};
		uint64_t sequence;
		int result;

		if (!vmx_place(v->vm, gpa, &h.place) || (write && !h.place.writable))
			return VMX_FAULT_MMIO;
		if (vmx_cache_fill(v->vm, &v->cache, LEVELS - 1))
			return VMX_FAULT_ERROR;
		sequence = host->frame_sequence(v->vm->host_vm);
		result = host->frame_get(v->vm->host_vm, h.place.hva, write, &h.frame[0]);
		if (result == -EINTR)
			return VMX_FAULT_RETRY_LATER;
		if (result)
			return VMX_FAULT_MEMORY;
		harvest_more(v, gpa, write, &h);
		done = try_install(v, gpa, write, sequence, &h);
		for (uint32_t i = 0; i < h.n; i++)
			host->frame_put(v->vm->host_vm, &h.frame[i]);
	}
	return VMX_FAULT_RESUME;
}

/* Clears bits of the leaves in the range; true: there were any. */
static bool leaves_clear(
	struct vmx_vm *vm, uint64_t gpa, uint64_t size, uint64_t bits, uint64_t if_any)
{
	uint64_t end = gpa + size;
	bool changed = false;

	while (gpa < end) {
		int level;
		uint64_t *entry = entry_find(vm, gpa, 1, &level);

		if (*entry & if_any) {
			entry_set(entry, *entry & ~bits);
			changed = true;
		}
		gpa = (gpa | (size_at(level) - 1)) + 1;
	}
	return changed;
}

static bool ept_zap(struct vmx_vm *vm, uint64_t gpa, uint64_t size)
{
	return leaves_clear(vm, gpa, size, UINT64_MAX, EPT_PRESENT);
}

/* From now on writes are seen again. */
static bool ept_protect(struct vmx_vm *vm, uint64_t gpa, uint64_t size)
{
	uint64_t seen_by = vmx_caps.pml ? EPT_DIRTY : EPT_WRITE;

	return leaves_clear(vm, gpa, size, seen_by, seen_by);
}

/* The CPU's notes of this vCPU: entries from index + 1 to the last (SDM 29.3.6). */
void vmx_pml_drain(struct vmx_vcpu *v)
{
	const struct vmx_host_ops *host = v->vm->host;
	uint16_t index;

	if (!v->pml)
		return;
	index = (uint16_t)vmcs_read(VMCS_GUEST_PML_INDEX);
	if (index == VMX_PML_LAST)
		return;
	host->lock(v->vm->host_vm);
	/* FFFFH: it is full */
	for (uint32_t i = (uint16_t)(index + 1); i <= VMX_PML_LAST; i++)
		vmx_mark_dirty(v->vm, v->pml[i] & VMX_PAGE_MASK);
	host->unlock(v->vm->host_vm);
	vmcs_write(VMCS_GUEST_PML_INDEX, VMX_PML_LAST);
}

/* Only the TLBs know the guest's tables. */
static void ept_forget(struct vmx_vm *vm)
{
	(void)vm;
}

void vmx_ept_invalidate(const struct vmx_vcpu *v)
{
	struct {
		uint64_t eptp, reserved;
	} descriptor = {v->vm->ept_root, 0};

	/* type 1: what comes from this root (SDM 31.3, INVEPT) */
	__asm__ volatile("invept %0, %1" : : "m"(descriptor), "r"(1ull) : "cc", "memory");
}

const struct vmx_mmu_ops vmx_mmu_ept = {
	.name = "ept",
	.vm_init = ept_vm_init,
	.vm_destroy = ept_vm_destroy,
	.vcpu_init = ept_vcpu_init,
	.vcpu_destroy = ept_vcpu_destroy,
	.fault = ept_fault,
	.zap = ept_zap,
	.protect = ept_protect,
	.forget = ept_forget,
};
