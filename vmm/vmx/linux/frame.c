// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The owner's pages: found, read, changed. Always in the owner's context, by the thread that runs
 * the vCPU; nothing stays pinned.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pgtable.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>

#include "module.h"
#include "trace.h"

/* --- how large the host's own mapping is --- */

/* A leaf of the host's tables, of 2 MiB or 1 GiB: is it the page that was found, with its rights?
 */
static bool leaf_matches(u64 leaf_pa, bool leaf_writable, u64 size, const struct vmx_frame *f)
{
	return (leaf_pa & ~(size - 1)) == (f->pa & ~(size - 1)) && leaf_writable == f->writable;
}

/*
 * The host's tables are read without its locks: with interrupts off they are not freed (the IPI of
 * a TLB shootdown, or RCU, waits for us, as for get_user_pages_fast). What is read may be outdated
 * at once; then the frame is stale, and the caller looks again. Every level is read once.
 */
static u8 level_walk(struct mm_struct *mm, unsigned long hva, const struct vmx_frame *f)
{
	pgd_t pgd = READ_ONCE(*pgd_offset(mm, hva));
	p4d_t p4d;
	pud_t pud;
	pmd_t pmd;

	if (pgd_none(pgd) || !pgd_present(pgd))
		return 1;
	p4d = READ_ONCE(*p4d_offset(&pgd, hva));
	if (p4d_none(p4d) || !p4d_present(p4d))
		return 1;
	pud = READ_ONCE(*pud_offset(&p4d, hva));
	if (pud_none(pud) || !pud_present(pud))
		return 1;
	if (pud_leaf(pud))
		return leaf_matches((u64)pud_pfn(pud) << PAGE_SHIFT, pud_write(pud), PUD_SIZE, f)
			       ? 3
			       : 1;
	pmd = READ_ONCE(*pmd_offset(&pud, hva));
	if (pmd_none(pmd) || !pmd_present(pmd) || !pmd_leaf(pmd))
		return 1;
	return leaf_matches((u64)pmd_pfn(pmd) << PAGE_SHIFT, pmd_write(pmd), PMD_SIZE, f) ? 2 : 1;
}

/*
 * CPUs with ITLB_MULTIHIT take a machine check when a guest executes from a large page while it is
 * split: a guest could do that at will (Intel's advice is small executable pages; the core does not
 * know which are, so all are).
 */
static u8 frame_level(struct mm_struct *mm, unsigned long hva, const struct vmx_frame *f)
{
	unsigned long flags;
	u8 level;

	if (boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT))
		return 1;
	local_irq_save(flags);
	level = level_walk(mm, hva, f);
	local_irq_restore(flags);
	return level;
}

/* --- frames --- */

#define CAME_ALONG 1ul /* in a cookie, a page's address: from sbv_frames_at_hand */

static int get_page_slow(unsigned long hva, bool write, struct page **page)
{
	unsigned int flags = FOLL_HWPOISON | (write ? FOLL_WRITE : 0);
	long n;

#ifdef FOLL_INTERRUPTIBLE
	flags |= FOLL_INTERRUPTIBLE;
#endif
	n = get_user_pages_unlocked(hva, 1, page, flags);
	if (n == 1)
		return 0;
	if (n == -EHWPOISON || n == -ENOMEM)
		return n;
	if (n == -EINTR || n == -ERESTARTSYS || n == -EAGAIN || fatal_signal_pending(current))
		return -EINTR;
	return -EFAULT;
}

/* Is the host's entry writable as it is? Without a fault: reading must not copy a private page nor
 * dirty a file's. */
static bool get_page_writable(unsigned long hva, struct page *page)
{
	struct page *again;
	bool same;

	if (get_user_pages_fast_only(hva, 1, FOLL_WRITE, &again) != 1)
		return false;
	same = again == page;
	put_page(again);
	return same;
}

int sbv_frame_get(void *host_vm, uint64_t hva, bool write, struct vmx_frame *out)
{
	struct sbv_vm *vm = host_vm;
	struct page *page;
	int ret = 0;

	might_sleep();
	hva &= PAGE_MASK;
	if (get_user_pages_fast_only(hva, 1, write ? FOLL_WRITE : 0, &page) != 1)
		ret = get_page_slow(hva, write, &page);
	trace_sandbox_vmx_fault(hva, write, ret);
	if (ret)
		return ret;
	out->pa = page_to_phys(page);
	out->writable = write || get_page_writable(hva, page);
	out->level = frame_level(vm->mm, hva, out);
	out->cookie = page;
	return 0;
}

uint32_t sbv_frames_at_hand(
	void *host_vm, uint64_t hva, bool write, uint32_t n, struct vmx_frame *out)
{
	struct page *pages[16];
	int got;

	n = min_t(u32, n, ARRAY_SIZE(pages));
	got = get_user_pages_fast_only(hva & PAGE_MASK, n, write ? FOLL_WRITE : 0, pages);
	for (int i = 0; i < got; i++)
		out[i] = (struct vmx_frame){
			.pa = page_to_phys(pages[i]),
			.writable = write,
			.level = 1,
			.cookie = (void *)((unsigned long)pages[i] | CAME_ALONG),
		};
	return max(got, 0);
}

/* Memory that only swap is behind needs no more than the mark; a file has to be told. */
static void page_dirty(struct page *page)
{
	if (PageDirty(page))
		return;
	if (PageSwapBacked(page))
		SetPageDirty(page);
	else
		set_page_dirty_lock(page);
}

/*
 * The guest's writes leave no mark in the host's tables. So a page that it may write counts as
 * written from here on: whoever cleans it protects it first, which zaps our entry (notify.c), and
 * the next write comes here again. Pages that only came along do not count as used.
 */
void sbv_frame_put(void *host_vm, struct vmx_frame *frame)
{
	unsigned long cookie = (unsigned long)frame->cookie;
	struct page *page = (struct page *)(cookie & ~CAME_ALONG);

	if (frame->writable)
		page_dirty(page);
	if (!(cookie & CAME_ALONG))
		folio_mark_accessed(page_folio(page));
	put_page(page);
}

/* --- the guest's memory, by the owner's addresses --- */

int sbv_user_read(void *host_vm, uint64_t hva, void *to, size_t n)
{
	return copy_from_user(to, (const void __user *)(unsigned long)hva, n) ? -EFAULT : 0;
}

int sbv_user_cmpxchg64(void *host_vm, uint64_t hva, uint64_t old, uint64_t new_value)
{
	u64 __user *p = (u64 __user *)(unsigned long)hva;
	u64 expected = old;

	if (!IS_ALIGNED(hva, sizeof(*p)) || !access_ok(p, sizeof(*p)))
		return -EFAULT;
	/* A page that is not there, or not writable yet, is faulted in as in any copy. */
	return __try_cmpxchg_user(p, &expected, (u64)new_value, fault);
}
