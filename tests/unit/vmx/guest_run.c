/* SPDX-License-Identifier: Apache-2.0
 *
 * Long random runs.
 */
#include "tests/unit/vmx/guest.h"

/* --- the host's part --- */

static uint64_t gpa_any(struct machine *m)
{
	switch (machine_below(m, 5)) {
	case 0:
		return BIG_GPA + machine_below(m, BIG_PAGES) * VMX_PAGE_SIZE;
	case 1:
		return LOG_GPA + machine_below(m, LOG_PAGES) * VMX_PAGE_SIZE;
	case 2:
		return TABLES_GPA + machine_below(m, 64) * VMX_PAGE_SIZE;
	case 3:
		return 0x300000 + machine_below(m, 5) * VMX_PAGE_SIZE;
	default:
		return RAM_GPA + machine_below(m, RAM_PAGES) * VMX_PAGE_SIZE;
	}
}

void guest_log_check(struct machine *m)
{
	uint64_t bitmap[(LOG_PAGES + 63) / 64];

	if (!m->vm.slots[SLOT_LOG].dirty)
		return;
	assert_int_equal(vmx_vm_dirty_log(&m->vm, SLOT_LOG, bitmap, VMX_ARRAY_SIZE(bitmap)), 0);
	for (uint32_t i = 0; i < LOG_PAGES; i++)
		if (m->written[i])
			assert_true(bitmap[i / 64] >> i % 64 & 1);
	memset(m->written, 0, sizeof(m->written));
}

/* The slot without its log, or with a new one. */
static void log_flip(struct machine *m)
{
	const struct vmx_slot *s = &m->vm.slots[SLOT_LOG];
	struct sbv_memory memory = {
		.slot = SLOT_LOG, .gpa = s->gpa, .hva = s->hva, .size = s->size};

	memory.flags = s->flags & VMX_SLOT_LOG ? 0 : SBV_MEM_LOG;
	assert_int_equal(vmx_vm_set_memory(&m->vm, &memory), 0);
	memset(m->written, 0, sizeof(m->written));
}

static void host_step(struct machine *m)
{
	switch (machine_below(m, 10)) {
	case 0:
		guest_log_check(m);
		break;
	case 1:
		log_flip(m);
		break;
	case 2:
		m->host.stale_next = machine_below(m, 3);
		break;
	case 3:
		host_share(m, gpa_any(m));
		break;
	case 4:
		host_take(m, gpa_any(m));
		break;
	case 5:
		m->host.cmpxchg_losses = machine_below(m, 2);
		break;
	case 6:
		host_move_begin(m, gpa_any(m));
		break;
	case 7:
		host_move(m, gpa_any(m));
		break;
	default:
		host_join(m, BIG_GPA + machine_below(m, BIG_PAGES) * VMX_PAGE_SIZE);
		break;
	}
}

static void bounds_step(struct machine *m)
{
	struct shadow_mmu *s = shadow_mmu_of(&m->vm);

	if (machine_chance(m, 20))
		vmx_vm_forget(&m->vm);
	else if (s->pages < 60)
		s->pages_max = machine_chance(m, 50) ? 64 : SHADOW_PAGES_MIN;
	if (s->pages > s->pages_max)
		s->pages_max = 64;
}

static void modes_step(struct machine *m, struct vmx_vcpu *v)
{
	uint32_t modes = machine_below(m, 8);

	if (machine_chance(m, 70))
		modes |= SHADOW_NXE;
	v->ac = machine_chance(m, 30);
	cpu_mode(v, modes, machine_chance(m, 60));
}

/* --- the guest's --- */

void guest_step(struct guest *g, struct vmx_vcpu *v, uint32_t fun)
{
	struct machine *m = g->m;
	uint32_t dice = machine_below(m, 1000);

	if (dice < 8 && (fun & FUN_HOST)) {
		host_step(m);
	} else if (dice < 12 && (fun & FUN_MODES)) {
		modes_step(m, v);
	} else if (dice < 15 && (fun & FUN_BOUNDS)) {
		bounds_step(m);
	} else if (dice < 25) {
		cpu_load_cr3(v, g->root[machine_below(m, ROOTS)]);
	} else if (dice < 75) {
		cpu_invlpg(v, guest_gva(g));
	} else if (dice < 300 && !g->changing) {
		g->changing = g->honest;
		guest_change(g, v, guest_gva(g));
		g->changing = false;
	} else {
		checked_access(v, guest_gva(g), guest_access_kind(g));
	}
}

