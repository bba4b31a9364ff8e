/* SPDX-License-Identifier: Apache-2.0
 * The ELF loader. The file is hostile: every sum is checked before it is used. Which error comes
 * when follows Linux's fs/binfmt_elf.c.
 */
#include <linux/limits.h>

#include "core/elf.h"
#include "mm/mm_internal.h"

static int elf_read(struct elf_file *e, void *dst, size_t n, u64 off)
{
	s64 r;

	if (off <= e->have && n <= e->have - off) {
		memcpy(dst, e->head + off, n);
		return 0;
	}
	if (off > (u64)INT64_MAX - n)
		return -EIO;
	r = file_read_kernel(e->file, dst, n, off);
	if (r < 0)
		return (int)r;
	return (size_t)r == n ? 0 : -EIO;
}

static int elf_check(const struct elf_file *e)
{
	if (memcmp(e->h.e_ident, ELFMAG, SELFMAG))
		return -1;
	if (e->h.e_type != ET_EXEC && e->h.e_type != ET_DYN)
		return -1;
	if (e->h.e_machine != EM_X86_64 || e->h.e_phentsize != sizeof(Elf64_Phdr))
		return -1;
	/* Linux takes no more program headers than fit into a page */
	return e->h.e_phnum && e->h.e_phnum <= PAGE_SIZE / sizeof(Elf64_Phdr) ? 0 : -1;
}

int elf_open(struct elf_file *e, struct file *f, int bad)
{
	size_t size;
	s64 r;

	memset(e, 0, sizeof(*e));
	e->file = f;
	e->head = kalloc(PAGE_SIZE);
	if (!e->head)
		return -ENOMEM;
	r = file_read_kernel(f, e->head, PAGE_SIZE, 0);
	if (r < 0)
		return (int)r;
	e->have = (size_t)r;
	if (e->have < sizeof(e->h))
		return bad;
	memcpy(&e->h, e->head, sizeof(e->h));
	if (elf_check(e))
		return bad;
	size = e->h.e_phnum * sizeof(Elf64_Phdr);
	e->ph = kalloc(size);
	if (!e->ph)
		return -ENOMEM;
	return elf_read(e, e->ph, size, e->h.e_phoff) ? bad : 0;
}

void elf_close(struct elf_file *e)
{
	kfree(e->head);
	kfree(e->ph);
	e->head = NULL;
	e->ph = NULL;
}

char *elf_interpreter(struct elf_file *e)
{
	for (u32 i = 0; i < e->h.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];
		char *name;
		int r;

		if (p->p_type != PT_INTERP)
			continue;
		if (p->p_filesz > PATH_MAX || p->p_filesz < 2)
			return err_ptr(-ENOEXEC);
		name = kalloc(p->p_filesz);
		if (!name)
			return err_ptr(-ENOMEM);
		r = elf_read(e, name, p->p_filesz, p->p_offset);
		if (!r && name[p->p_filesz - 1])
			r = -ENOEXEC;
		if (!r)
			return name;
		kfree(name);
		return err_ptr(r);
	}
	return NULL;
}

/* Without PT_GNU_STACK a 64-bit program's stack is not executable (arch/x86 asm/elf.h). */
bool elf_exec_stack(const struct elf_file *e)
{
	bool exec = false;

	for (u32 i = 0; i < e->h.e_phnum; i++)
		if (e->ph[i].p_type == PT_GNU_STACK)
			exec = e->ph[i].p_flags & PF_X;
	return exec;
}

u64 elf_phdr_addr(const struct elf_file *e)
{
	for (u32 i = 0; i < e->h.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type == PT_LOAD && e->h.e_phoff >= p->p_offset &&
			e->h.e_phoff - p->p_offset < p->p_filesz)
			return e->h.e_phoff - p->p_offset + p->p_vaddr;
	}
	return 0;
}

