/* SPDX-License-Identifier: Apache-2.0
 *
 * What a CPU may do with the guest's tables as they are in memory: the walk of the manual, in
 * words of its own, over every mixture of old and new entries that a TLB and paging-structure
 * caches could have been left with.
 */
#include "tests/unit/vmx/machine.h"

/* --- the past --- */

void past_prune(struct machine *m)
{
	uint64_t oldest = ~0ull, began = ~0ull;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < VCPUS; i++) {
		if (m->vcpu[i].flushed_all < oldest)
			oldest = m->vcpu[i].flushed_all;
		if (m->vcpu[i].began < began)
			began = m->vcpu[i].began;
	}
	for (uint32_t i = 0; i < m->pasts; i++) {
		const struct past *p = &m->past[i];

		if (m->announcing ? !p->retired || p->retired > began : p->time > oldest)
			m->past[kept++] = *p;
	}
	m->pasts = kept;
}

void past_forget(struct machine *m)
{
	m->pasts = 0;
}

void past_add(struct machine *m, uint64_t gpa, uint64_t old)
{
	assert_true(m->pasts < PAST_MAX);
	m->past[m->pasts++] = (struct past){++m->clock, gpa, old, 0};
}

void past_retire(struct machine *m, uint64_t gpa)
{
	for (uint32_t i = m->pasts; i--;) {
		if (m->past[i].gpa != gpa)
			continue;
		m->past[i].retired = ++m->clock;
		return;
	}
}

/* --- the walk --- */

#define NODES_MAX 20000u

struct search {
	struct machine *m;
	const struct vmx_vcpu *v;
	uint64_t gva;
	uint32_t access;
	uint64_t since; /* entries overwritten later count */
	bool answers;	/* an answer is explained, which announcements concern */
	uint64_t began;
	uint32_t nodes;
	/* Until it says true. */
	bool (*found)(void *arg, const struct outcome *out);
	void *arg;
};

struct acc {
	bool write, user, nx;
};

static bool tell(struct search *s, enum outcome_kind kind, uint64_t gpa, uint32_t error)
{
	struct outcome out = {.kind = kind, .gpa = gpa, .error = error};

	return s->found(s->arg, &out);
}

static uint32_t access_error(const struct search *s)
{
	if (s->v->modes & (SHADOW_NXE | SHADOW_SMEP))
		return s->access;
	return s->access & ~PF_FETCH;
}

static bool permits(const struct search *s, const struct acc *a)
{
	bool user = s->access & PF_USER, fetch = s->access & PF_FETCH;

	if ((s->access & PF_WRITE) && !a->write)
		return false;
	if (fetch && a->nx)
		return false;
	if (user && !a->user)
		return false;
	if (!user && a->user && fetch && (s->v->modes & SHADOW_SMEP))
		return false;
	return user || !a->user || fetch || s->v->ac || !(s->v->modes & SHADOW_SMAP);
}

/* SDM tables 4-15 to 4-20: what must be zero. */
static bool reserved(const struct search *s, uint64_t e, uint32_t level)
{
	if (e >> vmx_caps.phys_bits & ((1ull << (52 - vmx_caps.phys_bits)) - 1))
		return true;
	if ((e >> 63) && !(s->v->modes & SHADOW_NXE))
		return true;
	if (!(e & 0x80))
		return false;
	if (level == 4)
		return true;
	if (level == 3)
		return e & 0x3fffe000;
	return level == 2 && (e & 0x1fe000);
}

static bool at_memory(struct search *s, uint64_t gpa)
{
	struct vmx_place place;
	uint32_t page;

	if (!vmx_place_find(&s->m->vm, gpa, &place))
		return tell(s, OUT_MMIO, gpa, 0);
	if ((s->access & PF_WRITE) && !place.writable)
		return tell(s, OUT_MMIO, gpa, 0);
	page = host_hva_page(s->m, gpa);
	if (s->m->host.page[page].broken ||
		((s->access & PF_WRITE) && s->m->host.page[page].readonly))
		return tell(s, OUT_MEMORY, gpa, 0);
	return tell(s, OUT_OK, gpa, 0);
}

static bool walk_table(struct search *s, uint64_t table, uint32_t level, struct acc a);

