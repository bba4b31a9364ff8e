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

/* Bytes of pages. */
enum page_count {
	NONE,
	RSS,
	PSS,
	CLEAN, /* and, in this order, dirty, and both of those that others share */
	DIRTY,
	SHARED_CLEAN,
	SHARED_DIRTY,
	ANONYMOUS,
	PAGE_COUNTS
};

static void count_page(u64 *c, u64 pte)
{
	bool ram = pa_is_ram(pte & PTE_ADDR);
	u32 users = ram ? page_refs(pte & PTE_ADDR) : 2; /* window pages are the host's, too */

	c[RSS] += PAGE_SIZE;
	c[PSS] += PAGE_SIZE / (users ? users : 1);
	c[(users > 1 ? SHARED_CLEAN : CLEAN) + !!(pte & PTE_D)] += PAGE_SIZE;
	if (ram)
		c[ANONYMOUS] += PAGE_SIZE;
}

static void count_pages(u64 *c, const struct mm *mm, const struct vma *v)
{
	u64 va = v->start;

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

static void smaps_row(struct seqbuf *s, const char *name, u64 bytes)
{
	size_t start = s->len;

	seq_printf(s, "%s:", name);
	seq_pad(s, start, 16);
	seq_printf(s, "%8llu kB\n", (ull)(bytes / 1024));
}

static void show_counts(struct seqbuf *s, const u64 *c)
{
	static const struct {
		const char *name;
		enum page_count count;
	} rows[] = {
		{"Rss", RSS},
		{"Pss", PSS},
		{"Pss_Dirty", DIRTY},
		{"Shared_Clean", SHARED_CLEAN},
		{"Shared_Dirty", SHARED_DIRTY},
		{"Private_Clean", CLEAN},
		{"Private_Dirty", DIRTY},
		{"Referenced", RSS},
		{"Anonymous", ANONYMOUS},
		{"KSM", NONE},
		{"LazyFree", NONE},
		{"AnonHugePages", NONE},
		{"ShmemPmdMapped", NONE},
		{"FilePmdMapped", NONE},
		{"Shared_Hugetlb", NONE},
		{"Private_Hugetlb", NONE},
		{"Swap", NONE},
		{"SwapPss", NONE},
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++)
		smaps_row(s, rows[i].name, c[rows[i].count]);
}

static void show_rights(struct seqbuf *s, u32 prot, const char *const names[3])
{
	for (u32 i = 0; i < 3; i++) /* PROT_READ, PROT_WRITE, PROT_EXEC */
		seq_puts(s, prot >> i & 1 ? names[i] : "");
}

static void show_vmflags(struct seqbuf *s, const struct vma *v)
{
	static const char *const now[] = {"rd ", "wr ", "ex "}, *const may[] = {
									"mr ", "mw ", "me "};

	seq_puts(s, "VmFlags: ");
	show_rights(s, v->prot, now);
	seq_puts(s, v->flags & MAP_SHARED ? "sh " : "");
	show_rights(s, v->maxprot, may);
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
		u64 c[PAGE_COUNTS] = {0};

		show_vma(s, mm, v);
		count_pages(c, mm, v);
		smaps_row(s, "Size", v->end - v->start);
		smaps_row(s, "KernelPageSize", PAGE_SIZE);
		smaps_row(s, "MMUPageSize", PAGE_SIZE);
		show_counts(s, c);
		smaps_row(s, "Locked", v->vmflags & VMA_LOCKED ? c[RSS] : 0);
		seq_puts(s, "THPeligible:           0\n");
		show_vmflags(s, v);
	}
	return 0;
}
