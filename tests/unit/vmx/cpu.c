/* SPDX-License-Identifier: Apache-2.0
 *
 * A processor as far as its memory-management unit goes (SDM 4.5 to 4.10), on the shadow tables.
 */
#include "tests/unit/vmx/machine.h"

struct shadow_vcpu *shadow_of(struct vmx_vcpu *v)
{
	return &v->shadow;
}

struct vmx_vm *shadow_vm_of(struct vmx_vcpu *v)
{
	return &v->machine->vm;
}

/* --- caches --- */

static void tlb_flush(struct vmx_vcpu *v)
{
	memset(v->tlb, 0, sizeof(v->tlb));
	memset(v->psc, 0, sizeof(v->psc));
}

static void tlb_forget(struct vmx_vcpu *v, uint64_t gva)
{
	struct tlb_entry *t = &v->tlb[(gva >> 12) % TLB_ENTRIES];

	if (t->page == gva >> 12)
		t->valid = false;
	for (uint32_t i = 0; i < PSC_ENTRIES; i++)
		if (v->psc[i].prefix == gva >> (12 + 9 * v->psc[i].level))
			v->psc[i].valid = false;
}

void cpu_assert_unknown(struct machine *m, uint64_t pa)
{
	for (uint32_t n = 0; n < VCPUS; n++) {
		const struct vmx_vcpu *v = &m->vcpu[n];

		assert_true(v->shadow.root_pa != pa || !pa);
		if (v->generation != m->vm.tlb_generation)
			continue; /* it empties them before it uses them */
		for (uint32_t i = 0; i < TLB_ENTRIES; i++)
			assert_false(v->tlb[i].valid && v->tlb[i].pa == pa);
		for (uint32_t i = 0; i < PSC_ENTRIES; i++)
			assert_false(v->psc[i].valid && v->psc[i].table == pa);
	}
}

/* --- the walk --- */

struct walk {
	uint64_t gva, table;
	uint32_t level;
	bool write, user, nx;
};

/* From a paging-structure cache, if there is one, as far down as it gets. */
static void walk_begin(struct vmx_vcpu *v, struct walk *w)
{
	w->table = v->shadow.root_pa;
	w->level = 4;
	w->write = w->user = true;
	w->nx = false;
	for (uint32_t i = 0; i < PSC_ENTRIES; i++) {
		const struct psc_entry *c = &v->psc[i];

		if (!c->valid || c->level >= w->level || c->prefix != w->gva >> (12 + 9 * c->level))
			continue;
		*w = (struct walk){w->gva, c->table, c->level, c->write, c->user, c->nx};
	}
}

static void psc_keep(struct vmx_vcpu *v, const struct walk *w)
{
	if (w->level > 2)
		return;
	v->psc[v->psc_next++ % PSC_ENTRIES] = (struct psc_entry){
		true, w->write, w->user, w->nx, w->level, w->gva >> (12 + 9 * w->level), w->table};
}

/* The bits that our tables must have, so that the CPU never writes to them; and those it must not.
 */
static void entry_check(uint64_t entry, uint32_t level, bool leaf)
{
	assert_true(entry & PT_ACCESSED);
	assert_int_equal(entry & 0x7ff0000000000000ull & ~PT_NX, 0);
	assert_int_equal(entry & 0xf18, 0); /* PWT, PCD, G, ignored */
	if (leaf)
		assert_int_equal(!(entry & PT_WRITE), !(entry & PT_DIRTY));
	assert_true(level > 1 || !(entry & PT_LARGE));
	assert_true(level == 2 || !(entry & PT_LARGE));
	if (leaf && level == 2)
		assert_int_equal(entry & 0x1ff000, 0);
}

/* 0, or the error code. */
static uint32_t walk_run(struct vmx_vcpu *v, struct walk *w, struct tlb_entry *out)
{
	for (walk_begin(v, w);;) {
		const uint64_t *table = v->machine->vm.host->page_va(w->table);
		uint64_t entry = table[pt_index(w->gva, w->level)];
		bool leaf = pt_is_leaf(entry, w->level);

		if (!(entry & PT_PRESENT))
			return ~0u;
		entry_check(entry, w->level, leaf);
		if ((entry & PT_NX) && !(v->modes & SHADOW_NXE))
			return PF_PRESENT | PF_RESERVED;
		w->write &= !!(entry & PT_WRITE);
		w->user &= !!(entry & PT_USER);
		w->nx |= !!(entry & PT_NX);
		if (!leaf) {
			w->table = entry & PT_ADDRESS;
			w->level--;
			psc_keep(v, w);
			continue;
		}
		*out = (struct tlb_entry){true, w->write, w->user, w->nx, w->gva >> 12,
			entry & PT_ADDRESS & ~((pt_span(w->level) - 1) << 12)};
		out->pa |= w->gva & (pt_span(w->level) - 1) << 12;
		return 0;
	}
}

static bool allows(const struct vmx_vcpu *v, const struct tlb_entry *t, uint32_t access)
{
	if ((access & PF_WRITE) && !t->write)
		return false;
	if ((access & PF_FETCH) && t->nx)
		return false;
	if (access & PF_USER)
		return t->user;
	if (!t->user)
		return true;
	if (access & PF_FETCH)
		return !(v->modes & SHADOW_SMEP);
	return v->ac || !(v->modes & SHADOW_SMAP);
}

