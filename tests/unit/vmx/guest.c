/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/vmx/guest.h"

/* --- tables --- */

void guest_poke(struct machine *m, uint64_t gpa, uint64_t value)
{
	uint64_t *word = host_word(m, gpa);

	assert_non_null(word);
	*word = value;
}

/* Of an entry, without the reserved bits that it may have. */
#define TABLE_OF(entry) ((entry)&0xfffffff000ull)

#define ALL (PT_PRESENT | PT_WRITE | PT_USER | PT_ACCESSED | PT_DIRTY)

/* Roots and their shared upper half: RAM in 2 MiB pages, of the kernel's. */
void guest_init(struct guest *g, struct machine *m, bool self_map)
{
	uint64_t gpa = TABLES_GPA, level3, level2;

	*g = (struct guest){.m = m, .self_map = self_map};
	level3 = gpa;
	level2 = gpa + VMX_PAGE_SIZE;
	gpa += FIXED * VMX_PAGE_SIZE;
	guest_poke(m, level3, level2 | ALL);
	for (uint64_t i = 0; i < RAM_PAGES / PT_ENTRIES; i++)
		guest_poke(m, level2 + i * 8,
			i << 21 | PT_PRESENT | PT_WRITE | PT_ACCESSED | PT_DIRTY | PT_LARGE);
	for (uint32_t i = 0; i < ROOTS; i++, gpa += VMX_PAGE_SIZE) {
		g->root[i] = gpa;
		guest_poke(m, gpa + pt_index(LINEAR, 4) * 8, level3 | ALL);
		if (self_map)
			guest_poke(m, gpa + SELF_INDEX * 8, gpa | ALL);
	}
	for (uint32_t i = 0; i < TABLES; i++, gpa += VMX_PAGE_SIZE)
		g->table[i] = gpa;
}

/* 0: none. Any other guest but an honest one takes a table away from where it still is. */
static uint64_t table_take(struct guest *g)
{
	uint32_t first = machine_below(g->m, TABLES);

	for (uint32_t i = 0; i < TABLES; i++) {
		uint32_t n = (first + i) % TABLES;

		if (g->used[n])
			continue;
		g->used[n] = true;
		return g->table[n];
	}
	return g->honest ? 0 : g->table[first];
}

static void table_release(struct guest *g, uint64_t gpa)
{
	for (uint32_t i = 0; i < TABLES; i++)
		if (g->table[i] == gpa)
			g->used[i] = false;
}

/* An honest guest's tables are a tree below each root. */
static void tree_release(struct guest *g, uint64_t entry, uint32_t level)
{
	uint64_t table = TABLE_OF(entry);

	if (!(entry & PT_PRESENT) || pt_is_leaf(entry, level))
		return;
	for (uint32_t i = 0; level > 2 && i < PT_ENTRIES; i++)
		tree_release(g, *host_word(g->m, table + i * 8), level - 1);
	table_release(g, table);
}

bool guest_store(struct guest *g, struct vmx_vcpu *v, uint64_t gpa, uint64_t value)
{
	struct outcome out;

	if (*host_word(g->m, gpa) == value)
		return true;
	if (!cpu_store(v, LINEAR + gpa, value, &out))
		return false;
	return out.gpa == gpa; /* else it went astray: another root of its own making */
}

/* Zeroed: no one uses it, so no one need be told. */
static uint64_t table_new(struct guest *g, struct vmx_vcpu *v)
{
	uint64_t table = table_take(g);

	for (uint32_t i = 0; table && i < PT_ENTRIES; i++) {
		if (!*host_word(g->m, table + i * 8))
			continue;
		if (!guest_store(g, v, table + i * 8, 0))
			return 0;
		if (g->honest)
			past_retire(g->m, table + i * 8);
	}
	return table;
}

/* --- what is accessed --- */

static uint64_t gva_of(uint32_t l4, uint32_t l3, uint32_t l2, uint32_t l1)
{
	uint64_t gva =
		(uint64_t)l4 << 39 | (uint64_t)l3 << 30 | (uint64_t)l2 << 21 | (uint64_t)l1 << 12;

	return l4 & 256 ? gva | 0xffff000000000000ull : gva;
}

static uint64_t self_gva(struct guest *g)
{
	static const uint32_t index[] = {0, 1, 256, SELF_INDEX};
	uint32_t i[3];

	for (uint32_t n = 0; n < 3; n++)
		i[n] = index[machine_below(g->m, 4)];
	return gva_of(SELF_INDEX, i[0], i[1], i[2]);
}

static uint64_t gva_any(struct guest *g)
{
	static const uint32_t top[] = {0, 0, 1, 256};
	struct machine *m = g->m;
	uint32_t l4 = top[machine_below(m, 4)], l3 = machine_below(m, 2);
	uint64_t offset = machine_below(m, 512) * 8;

	if (machine_chance(m, 5))
		return LINEAR + machine_below(m, RAM_PAGES) * VMX_PAGE_SIZE + offset;
	if (g->self_map && machine_chance(m, 15))
		return self_gva(g) + offset;
	if (l4 == 256)
		l3++;
	return gva_of(l4, l3, machine_below(m, 3), machine_below(m, 5)) + offset;
}

uint64_t guest_gva(struct guest *g)
{
	uint64_t *hot = &g->hot[machine_below(g->m, VMX_ARRAY_SIZE(g->hot))];

	if (!*hot || machine_chance(g->m, 1))
		*hot = gva_any(g);
	return machine_chance(g->m, 60) ? *hot : gva_any(g);
}

