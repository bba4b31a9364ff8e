/* SPDX-License-Identifier: Apache-2.0
 *
 * The host: memory, its lock, and the ways in which it can fail the core.
 */
#include <stdlib.h>

#include <sanitizer/asan_interface.h>

#include "tests/unit/vmx/machine.h"

static void step_in(struct host *h)
{
	assert_false(h->locked);
	if (h->between)
		h->between(h->machine);
}

/* --- pages of the core's --- */

static struct host *the_host; /* page_alloc and the like have no argument for it */

static void *op_page_alloc(void)
{
	struct host *h = the_host;
	uint32_t i = h->tables_free;
	uint8_t *page;

	if (h->allocs_left == 0)
		return NULL;
	if (h->allocs_left > 0)
		h->allocs_left--;
	while (i < TABLES_MAX && h->table_live[i])
		i++;
	if (i >= TABLES_MAX)
		return NULL;
	h->tables_free = i + 1;
	h->table_live[i] = true;
	h->tables_live++;
	page = h->table_pool + (size_t)i * VMX_PAGE_SIZE;
	__asan_unpoison_memory_region(page, VMX_PAGE_SIZE);
	memset(page, 0, VMX_PAGE_SIZE);
	return page;
}

static uint32_t table_index(const struct host *h, const void *page)
{
	size_t offset = (size_t)((const uint8_t *)page - h->table_pool);

	assert_true(offset % VMX_PAGE_SIZE == 0 && offset / VMX_PAGE_SIZE < TABLES_MAX);
	assert_true(h->table_live[offset / VMX_PAGE_SIZE]);
	return (uint32_t)(offset / VMX_PAGE_SIZE);
}

static uint64_t op_page_pa(const void *page)
{
	return TABLE_PA + table_index(the_host, page) * VMX_PAGE_SIZE;
}

static void *op_page_va(uint64_t pa)
{
	uint64_t i = (pa - TABLE_PA) / VMX_PAGE_SIZE;

	assert_true(i < TABLES_MAX && the_host->table_live[i]);
	return the_host->table_pool + i * VMX_PAGE_SIZE;
}

/* Poisoned: a use after this is a report of the address sanitizer's. */
static void op_page_free(void *page)
{
	struct host *h = the_host;
	uint32_t i = table_index(h, page);

	cpu_assert_unknown(h->machine, TABLE_PA + i * VMX_PAGE_SIZE);
	__asan_poison_memory_region(page, VMX_PAGE_SIZE);
	h->table_live[i] = false;
	if (i < h->tables_free)
		h->tables_free = i;
	h->tables_live--;
}

static void *op_alloc(size_t size)
{
	return calloc(1, size);
}

/* --- the lock --- */

static void op_lock(void *host_vm)
{
	struct host *h = host_vm;

	assert_false(h->locked);
	h->locked = true;
}

static void op_unlock(void *host_vm)
{
	struct host *h = host_vm;

	assert_true(h->locked);
	h->locked = false;
}

/* --- the owner's memory --- */

static uint8_t *frame_va(const struct host *h, uint32_t frame)
{
	return h->pool + (size_t)frame * VMX_PAGE_SIZE;
}

static void frame_give(struct host *h, uint32_t page, uint32_t frame)
{
	h->page[page].frame = frame;
	h->owner[frame] = page;
}

static uint32_t frame_spare(struct host *h)
{
	for (uint32_t i = 0; i < FRAMES; i++)
		if (h->owner[i] == NO_FRAME)
			return i;
	fail_msg("no spare frame");
	return 0;
}

/* What was taken away comes back where it was written to: here, with its contents. */
static struct hva_page *page_at(struct host *h, uint64_t hva)
{
	uint64_t i = (hva - HVA_BASE) / VMX_PAGE_SIZE;
	struct hva_page *p;

	assert_true(i < HVA_PAGES);
	p = &h->page[i];
	if (p->broken)
		return NULL;
	assert_int_not_equal(p->frame, NO_FRAME);
	return p;
}

static int op_user_read(void *host_vm, uint64_t hva, void *to, size_t n)
{
	struct host *h = host_vm;
	const struct hva_page *p;

	step_in(h);
	assert_true((hva & (VMX_PAGE_SIZE - 1)) + n <= VMX_PAGE_SIZE);
	p = page_at(h, hva);
	if (!p)
		return -EFAULT;
	memcpy(to, frame_va(h, p->frame) + (hva & (VMX_PAGE_SIZE - 1)), n);
	return 0;
}