/* What can go wrong between the core's reading and its doing: an entry that is in use changes and
 * is flushed, the frame goes. */
void guest_interfere(struct guest *g, struct vmx_vcpu *v, uint32_t fun)
{
	struct machine *m = g->m;
	uint64_t gva = m->now && machine_chance(m, 50) ? m->now_gva : guest_gva(g);
	struct outcome now = reference_now(m, v, gva, 0);

	if (machine_chance(m, 60)) {
		guest_step(g, v, fun);
		return;
	}
	if (now.kind == OUT_OK && machine_chance(m, 20))
		host_move(m, now.gpa);
	if (g->changing)
		return;
	g->changing = g->honest;
	guest_change(g, v, gva);
	g->changing = false;
	if (machine_chance(m, 70))
		cpu_invlpg(v, gva);
	if (machine_chance(m, 50))
		checked_access(v, gva, guest_access_kind(g));
}

/* Other vCPUs go on while the core of one works without the lock. */
static void guest_between(struct machine *m)
{
	struct vmx_vcpu *v = &m->vcpu[machine_below(m, VCPUS)];

	if (v->busy || !machine_chance(m, 12))
		return;
	guest_interfere(m->guest, v, FUN_HOST);
}

static void past_bound(struct machine *m)
{
	past_prune(m);
	if (m->pasts < 150)
		return;
	for (uint32_t i = 0; i < VCPUS; i++)
		cpu_load_cr3(&m->vcpu[i], m->vcpu[i].shadow.guest_cr3);
	past_prune(m);
}

void guest_begin(struct guest *g, struct machine *m, bool self_map, bool announce)
{
	guest_init(g, m, self_map);
	m->guest = g;
	shadow_announce_mode(&m->vm, announce);
	past_forget(m);
	g->honest = m->announcing = announce;
	for (uint32_t i = 0; i < VCPUS; i++)
		cpu_load_cr3(&m->vcpu[i], g->root[i]);
}

void guest_run(struct machine *m, uint64_t steps, bool self_map, bool announce, uint32_t fun)
{
	struct guest g;

	guest_begin(&g, m, self_map, announce);
	for (uint64_t i = 0; i < steps; i++) {
		m->host.between = fun & FUN_BETWEEN && machine_chance(m, 50) ? guest_between : NULL;
		guest_step(&g, &m->vcpu[machine_below(m, VCPUS)], fun);
		m->host.between = NULL;
		if (i % 32 == 0)
			past_bound(m);
		if (i % 256 == 0)
			invariants_check(m);
	}
	invariants_check(m);
	m->guest = NULL;
}

/* --- a guest that only wants to harm --- */

#define GARBAGE_GPA   0x40000ull
#define GARBAGE_PAGES 24u

static uint64_t word_any(struct machine *m)
{
	uint64_t word = machine_random(m);

	if (machine_chance(m, 4))
		return word;
	word = GARBAGE_GPA + machine_below(m, GARBAGE_PAGES) * VMX_PAGE_SIZE;
	if (machine_chance(m, 15))
		word = machine_chance(m, 50) ? ROM_GPA + machine_below(m, 4) * VMX_PAGE_SIZE
					     : BIG_GPA + machine_below(m, 3) * (2ull << 20);
	if (machine_chance(m, 5))
		word = LOG_GPA + machine_below(m, LOG_PAGES) * VMX_PAGE_SIZE;
	if (machine_chance(m, 3))
		word = HOLE_GPA;
	if (machine_chance(m, 8))
		word = (word & ~((2ull << 20) - 1)) | PT_LARGE;
	word |= PT_PRESENT;
	word |= machine_chance(m, 85) ? PT_WRITE : 0;
	word |= machine_chance(m, 80) ? PT_USER : 0;
	word |= machine_chance(m, 40) ? PT_ACCESSED | PT_DIRTY : 0;
	word |= machine_chance(m, 3) ? PT_NX : 0;
	word |= machine_chance(m, 1) ? 1ull << (40 + machine_below(m, 12)) : 0;
	return word;
}