/* The pages that all segments take, by the file's addresses, and the strictest alignment. */
static int elf_span(const struct elf_file *e, u64 *lo, u64 *hi, u64 *align)
{
	*lo = ~0ull;
	*hi = 0;
	*align = PAGE_SIZE;
	for (u32 i = 0; i < e->h.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_filesz > p->p_memsz || p->p_memsz > USER_VA_END ||
			p->p_vaddr > USER_VA_END - p->p_memsz)
			return -EINVAL;
		*lo = min_u64(*lo, round_down(p->p_vaddr, PAGE_SIZE));
		*hi = max_u64(*hi, round_up(p->p_vaddr + p->p_memsz, PAGE_SIZE));
		if (p->p_align && !(p->p_align & (p->p_align - 1)) && p->p_align <= 1ull << 40)
			*align = max_u64(*align, p->p_align);
	}
	return *lo < *hi ? 0 : -EINVAL;
}

static u32 segment_prot(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

/* What lies between the end of the file's bytes and the end of the segment is zero. */
static int map_zeroes(struct mm *mm, const Elf64_Phdr *p, u64 va)
{
	u64 from = p->p_filesz ? va + p->p_filesz : round_down(va, PAGE_SIZE);
	u64 page_end = round_up(from, PAGE_SIZE), end = round_up(va + p->p_memsz, PAGE_SIZE);
	u32 prot = PROT_READ | PROT_WRITE | (segment_prot(p) & PROT_EXEC);
	s64 r;

	if (p->p_memsz == p->p_filesz)
		return 0;
	/* A segment that may not be written keeps what the file has there, as in Linux. */
	if (page_end > from && clear_mm(mm, from, page_end - from) && (p->p_flags & PF_W))
		return -EFAULT;
	if (end <= page_end)
		return 0;
	r = mm_map(mm, page_end, end - page_end, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		NULL, 0);
	return r < 0 ? (int)r : 0;
}

static int map_segment(struct elf_file *e, struct mm *mm, const Elf64_Phdr *p, u64 bias)
{
	u64 va = p->p_vaddr + bias, in_page = va & (PAGE_SIZE - 1);
	s64 r;

	if (p->p_filesz) {
		if ((p->p_offset & (PAGE_SIZE - 1)) != in_page || p->p_offset > (u64)INT64_MAX)
			return -EINVAL;
		r = mm_map(mm, va - in_page, p->p_filesz + in_page, segment_prot(p),
			MAP_PRIVATE | MAP_FIXED | MAP_DENYWRITE, e->file, p->p_offset - in_page);
		if (r < 0)
			return (int)r;
	}
	return map_zeroes(mm, p, va);
}

static void extend(struct elf_extent *x, const Elf64_Phdr *p, u64 va)
{
	if ((p->p_flags & PF_X) && va < x->code_start)
		x->code_start = va;
	if ((p->p_flags & PF_X) && va + p->p_filesz > x->code_end)
		x->code_end = va + p->p_filesz;
	x->data_start = max_u64(x->data_start, va);
	x->data_end = max_u64(x->data_end, va + p->p_filesz);
}

/* Where ET_DYN goes: its lowest page, aligned as its segments want. */
static s64 dyn_place(struct mm *mm, u64 base, u64 size, u64 align)
{
	s64 at;

	if (base) {
		base = round_down(base, align);
		return size <= kern->user_va_end - base ? (s64)base : -ENOMEM;
	}
	if (align == PAGE_SIZE)
		return mm_find_space(mm, 0, size, 0);
	at = mm_find_space(mm, 0, size + align, 0);
	return at < 0 ? at : (s64)round_up((u64)at, align);
}

int elf_map(struct elf_file *e, struct mm *mm, u64 base, struct elf_extent *x)
{
	u64 lo, hi, align;
	int r = elf_span(e, &lo, &hi, &align);

	memset(x, 0, sizeof(*x));
	x->code_start = ~0ull;
	if (r)
		return r;
	if (e->h.e_type == ET_DYN) {
		s64 at = dyn_place(mm, base, hi - lo, align);

		if (at < 0)
			return (int)at;
		x->bias = (u64)at - lo; /* may wrap: the sums below do too, and come out right */
	}
	x->start = lo + x->bias;
	x->end = hi + x->bias;
	if (x->start < kern->user_va_start)
		return -EPERM;
	for (u32 i = 0; i < e->h.e_phnum && !r; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type != PT_LOAD || !p->p_memsz)
			continue;
		r = map_segment(e, mm, p, x->bias);
		extend(x, p, p->p_vaddr + x->bias);
	}
	return r;
}