/* Only ever the accessed and dirty bits of an entry that is used; the dirty bit for a write. */
static void bits_check(struct machine *m, uint64_t hva, uint64_t old, uint64_t new_value)
{
	uint64_t bits = new_value & ~old;

	assert_true(old & PT_PRESENT);
	assert_int_equal(old & ~new_value, 0);
	assert_true(bits && !(bits & ~(PT_ACCESSED | PT_DIRTY)));
	assert_non_null(m->now);
	if (bits & PT_DIRTY)
		assert_true(m->now_access & PF_WRITE);
	if (m->watch_bits)
		assert_true(reference_on_path(m, m->now, m->now_gva,
			host_gpa_of(
				m, FRAME_PA + m->host.page[(hva - HVA_BASE) / VMX_PAGE_SIZE].frame *
						      VMX_PAGE_SIZE) +
				(hva & (VMX_PAGE_SIZE - 1))));
}

static int op_user_cmpxchg64(void *host_vm, uint64_t hva, uint64_t old, uint64_t new_value)
{
	struct host *h = host_vm;
	struct hva_page *p;
	uint64_t *word;

	step_in(h);
	p = page_at(h, hva);
	if (!p || p->readonly)
		return -EFAULT;
	p->shared = false;
	word = (uint64_t *)(void *)(frame_va(h, p->frame) + (hva & (VMX_PAGE_SIZE - 1)));
	if (h->cmpxchg_losses && h->cmpxchg_losses--)
		return 1;
	if (*word != old)
		return 1;
	bits_check(h->machine, hva, old, new_value);
	*word = new_value;
	h->machine->bits_set++;
	return 0;
}

static uint64_t op_frame_sequence(void *host_vm)
{
	struct host *h = host_vm;

	step_in(h);
	return h->sequence;
}

static uint8_t frame_level(const struct host *h, uint64_t hva_page)
{
	uint64_t i = hva_page - RAM_PAGES;

	return i < BIG_PAGES && !h->big_split[i / PT_ENTRIES] ? 2 : 1;
}

static int op_frame_get(void *host_vm, uint64_t hva, bool write, struct vmx_frame *out)
{
	struct host *h = host_vm;
	int error = h->frame_error;
	struct hva_page *p;

	step_in(h);
	assert_int_equal(hva & (VMX_PAGE_SIZE - 1), 0);
	if (h->leaving == hva) /* who wants it waits */
		host_move_end(h->machine);
	h->frame_error = 0;
	if (error)
		return error;
	p = page_at(h, hva);
	if (!p || (p->readonly && write))
		return -EFAULT;
	if (write)
		p->shared = false;
	*out = (struct vmx_frame){
		.pa = FRAME_PA + p->frame * VMX_PAGE_SIZE,
		.writable = !p->readonly && !p->shared,
		.level = frame_level(h, (hva - HVA_BASE) / VMX_PAGE_SIZE),
		.cookie = p,
	};
	h->frames_held++;
	step_in(h);
	return 0;
}

/* As frame_get, but that nothing is copied for it. */
static uint32_t op_frames_at_hand(
	void *host_vm, uint64_t hva, bool write, uint32_t n, struct vmx_frame *out)
{
	struct host *h = host_vm;
	uint32_t i;

	step_in(h);
	for (i = 0; i < n; i++, hva += VMX_PAGE_SIZE) {
		struct hva_page *p;

		if (hva - HVA_BASE >= HVA_PAGES * VMX_PAGE_SIZE)
			break;
		p = page_at(h, hva);
		if (!p || (write && (p->readonly || p->shared)))
			break;
		out[i] = (struct vmx_frame){
			.pa = FRAME_PA + p->frame * VMX_PAGE_SIZE,
			.writable = write,
			.level = 1,
			.cookie = p,
		};
		h->frames_held++;
	}
	return i;
}

static bool op_frame_stale(void *host_vm, uint64_t sequence, uint64_t hva)
{
	struct host *h = host_vm;

	assert_true(h->locked);
	if (h->stale_next && h->stale_next--)
		return true;
	return h->sequence != sequence || h->leaving == hva;
}