#define FEW 2u

static uint64_t hostile_gva(struct machine *m)
{
	uint64_t gva = 0;

	for (uint32_t level = 1; level <= PT_LEVELS; level++)
		gva |= (uint64_t)machine_below(m, FEW) << (12 + 9 * (level - 1));
	return gva + machine_below(m, FEW) * 8;
}

static uint64_t garbage_page(struct machine *m)
{
	return GARBAGE_GPA + machine_below(m, GARBAGE_PAGES) * VMX_PAGE_SIZE;
}

/* With announcements what the guest sees is its own business, but not what it may reach. */
static struct outcome hostile_access(
	struct machine *m, struct vmx_vcpu *v, uint64_t gva, uint32_t access)
{
	struct vmx_place place;
	struct outcome out;

	if (!m->announcing)
		return checked_access(v, gva, access);
	out = cpu_access(v, gva, access);
	if (out.kind != OUT_OK)
		return out;
	assert_true(vmx_place_find(&m->vm, out.gpa, &place));
	if (access & PF_WRITE)
		assert_true(place.writable);
	return out;
}

static void hostile_announce(struct machine *m, struct vmx_vcpu *v)
{
	uint64_t pages = machine_chance(m, 5) ? machine_random(m) : 1 + machine_below(m, 700);

	v->busy = true;
	if (machine_chance(m, 10))
		shadow_announce_root_gone(v, garbage_page(m));
	else if (machine_chance(m, 90))
		shadow_announce(v, garbage_page(m), hostile_gva(m), pages);
	else
		shadow_announce(v, machine_random(m), machine_random(m), pages);
	v->busy = false;
}

static void hostile_step(struct machine *m, struct vmx_vcpu *v, uint32_t fun)
{
	uint32_t dice = machine_below(m, 100);
	struct outcome out;
	uint64_t gva;

	if (dice < 3) {
		cpu_load_cr3(v, machine_chance(m, 99) ? garbage_page(m) : machine_random(m));
	} else if (dice < 10) {
		cpu_invlpg(v, hostile_gva(m));
	} else if (dice < 12 && m->announcing) {
		hostile_announce(m, v);
	} else if (dice < 13 && (fun & FUN_HOST)) {
		host_step(m);
	} else if (dice < 14 && (fun & FUN_BOUNDS)) {
		bounds_step(m);
	} else if (dice < 15 && (fun & FUN_MODES)) {
		modes_step(m, v);
	} else if (dice < 45) {
		gva = hostile_gva(m);
		out = hostile_access(m, v, gva, PF_WRITE);
		if (out.kind != OUT_OK)
			return;
		past_add(m, out.gpa, *host_word(m, out.gpa));
		*host_word(m, out.gpa) = word_any(m);
		if (m->announcing)
			past_forget(m);
	} else {
		hostile_access(
			m, v, hostile_gva(m), (machine_random(m) & 2) | (machine_random(m) & 4));
	}
}

static void hostile_between(struct machine *m)
{
	struct vmx_vcpu *v = &m->vcpu[machine_below(m, VCPUS)];

	if (!v->busy && machine_chance(m, 10))
		hostile_step(m, v, FUN_HOST);
}

void guest_run_hostile(struct machine *m, uint64_t steps, bool announce, uint32_t fun)
{
	shadow_announce_mode(&m->vm, announce);
	m->announcing = announce;
	for (uint64_t page = 0; page < GARBAGE_PAGES; page++)
		for (uint64_t i = 0; i < 8; i++)
			guest_poke(m, GARBAGE_GPA + page * VMX_PAGE_SIZE + i * 8, word_any(m));
	for (uint32_t i = 0; i < VCPUS; i++)
		cpu_load_cr3(&m->vcpu[i], garbage_page(m));
	for (uint64_t i = 0; i < steps; i++) {
		m->host.between =
			fun & FUN_BETWEEN && machine_chance(m, 50) ? hostile_between : NULL;
		hostile_step(m, &m->vcpu[machine_below(m, VCPUS)], fun);
		m->host.between = NULL;
		if (i % 16 == 0 && !announce)
			past_bound(m);
		if (i % 256 == 0)
			invariants_check(m);
	}
	invariants_check(m);
}