static bool walk_entry(struct search *s, uint64_t e, uint32_t level, struct acc a)
{
	uint64_t size = 1ull << (12 + 9 * (level - 1));

	if (!(e & 1))
		return tell(s, OUT_FAULT, 0, access_error(s));
	if (reserved(s, e, level))
		return tell(s, OUT_FAULT, 0, access_error(s) | 9);
	a.write &= !!(e & 2);
	a.user &= !!(e & 4);
	a.nx |= !!(e >> 63);
	if (level > 1 && !(e & 0x80))
		return walk_table(s, e & 0x000ffffffffff000, level - 1, a);
	if (!permits(s, &a))
		return tell(s, OUT_FAULT, 0, access_error(s) | 1);
	return at_memory(s, (e & 0x000ffffffffff000 & ~(size - 1)) | (s->gva & (size - 1)));
}

static bool past_counts(const struct search *s, const struct past *p)
{
	if (s->answers && s->m->announcing)
		return !p->retired || p->retired > s->began;
	return p->time > s->since;
}

static bool walk_table(struct search *s, uint64_t table, uint32_t level, struct acc a)
{
	uint64_t gpa = table + (s->gva >> (12 + 9 * (level - 1)) & 511) * 8;
	const uint64_t *word = host_word(s->m, gpa);

	if (s->nodes++ > NODES_MAX)
		return false;
	if (!word) {
		if (tell(s, host_hva_page(s->m, gpa) == NO_FRAME ? OUT_MMIO : OUT_MEMORY, gpa, 0))
			return true;
	} else if (walk_entry(s, *word, level, a)) {
		return true;
	}
	for (uint32_t i = s->m->pasts; i--;) {
		const struct past *p = &s->m->past[i];

		if (p->gpa == gpa && past_counts(s, p) && walk_entry(s, p->old, level, a))
			return true;
	}
	return false;
}

static bool search_run(struct search *s)
{
	return walk_table(
		s, s->v->shadow.guest_cr3 & 0x000ffffffffff000, 4, (struct acc){true, true, false});
}

/* --- questions --- */

static bool same(void *arg, const struct outcome *out)
{
	const struct outcome *want = arg;

	return out->kind == want->kind &&
	       (out->kind == OUT_FAULT ? out->error == want->error : out->gpa == want->gpa);
}

static uint64_t flushed_at(const struct vmx_vcpu *v, uint64_t gva)
{
	uint64_t time = v->flushed_all;

	for (uint32_t i = 0; i < VMX_ARRAY_SIZE(v->flushed); i++)
		if (v->flushed[i].page == gva >> 12 && v->flushed[i].time > time)
			time = v->flushed[i].time;
	return time;
}

bool reference_explains(struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint32_t access,
	const struct outcome *out, uint64_t began)
{
	struct outcome want = *out;
	struct search s = {
		.m = m,
		.v = v,
		.gva = gva,
		.access = access,
		.answers = out->kind == OUT_OK,
		.since = out->kind == OUT_OK ? flushed_at(v, gva) : began,
		.began = began,
		.found = same,
		.arg = &want,
	};

	if (search_run(&s))
		return true;
	m->gave_up += s.nodes > NODES_MAX;
	return s.nodes > NODES_MAX;
}

static bool keep(void *arg, const struct outcome *out)
{
	*(struct outcome *)arg = *out;
	return true;
}

struct outcome reference_now(
	struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint32_t access)
{
	struct outcome out = {.kind = OUT_ERROR};
	struct search s = {.m = m, .v = v, .gva = gva, .access = access, .since = ~0ull};

	s.found = keep;
	s.arg = &out;
	search_run(&s);
	return out;
}

/* Does v know of all changes of the entries that it would use, and none of them is on its way? */
bool reference_settled(struct machine *m, const struct vmx_vcpu *v, uint64_t gva)
{
	struct search s = {.m = m, .v = v, .gva = gva, .answers = true};

	s.since = flushed_at(v, gva);
	s.began = m->clock;
	for (uint32_t i = 0; i < m->pasts; i++)
		if (past_counts(&s, &m->past[i]) && reference_on_path(m, v, gva, m->past[i].gpa))
			return false;
	return true;
}

bool reference_on_path(struct machine *m, const struct vmx_vcpu *v, uint64_t gva, uint64_t gpa)
{
	uint64_t table = v->shadow.guest_cr3 & 0x000ffffffffff000;

	for (uint32_t level = 4; level; level--) {
		uint64_t at = table + (gva >> (12 + 9 * (level - 1)) & 511) * 8;
		const uint64_t *word = host_word(m, at);

		if (at == gpa)
			return true;
		if (!word || (level > 1 && level < 4 && (*word & 0x80)))
			return false;
		table = *word & 0x000ffffffffff000;
	}
	return false;
}
