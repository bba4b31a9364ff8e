/* SPDX-License-Identifier: Apache-2.0
 *
 * What must be true of the shadow whatever the guest did.
 */
#include "tests/unit/vmx/machine.h"

/* The frame is the guest's own, and is the one that the host has there now. */
static void leaf_check(
	struct machine *m, struct shadow_mmu *s, const struct shadow_page *p, uint32_t i)
{
	uint64_t entry = p->entries[i], target = shadow_link_at(p, i)->target;
	bool large = target & LINK_LARGE;

	assert_int_equal(large, p->level == 2);
	for (uint32_t n = 0; n < (large ? PT_ENTRIES : 1); n++) {
		uint64_t gpa = ((target & LINK_FRAME) + n) * VMX_PAGE_SIZE;
		struct vmx_place place;

		assert_true(vmx_place_find(&m->vm, gpa, &place));
		assert_int_equal(host_gpa_of(m, (entry & PT_ADDRESS) + n * VMX_PAGE_SIZE), gpa);
		if (!(entry & PT_WRITE))
			continue;
		assert_true(place.writable);
		assert_false(m->host.page[host_hva_page(m, gpa)].readonly);
		assert_false(m->host.page[host_hva_page(m, gpa)].shared);
		assert_false(shadow_frame_guarded(s, gpa / VMX_PAGE_SIZE, 1));
		if (place.logged) {
			const struct vmx_slot *slot = &m->vm.slots[place.slot];
			uint64_t page = (gpa - slot->gpa) / VMX_PAGE_SIZE;

			assert_true(slot->dirty[page / 64] >> page % 64 & 1);
		}
	}
}

static void link_check(
	struct machine *m, struct shadow_mmu *s, const struct shadow_page *p, uint32_t i)
{
	const struct shadow_page *child = shadow_child(s, p, i);
	uint32_t number = p->id * PT_ENTRIES + i, at = child->parents, guard = 0;

	assert_true(child->live);
	assert_int_equal(child->level, p->level - 1);
	assert_int_equal(p->entries[i] & PT_ADDRESS, child->pa);
	assert_true(child->owner == OWNER_MANY || child->owner == p->owner);
	while (at != number) {
		assert_true(at && guard++ < SHADOW_PAGES_MAX * PT_ENTRIES);
		at = shadow_link_at(shadow_page_at(s, at / PT_ENTRIES), at % PT_ENTRIES)->next;
	}
}

/* What is synced says what its table says: comparing changes nothing. */
static void synced_check(struct machine *m, struct shadow_mmu *s, struct shadow_page *p)
{
	const uint64_t *words = host_word(m, p->gfn * VMX_PAGE_SIZE);
	uint64_t before[PT_ENTRIES];
	struct vmx_place place;

	if (p->direct || p->state != SHADOW_SYNCED || s->announce || !words)
		return;
	assert_true(vmx_place_find(&m->vm, p->gfn * VMX_PAGE_SIZE, &place));
	memcpy(before, p->entries, sizeof(before));
	shadow_page_compare(s, p, words, 0, PT_ENTRIES - 1, !place.writable, SHADOW_NXE);
	assert_memory_equal(p->entries, before, sizeof(before));
}

static void page_check(
	struct machine *m, struct shadow_mmu *s, struct shadow_page *p, uint64_t *leaves)
{
	uint32_t present = 0;

	assert_true(shadow_page_find(s, p->gfn, p->level, p->direct) == p);
	assert_true(p->level == PT_LEVELS || p->parents);
	for (uint32_t i = 0; i < PT_ENTRIES; i++) {
		if (!p->entries[i])
			continue;
		present++;
		if (shadow_link_at(p, i)->target & LINK_PAGE) {
			link_check(m, s, p, i);
		} else {
			leaf_check(m, s, p, i);
			++*leaves;
		}
	}
	assert_int_equal(present, p->present);
	synced_check(m, s, p);
}

static void lists_check(const struct shadow_mmu *s)
{
	uint32_t n = 0, listed = 0;

	for (uint32_t id = s->lru_first; id; id = shadow_page_at(s, id)->lru_next) {
		assert_true(shadow_page_at(s, id)->live);
		listed += shadow_page_at(s, id)->state != SHADOW_SYNCED;
		n++;
	}
	assert_int_equal(n, s->pages);
	for (uint32_t id = s->listed; id; id = shadow_page_at(s, id)->list_next) {
		assert_true(shadow_page_at(s, id)->state != SHADOW_SYNCED);
		listed--;
	}
	assert_int_equal(listed, 0);
	assert_int_equal(s->doomed, 0);
	assert_int_equal(s->dead, 0);
	assert_false(s->need_flush);
	assert_true(s->pages <= s->pages_max);
}

static void users_check(struct machine *m, const struct shadow_mmu *s)
{
	uint32_t users = 0;

	for (uint32_t i = 0; i < VCPUS; i++) {
		const struct shadow_page *root = m->vcpu[i].shadow.root;

		assert_int_equal(m->vcpu[i].shadow.root_pa, root ? root->pa : 0);
		assert_true(!root || root->live);
		users += root != NULL;
	}
	for (uint32_t id = 1; id <= s->ids; id++)
		if (shadow_page_at(s, id)->live)
			users -= shadow_page_at(s, id)->users;
	assert_int_equal(users, 0);
}

void invariants_check(struct machine *m)
{
	struct shadow_mmu *s = shadow_mmu_of(&m->vm);
	uint64_t leaves = 0, chunks = (s->ids + SHADOW_CHUNK - 1) / SHADOW_CHUNK;

	for (uint32_t id = 1; id <= s->ids; id++)
		if (shadow_page_at(s, id)->live)
			page_check(m, s, shadow_page_at(s, id), &leaves);
	assert_int_equal(leaves, s->leaves);
	assert_int_equal(m->vm.table_pages, s->pages * SHADOW_PAGE_COST + chunks);
	lists_check(s);
	users_check(m, s);
}