static void op_frame_put(void *host_vm, struct vmx_frame *frame)
{
	struct host *h = host_vm;

	assert_false(h->locked);
	assert_non_null(frame->cookie);
	h->frames_held--;
}

static void op_leave_guest(void *host_vm)
{
	struct host *h = host_vm;

	assert_true(h->locked);
	h->leave_count++;
}

static void op_nothing(void)
{
}

static void op_log(const char *format, ...)
{
}

const struct vmx_host_ops host_ops = {
	.page_alloc = op_page_alloc,
	.page_free = op_page_free,
	.page_pa = op_page_pa,
	.page_va = op_page_va,
	.alloc = op_alloc,
	.free = free,
	.lock = op_lock,
	.unlock = op_unlock,
	.frame_sequence = op_frame_sequence,
	.frame_get = op_frame_get,
	.frames_at_hand = op_frames_at_hand,
	.frame_stale = op_frame_stale,
	.frame_put = op_frame_put,
	.user_read = op_user_read,
	.user_cmpxchg64 = op_user_cmpxchg64,
	.leave_guest = op_leave_guest,
	.fpu_begin = op_nothing,
	.fpu_end = op_nothing,
	.nmi = op_nothing,
	.machine_check = op_nothing,
	.log = op_log,
};

/* --- for the tests --- */

uint32_t host_hva_page(struct machine *m, uint64_t gpa)
{
	struct vmx_place place;

	if (!vmx_place_find(&m->vm, gpa, &place))
		return NO_FRAME;
	return (uint32_t)((place.hva - HVA_BASE) / VMX_PAGE_SIZE);
}

uint64_t *host_word(struct machine *m, uint64_t gpa)
{
	uint32_t page = host_hva_page(m, gpa);

	if (page == NO_FRAME || m->host.page[page].broken)
		return NULL;
	return (uint64_t *)(void *)(frame_va(&m->host, m->host.page[page].frame) +
				    (gpa & (VMX_PAGE_SIZE - 1) & ~7ull));
}

uint64_t host_gpa_of(struct machine *m, uint64_t pa)
{
	uint64_t frame = (pa - FRAME_PA) / VMX_PAGE_SIZE, offset = pa & (VMX_PAGE_SIZE - 1);
	uint64_t hva;

	assert_true(frame < FRAMES);
	if (m->host.owner[frame] == NO_FRAME)
		return ~0ull;
	hva = HVA_BASE + m->host.owner[frame] * VMX_PAGE_SIZE;
	for (uint32_t i = 0; i < VMX_SLOTS; i++) {
		const struct vmx_slot *s = &m->vm.slots[i];

		if (hva - s->hva < s->size)
			return s->gpa + (hva - s->hva) + offset;
	}
	return ~0ull;
}

/* As a host does it: the notifier under the lock, the TLBs, and then the page. */
static void hva_zap(struct machine *m, uint32_t page, uint32_t pages)
{
	uint64_t hva = HVA_BASE + page * VMX_PAGE_SIZE;

	m->host.locked = true;
	m->host.sequence++;
	if (vmx_vm_zap_hva(&m->vm, hva, hva + pages * VMX_PAGE_SIZE))
		vmx_flush_tlbs(&m->vm);
	m->host.locked = false;
}

/* The large page that it is part of, if it is, becomes small ones. */
static void page_zap(struct machine *m, uint32_t page)
{
	struct host *h = &m->host;
	uint32_t big = page - RAM_PAGES;

	if (big >= BIG_PAGES || h->big_split[big / PT_ENTRIES]) {
		hva_zap(m, page, 1);
		return;
	}
	hva_zap(m, page - big % PT_ENTRIES, PT_ENTRIES);
	h->big_split[big / PT_ENTRIES] = true;
}

static void page_move(struct machine *m, uint32_t page, uint32_t to)
{
	struct host *h = &m->host;
	uint32_t old = h->page[page].frame;

	assert_int_equal(h->leaving, 0);
	page_zap(m, page);
	cpu_assert_unknown(m, FRAME_PA + old * VMX_PAGE_SIZE);
	memcpy(frame_va(h, to), frame_va(h, old), VMX_PAGE_SIZE);
	memset(frame_va(h, old), 0xa5, VMX_PAGE_SIZE);
	h->owner[old] = NO_FRAME;
	frame_give(h, page, to);
}

