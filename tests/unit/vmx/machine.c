/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vmx/machine.h"

struct vmx_caps vmx_caps = {.phys_bits = 40};

uint64_t machine_random(struct machine *m)
{
	uint64_t x = m->seed += 0x9e3779b97f4a7c15ull;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ x >> 27) * 0x94d049bb133111ebull;
	return x ^ x >> 31;
}

uint32_t machine_below(struct machine *m, uint32_t n)
{
	return (uint32_t)(machine_random(m) % n);
}

bool machine_chance(struct machine *m, uint32_t percent)
{
	return machine_below(m, 100) < percent;
}

static void slot_add(struct machine *m, uint32_t slot, uint64_t gpa, uint32_t pages, uint32_t flags)
{
	static const uint32_t first[] = {
		0, RAM_PAGES, RAM_PAGES + BIG_PAGES, RAM_PAGES + BIG_PAGES + ROM_PAGES};
	struct sbv_memory memory = {
		.slot = slot,
		.flags = flags,
		.gpa = gpa,
		.hva = HVA_BASE + first[slot] * VMX_PAGE_SIZE,
		.size = pages * VMX_PAGE_SIZE,
	};

	assert_int_equal(vmx_vm_set_memory(&m->vm, &memory), 0);
}

void machine_init(struct machine *m, uint64_t seed, uint32_t pages_max)
{
	*m = (struct machine){.seed = seed};
	host_init(&m->host, m);
	m->vm = (struct vmx_vm){.host = &host_ops, .host_vm = &m->host, .mmu = &vmx_mmu_shadow};
	assert_int_equal(m->vm.mmu->vm_init(&m->vm), 0);
	shadow_mmu_of(&m->vm)->pages_max = pages_max;
	slot_add(m, SLOT_RAM, RAM_GPA, RAM_PAGES, 0);
	slot_add(m, SLOT_BIG, BIG_GPA, BIG_PAGES, 0);
	slot_add(m, SLOT_ROM, ROM_GPA, ROM_PAGES, SBV_MEM_READONLY);
	slot_add(m, SLOT_LOG, LOG_GPA, LOG_PAGES, SBV_MEM_LOG);
	for (uint32_t i = 0; i < VCPUS; i++) {
		struct vmx_vcpu *v = &m->vcpu[i];

		v->machine = m;
		v->index = i;
		v->began = ~0ull;
		m->vm.vcpus[i] = v;
		assert_int_equal(m->vm.mmu->vcpu_init(v), 0);
		cpu_mode(v, SHADOW_NXE, true);
	}
}

void machine_destroy(struct machine *m)
{
	for (uint32_t i = 0; i < VCPUS; i++) {
		m->vm.mmu->vcpu_destroy(&m->vcpu[i]);
		m->vm.vcpus[i] = NULL;
	}
	m->vm.mmu->vm_destroy(&m->vm);
	assert_int_equal(m->vm.table_pages, 0);
	for (uint32_t i = 0; i < VMX_SLOTS; i++)
		host_ops.free(m->vm.slots[i].dirty);
	host_destroy(&m->host);
}

/* After a fault that was answered, or with nothing left from before a change, and with no one
 * between, the bits are as the CPU sets them. */
static void bits_are_set(struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint32_t access)
{
	uint64_t table = v->shadow.guest_cr3 & PT_ADDRESS;

	for (uint32_t level = PT_LEVELS;; level--) {
		uint64_t at = table + pt_index(gva, level) * 8;
		const uint64_t *word = host_word(m, at);
		struct vmx_place place;

		assert_non_null(word);
		assert_true(vmx_place_find(&m->vm, at, &place));
		assert_true((*word & PT_ACCESSED) || !place.writable);
		table = *word & PT_ADDRESS;
		if (!pt_is_leaf(*word, level))
			continue;
		assert_true((*word & PT_DIRTY) || !(access & PF_WRITE) || !place.writable);
		return;
	}
}

/* Not so if the core was not told of SMEP and SMAP, or cannot tell a fetch from a read: then the
 * CPU refuses once there is something to refuse. */
static bool judged_at_once(const struct vmx_vcpu *v)
{
	return v->modes == v->shadow.modes && (v->modes & (SHADOW_NXE | SHADOW_SMEP));
}

/* What has no memory is told before the CPU had the chance to. */
static bool explained(struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint32_t access,
	const struct outcome *out, uint64_t began)
{
	struct vmx_vcpu less = *v;

	if (reference_explains(m, v, gva, access, out, began))
		return true;
	if (judged_at_once(v))
		return false;
	less.modes &= SHADOW_NXE;
	return out->kind == OUT_MMIO && reference_explains(m, &less, gva, access, out, began);
}

struct outcome checked_access(struct vmx_vcpu *v, uint64_t gva, uint32_t access)
{
	struct machine *m = v->machine;
	uint64_t began = m->clock, faults = v->faults, bits = m->bits_set;
	bool alone = !m->host.between;
	struct outcome out;

	m->watch_bits = alone;
	v->began = began;
	out = cpu_access(v, gva, access);
	if (out.kind == OUT_DEAD)
		return out;
	if (!explained(m, v, gva, access, &out, began)) {
		struct outcome now = reference_now(m, v, gva, access);

		fail_msg(
			"vCPU %u, %#lx, access %x: %d gpa %#lx error %x; the tables say %d %#lx %x",
			v->index, (unsigned long)gva, access, out.kind, (unsigned long)out.gpa,
			out.error, now.kind, (unsigned long)now.gpa, now.error);
	}
	v->began = ~0ull;
	if (alone && out.kind == OUT_OK && (v->faults != faults || reference_settled(m, v, gva)))
		bits_are_set(m, v, gva, access);
	if (alone && out.kind == OUT_FAULT && judged_at_once(v))
		assert_int_equal(m->bits_set, bits);
	return out;
}