/* One try: 0 and the physical address, or the error code of a page fault. */
static bool translate(
	struct vmx_vcpu *v, uint64_t gva, uint32_t access, uint64_t *pa, uint32_t *error)
{
	struct tlb_entry *t = &v->tlb[(gva >> 12) % TLB_ENTRIES];
	struct walk w = {.gva = gva};
	uint32_t walked = 0;

	*error = access;
	if (!(v->modes & (SHADOW_NXE | SHADOW_SMEP)))
		*error &= ~PF_FETCH;
	if (!t->valid || t->page != gva >> 12) {
		walked = walk_run(v, &w, t);
		if (walked) {
			*error |= walked == ~0u ? 0 : walked;
			tlb_forget(v, gva);
			return false;
		}
	}
	if (!allows(v, t, access)) {
		*error |= PF_PRESENT;
		tlb_forget(v, gva);
		return false;
	}
	*pa = t->pa | (gva & (VMX_PAGE_SIZE - 1));
	return true;
}

/* --- what the core's callers do --- */

/* false: the guest's CR3 leads nowhere. */
static bool enter(struct vmx_vcpu *v)
{
	struct machine *m = v->machine;

	while (!v->shadow.root_pa) {
		if (shadow_load(v, v->shadow.guest_cr3) == -EFAULT)
			return false;
		tlb_flush(v);
	}
	if (v->generation != m->vm.tlb_generation) {
		v->generation = m->vm.tlb_generation;
		tlb_flush(v);
	}
	return true;
}

static struct outcome outcome_of(enum vmx_fault result, const struct vmx_fault_info *info)
{
	struct outcome out = {.kind = OUT_ERROR, .gpa = info->gpa, .error = info->inject};

	switch (result) {
	case VMX_FAULT_INJECT:
		out.kind = OUT_FAULT;
		break;
	case VMX_FAULT_MMIO:
		out.kind = OUT_MMIO;
		break;
	case VMX_FAULT_MEMORY:
		out.kind = OUT_MEMORY;
		break;
	case VMX_FAULT_RETRY_LATER:
		out.kind = OUT_LATER;
		break;
	case VMX_FAULT_RESUME:
	case VMX_FAULT_ERROR:
		break;
	}
	return out;
}

static void wrote(struct machine *m, uint64_t gpa)
{
	if (gpa - LOG_GPA < LOG_PAGES * VMX_PAGE_SIZE)
		m->written[(gpa - LOG_GPA) / VMX_PAGE_SIZE] = 1;
}

static struct outcome access_run(struct vmx_vcpu *v, uint64_t gva, uint32_t access)
{
	struct machine *m = v->machine;

	for (uint32_t tries = 0; tries < 200; tries++) {
		struct vmx_fault_info info = {.gva = gva, .ac = v->ac};
		enum vmx_fault result;
		uint64_t pa;

		if (!enter(v))
			return (struct outcome){.kind = OUT_DEAD};
		if (translate(v, gva, access, &pa, &info.error)) {
			struct outcome out = {.pa = pa, .gpa = host_gpa_of(m, pa)};

			if (access & PF_WRITE)
				wrote(m, out.gpa);
			return out;
		}
		m->now = v;
		m->now_gva = gva;
		m->now_access = access;
		v->faults++;
		result = m->vm.mmu->fault(v, &info);
		if (result != VMX_FAULT_RESUME)
			return outcome_of(result, &info);
	}
	fail_msg("an access to %lx (%x) never comes to an end", (unsigned long)gva, access);
	return (struct outcome){.kind = OUT_ERROR};
}

struct outcome cpu_access(struct vmx_vcpu *v, uint64_t gva, uint32_t access)
{
	struct machine *m = v->machine;
	const struct vmx_vcpu *now = m->now;
	uint64_t now_gva = m->now_gva;
	uint32_t now_access = m->now_access;
	struct outcome out;

	v->busy = true;
	m->accesses++;
	out = access_run(v, gva, access);
	v->busy = false;
	m->now = now;
	m->now_gva = now_gva;
	m->now_access = now_access;
	return out;
}

bool cpu_store(struct vmx_vcpu *v, uint64_t gva, uint64_t value, struct outcome *out)
{
	uint64_t *word;

	*out = checked_access(v, gva, PF_WRITE);
	if (out->kind != OUT_OK)
		return false;
	word = host_word(v->machine, out->gpa);
	past_add(v->machine, out->gpa & ~7ull, *word);
	*word = value;
	return true;
}

void cpu_load_cr3(struct vmx_vcpu *v, uint64_t cr3)
{
	v->busy = true;
	v->flushed_all = ++v->machine->clock;
	shadow_load(v, cr3);
	tlb_flush(v);
	v->busy = false;
}

void cpu_invlpg(struct vmx_vcpu *v, uint64_t gva)
{
	v->busy = true;
	v->flushed[v->flushed_next].page = gva >> 12;
	v->flushed[v->flushed_next].time = ++v->machine->clock;
	v->flushed_next = (v->flushed_next + 1) % VMX_ARRAY_SIZE(v->flushed);
	/* Not the TLB: what the core takes out it must flush itself. */
	shadow_invlpg(v, gva);
	v->busy = false;
}

void cpu_mode(struct vmx_vcpu *v, uint32_t modes, bool told)
{
	v->busy = true;
	v->flushed_all = ++v->machine->clock;
	v->modes = modes;
	shadow_mode(v, told ? modes : modes & SHADOW_NXE);
	v->busy = false;
}
