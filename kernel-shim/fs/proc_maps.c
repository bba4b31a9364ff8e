/* SPDX-License-Identifier: Apache-2.0
 * /proc/PID/maps and smaps.
 */
#include <linux/mman.h>

#include "fs/proc_internal.h"
#include "mm/mm.h"

#define NAME_COLUMN	73 /* Linux: 25 + 6 * sizeof(void *), and a blank */
#define PAGES_PER_TABLE 512u

typedef unsigned long long ull;

static const char *vma_name(const struct mm *mm, const struct vma *v)
{
	if (v->name)
		return v->name;
	if (v->file)
		return NULL;
	if (v->start <= mm->brk && v->end >= mm->brk_start && mm->brk > mm->brk_start)
		return "[heap]";
	if (v->start <= mm->start_stack && v->end > mm->start_stack)
		return "[stack]";
	return NULL;
}

static void show_vma(struct seqbuf *s, const struct mm *mm, const struct vma *v)
{
	const struct inode *i = v->file ? v->file->inode : NULL;
	const char *name = vma_name(mm, v);
	u64 dev = i ? i->super->dev : 0;
	size_t start = s->len;

	seq_printf(s, "%08llx-%08llx %c%c%c%c %08llx %02x:%02x %llu ", (ull)v->start, (ull)v->end,
		v->prot & PROT_READ ? 'r' : '-', v->prot & PROT_WRITE ? 'w' : '-',
		v->prot & PROT_EXEC ? 'x' : '-', v->flags & MAP_SHARED ? 's' : 'p',
		v->file ? (ull)v->offset : 0ull, DEV_MAJOR(dev), DEV_MINOR(dev),
		i ? (ull)i->ino : 0ull);
	if (name || (v->file && v->file->path.dentry)) {
		seq_pad(s, start, NAME_COLUMN);
		if (name)
			seq_puts(s, name);
		else
			seq_path(s, &v->file->path, "\n");
	}
	seq_puts(s, "\n");
}

int proc_show_maps(struct seqbuf *s, const struct pseudo_node *n)
{
	struct mm *mm = proc_mm(n);

	for (u32 i = 0; mm && i < mm->nvmas; i++)
		show_vma(s, mm, mm->vmas[i]);
	return 0;
}

/* -- smaps -- */

struct page_counts {
	u64 rss, pss, shared_clean, shared_dirty, private_clean, private_dirty, anonymous;
};

static void count_page(struct page_counts *c, u64 pte)
{
	bool ram = pa_is_ram(pte & PTE_ADDR);
	u32 users = ram ? page_refs(pte & PTE_ADDR) : 2; /* window pages are the host's, too */
	bool dirty = pte & PTE_D;

	c->rss++;
	c->pss += 1024 * (PAGE_SIZE / 1024) / (users ? users : 1); /* in 1/1024 kB */
	if (users > 1)
		*(dirty ? &c->shared_dirty : &c->shared_clean) += 1;
	else
		*(dirty ? &c->private_dirty : &c->private_clean) += 1;
	if (ram)
		c->anonymous++;
}

static void count_pages(struct page_counts *c, const struct mm *mm, const struct vma *v)
{
	u64 va = v->start;

	memset(c, 0, sizeof(*c));
	while (va < v->end) {
		u64 *e = pgtable_entry(mm->pgd, va, false);

		if (!e) { /* no table: nothing up to where the next one begins */
			va = round_down(va, PAGES_PER_TABLE * PAGE_SIZE) +
			     PAGES_PER_TABLE * PAGE_SIZE;
			continue;
		}
		if (*e & (PTE_P | PTE_HELD))
			count_page(c, *e);
		va += PAGE_SIZE;
	}
}

static void smaps_row(struct seqbuf *s, const char *name, u64 kb)
{
	size_t start = s->len;

	seq_printf(s, "%s:", name);
	seq_pad(s, start, 16);
	seq_printf(s, "%8llu kB\n", (ull)kb);
}

static void show_counts(struct seqbuf *s, const struct page_counts *c)
{
	static const char *const none[] = {"KSM", "LazyFree", "AnonHugePages", "ShmemPmdMapped",
		"FilePmdMapped", "Shared_Hugetlb", "Private_Hugetlb", "Swap", "SwapPss"};
	const u64 kb = PAGE_SIZE / 1024;

	smaps_row(s, "KernelPageSize", kb);
	smaps_row(s, "MMUPageSize", kb);
	smaps_row(s, "Rss", c->rss * kb);
	smaps_row(s, "Pss", c->pss / 1024);
	smaps_row(s, "Pss_Dirty", c->private_dirty * kb);
	smaps_row(s, "Shared_Clean", c->shared_clean * kb);
	smaps_row(s, "Shared_Dirty", c->shared_dirty * kb);
	smaps_row(s, "Private_Clean", c->private_clean * kb);
	smaps_row(s, "Private_Dirty", c->private_dirty * kb);
	smaps_row(s, "Referenced", c->rss * kb);
	smaps_row(s, "Anonymous", c->anonymous * kb);
	for (u32 i = 0; i < ARRAY_SIZE(none); i++)
		smaps_row(s, none[i], 0);
}

static void show_vmflags(struct seqbuf *s, const struct vma *v)
{
	static const struct {
		u32 prot;
		const char *now, *may;
	} rights[] = {
		{PROT_READ, "rd ", "mr "},
		{PROT_WRITE, "wr ", "mw "},
		{PROT_EXEC, "ex ", "me "},
	};

	seq_puts(s, "VmFlags: ");
	for (u32 i = 0; i < ARRAY_SIZE(rights); i++)
		seq_puts(s, v->prot & rights[i].prot ? rights[i].now : "");
	seq_puts(s, v->flags & MAP_SHARED ? "sh " : "");
	for (u32 i = 0; i < ARRAY_SIZE(rights); i++)
		seq_puts(s, v->maxprot & rights[i].prot ? rights[i].may : "");
	seq_puts(s, v->flags & MAP_GROWSDOWN ? "gd " : "");
	seq_puts(s, v->vmflags & VMA_LOCKED ? "lo " : "");
	seq_puts(s, v->vmflags & VMA_DONTFORK ? "dc " : "");
	seq_puts(s, v->vmflags & VMA_WIPEONFORK ? "wf " : "");
	seq_puts(s, "\n");
}

int proc_show_smaps(struct seqbuf *s, const struct pseudo_node *n)
{
	struct mm *mm = proc_mm(n);

	for (u32 i = 0; mm && i < mm->nvmas; i++) {
		const struct vma *v = mm->vmas[i];
		struct page_counts c;

		show_vma(s, mm, v);
		count_pages(&c, mm, v);
		smaps_row(s, "Size", (v->end - v->start) / 1024);
		show_counts(s, &c);
		smaps_row(s, "Locked", v->vmflags & VMA_LOCKED ? c.rss * (PAGE_SIZE / 1024) : 0);
		seq_puts(s, "THPeligible:           0\n");
		show_vmflags(s, v);
	}
	return 0;
}