void host_move(struct machine *m, uint64_t gpa)
{
	if (m->host.leaving)
		host_move_end(m);
	page_move(m, host_hva_page(m, gpa), frame_spare(&m->host));
}

void host_move_begin(struct machine *m, uint64_t gpa)
{
	uint32_t page = host_hva_page(m, gpa);

	if (m->host.leaving)
		host_move_end(m);
	page_zap(m, page);
	m->host.leaving = HVA_BASE + page * VMX_PAGE_SIZE;
}

/* What was found of it meanwhile is not in any table. */
void host_move_end(struct machine *m)
{
	struct host *h = &m->host;
	uint32_t page = (uint32_t)((h->leaving - HVA_BASE) / VMX_PAGE_SIZE);
	uint32_t old = h->page[page].frame, to = frame_spare(h);

	h->leaving = 0;
	h->sequence++;
	cpu_assert_unknown(m, FRAME_PA + old * VMX_PAGE_SIZE);
	memcpy(frame_va(h, to), frame_va(h, old), VMX_PAGE_SIZE);
	memset(frame_va(h, old), 0xa5, VMX_PAGE_SIZE);
	h->owner[old] = NO_FRAME;
	frame_give(h, page, to);
}

void host_join(struct machine *m, uint64_t gpa)
{
	struct host *h = &m->host;

	if (h->leaving)
		host_move_end(m);
	uint32_t first = (host_hva_page(m, gpa) - RAM_PAGES) & ~(PT_ENTRIES - 1);

	for (uint32_t frame = first; frame < first + PT_ENTRIES; frame++) {
		if (h->owner[frame] == RAM_PAGES + frame)
			continue;
		if (h->owner[frame] != NO_FRAME)
			page_move(m, h->owner[frame], frame_spare(h));
		page_move(m, RAM_PAGES + frame, frame);
	}
	hva_zap(m, RAM_PAGES + first, PT_ENTRIES);
	for (uint32_t i = 0; i < PT_ENTRIES; i++)
		h->page[RAM_PAGES + first + i].shared = false;
	h->big_split[first / PT_ENTRIES] = false;
}

void host_take(struct machine *m, uint64_t gpa)
{
	uint32_t page = host_hva_page(m, gpa);

	page_zap(m, page);
	cpu_assert_unknown(m, FRAME_PA + m->host.page[page].frame * VMX_PAGE_SIZE);
}

void host_share(struct machine *m, uint64_t gpa)
{
	m->host.page[host_hva_page(m, gpa)].shared = true;
	host_take(m, gpa);
}

void host_init(struct host *h, struct machine *m)
{
	*h = (struct host){.machine = m, .allocs_left = -1, .sequence = 1};
	the_host = h;
	h->pool =
		aligned_alloc(2 << 20, (FRAMES * VMX_PAGE_SIZE + (2 << 20)) & ~((2ull << 20) - 1));
	assert_non_null(h->pool);
	memset(h->pool, 0, FRAMES * VMX_PAGE_SIZE);
	h->table_pool = aligned_alloc(VMX_PAGE_SIZE, TABLES_MAX * VMX_PAGE_SIZE);
	assert_non_null(h->table_pool);
	__asan_poison_memory_region(h->table_pool, TABLES_MAX * VMX_PAGE_SIZE);
	for (uint32_t i = 0; i < FRAMES; i++)
		h->owner[i] = NO_FRAME;
	/* The big region's frames in one piece; the others backwards, so that no number is equal
	 * by chance. */
	for (uint32_t i = 0; i < BIG_PAGES; i++)
		frame_give(h, RAM_PAGES + i, i);
	for (uint32_t i = 0; i < HVA_PAGES; i++)
		if (i - RAM_PAGES >= BIG_PAGES)
			frame_give(h, i, FRAMES - 1 - (i < RAM_PAGES ? i : i - BIG_PAGES));
}

void host_destroy(struct host *h)
{
	assert_int_equal(h->tables_live, 0);
	assert_int_equal(h->frames_held, 0);
	assert_false(h->locked);
	__asan_unpoison_memory_region(h->table_pool, TABLES_MAX * VMX_PAGE_SIZE);
	free(h->table_pool);
	free(h->pool);
}