uint32_t guest_access_kind(struct guest *g)
{
	static const uint32_t kinds[] = {0, 0, PF_WRITE, PF_WRITE, PF_FETCH, PF_USER, PF_USER,
		PF_USER | PF_WRITE, PF_USER | PF_WRITE, PF_USER | PF_FETCH};

	return kinds[machine_below(g->m, VMX_ARRAY_SIZE(kinds))];
}

/* --- what is changed --- */

static uint64_t flags_any(struct machine *m)
{
	uint64_t flags = PT_PRESENT;

	flags |= machine_chance(m, 75) ? PT_WRITE : 0;
	flags |= machine_chance(m, 75) ? PT_USER : 0;
	flags |= machine_chance(m, 50) ? PT_ACCESSED : 0;
	flags |= machine_chance(m, 50) ? PT_DIRTY : 0;
	flags |= machine_chance(m, 15) ? PT_NX : 0;
	flags |= machine_chance(m, 10) ? 0x118 : 0; /* PWT, PCD, G */
	flags |= machine_chance(m, 2) ? 1ull << (40 + machine_below(m, 12)) : 0;
	flags &= machine_chance(m, 5) ? ~PT_PRESENT : ~0ull;
	return flags;
}

static uint64_t frame_any(struct machine *m)
{
	switch (machine_below(m, 8)) {
	case 0:
		return ROM_GPA + machine_below(m, ROM_PAGES) * VMX_PAGE_SIZE;
	case 1:
		return LOG_GPA + machine_below(m, LOG_PAGES) * VMX_PAGE_SIZE;
	case 2:
		return HOLE_GPA + machine_below(m, 4) * VMX_PAGE_SIZE;
	case 3:
	case 4:
		return BIG_GPA + machine_below(m, BIG_PAGES) * VMX_PAGE_SIZE;
	case 5:
		return TABLES_GPA + machine_below(m, ROOTS + FIXED + TABLES) * VMX_PAGE_SIZE;
	default:
		return RAM_GPA + machine_below(m, RAM_PAGES) * VMX_PAGE_SIZE;
	}
}

static uint64_t large_any(struct machine *m, uint32_t level)
{
	uint64_t size = pt_span(level) * VMX_PAGE_SIZE;
	uint64_t gpa = frame_any(m) & ~(size - 1);

	return gpa | PT_LARGE | (machine_chance(m, 3) ? 1ull << 13 : 0);
}

/* Of one entry: other flags for the same, or something else. An honest guest links only tables that
 * nothing else links. */
static uint64_t entry_any(
	struct guest *g, struct vmx_vcpu *v, uint64_t old, uint32_t level, uint32_t index)
{
	struct machine *m = g->m;
	uint64_t table;

	/* What an honest guest's absent entry led to has been released. */
	if (((old & PT_PRESENT) || !g->honest || level == 1) && old && machine_chance(m, 40))
		return (old & (PT_ADDRESS | PT_LARGE)) | flags_any(m);
	if (machine_chance(m, 15))
		return 0;
	if (level == 1 && machine_chance(m, 40)) /* next to its neighbours' */
		return (0x300000 + index * VMX_PAGE_SIZE) | flags_any(m);
	if (level == 1)
		return frame_any(m) | flags_any(m);
	if (level < 4 && machine_chance(m, 30))
		return large_any(m, level) | flags_any(m);
	if (!g->honest && machine_chance(m, 10))
		return (frame_any(m) & PT_ADDRESS) | flags_any(m);
	if (!g->honest && machine_chance(m, 20))
		return g->table[machine_below(m, TABLES)] | flags_any(m);
	table = table_new(g, v);
	return table ? table | flags_any(m) : 0;
}

static void change_announced(struct guest *g, struct vmx_vcpu *v, uint64_t at, uint64_t old,
	uint64_t gva, uint32_t level)
{
	uint64_t now = *host_word(g->m, at);

	v->busy = true;
	shadow_announce(v, v->shadow.guest_cr3, gva & ~(pt_span(level) * VMX_PAGE_SIZE - 1),
		pt_span(level));
	v->busy = false;
	past_retire(g->m, at);
	if (level > 1 &&
		(!(now & PT_PRESENT) || pt_is_leaf(now, level) || TABLE_OF(now) != TABLE_OF(old)))
		tree_release(g, old, level);
}

/* Walks down in memory, as a kernel does in its own tables, to the level that is to change. */
void guest_change(struct guest *g, struct vmx_vcpu *v, uint64_t gva)
{
	static const uint32_t levels[] = {1, 1, 1, 1, 1, 1, 2, 2, 3, 4};
	struct machine *m = g->m;
	uint32_t level = levels[machine_below(m, VMX_ARRAY_SIZE(levels))], l = PT_LEVELS;
	uint64_t at = v->shadow.guest_cr3 + pt_index(gva, l) * 8, old, value;

	if (gva >= LINEAR && gva < LINEAR + (1ull << 30))
		return;
	if (pt_index(gva, 4) >= 256 && level == 4)
		level = 3;
	while (l > level && pt_index(gva, 4) != SELF_INDEX) {
		old = *host_word(m, at);
		if (!(old & PT_PRESENT) || pt_is_leaf(old, l) || !host_word(m, old & PT_ADDRESS))
			break;
		l--;
		at = (old & PT_ADDRESS) + pt_index(gva, l) * 8;
	}
	if (pt_index(gva, 4) == SELF_INDEX || at >= RAM_PAGES * VMX_PAGE_SIZE)
		return;
	old = *host_word(m, at);
	value = entry_any(g, v, old, l, pt_index(gva, l));
	if (!guest_store(g, v, at, value) || value == old || !g->honest)
		return;
	change_announced(g, v, at, old, gva, l);
}
