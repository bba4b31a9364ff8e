/* SPDX-License-Identifier: Apache-2.0
 * The kernel's access to program memory. There is no hardware check to lean on in every home, so
 * each page is looked up; what a program could not do itself with the address fails with EFAULT,
 * and what would fault in is faulted in.
 */
#include "mm/mm_internal.h"

enum uaccess { USER_READ, USER_WRITE, USER_FORCE, USER_LOOK };

static bool entry_allows(u64 e, enum uaccess how)
{
	if (how == USER_FORCE) /* our own copy, whatever the program may do with it */
		return e && !(e & PTE_COW) && (!(e & PTE_SHARED) || (e & PTE_W));
	if (how == USER_LOOK)
		return e;
	return (e & PTE_P) && (how == USER_READ || (e & PTE_W));
}

/* Physical address of va with the right to do `how`, faulting the page in. */
static int user_pa(struct mm *mm, u64 va, enum uaccess how, u64 *pa)
{
	/* A fault makes the entry right at once; the second turn is for a write after a read. */
	for (u32 turn = 0; turn < 3; turn++) {
		u64 skip, *e;
		s32 code;
		int r;

		if (va >= USER_VA_END)
			return -EFAULT;
		e = pgtable_find(mm->pgd, va, &skip);
		if (e && entry_allows(*e, how)) {
			*e |= PTE_A; /* as the processor would */
			*pa = (*e & PTE_ADDR) | (va & (PAGE_SIZE - 1));
			return 0;
		}
		if (how == USER_FORCE || how == USER_LOOK)
			r = mm_fault_force(mm, va, how == USER_FORCE);
		else
			r = mm_fault(mm, va, how == USER_WRITE ? MM_WRITE : MM_READ, &code);
		if (r)
			return -EFAULT;
	}
	return -EFAULT;
}

/* A word that another processor's program changes meanwhile (a futex, a thread's id) is seen and
 * written whole. */
static bool is_word(u64 pa, size_t n)
{
	return n == sizeof(u32) && !(pa & 3);
}

static int pa_read(void *dst, u64 pa, size_t n)
{
	if (!pa_is_ram(pa))
		return plat_window_read(dst, window_off(pa), n);
	if (is_word(pa, n)) {
		u32 v = __atomic_load_n((const u32 *)phys_ptr(pa), __ATOMIC_SEQ_CST);

		memcpy(dst, &v, sizeof(v));
	} else {
		memcpy(dst, phys_ptr(pa), n);
	}
	return 0;
}

static int pa_write(u64 pa, const void *src, size_t n)
{
	if (!pa_is_ram(pa))
		return plat_window_write(window_off(pa), src, n);
	if (is_word(pa, n)) {
		u32 v;

		memcpy(&v, src, sizeof(v));
		__atomic_store_n((u32 *)phys_ptr(pa), v, __ATOMIC_SEQ_CST);
	} else {
		memcpy(phys_ptr(pa), src, n);
	}
	return 0;
}

static size_t page_rest(u64 va, size_t n)
{
	return min_u64(n, PAGE_SIZE - (va & (PAGE_SIZE - 1)));
}

static bool range_ok(u64 uaddr, size_t n)
{
	return n <= USER_VA_END && uaddr <= USER_VA_END - n;
}

/* Both return how many bytes could not be copied. */
static size_t read_mm(struct mm *mm, void *dst, u64 uaddr, size_t n, enum uaccess how)
{
	u8 *to = dst;

	while (n) {
		size_t part = page_rest(uaddr, n);
		u64 pa;

		if (user_pa(mm, uaddr, how, &pa) || pa_read(to, pa, part))
			break;
		to += part;
		uaddr += part;
		n -= part;
	}
	return n;
}

static size_t write_mm(struct mm *mm, u64 uaddr, const void *src, size_t n, enum uaccess how)
{
	const u8 *from = src;

	while (n) {
		size_t part = page_rest(uaddr, n);
		u64 pa;

		if (user_pa(mm, uaddr, how, &pa) || pa_write(pa, from, part))
			break;
		from += part;
		uaddr += part;
		n -= part;
	}
	return n;
}

size_t user_read_some(void *dst, u64 uaddr, size_t n)
{
	return n - read_mm(current->mm, dst, uaddr, n, USER_READ);
}

size_t user_write_some(u64 uaddr, const void *src, size_t n)
{
	return n - write_mm(current->mm, uaddr, src, n, USER_WRITE);
}

int copy_from_mm(struct mm *mm, void *dst, u64 uaddr, size_t n)
{
	return range_ok(uaddr, n) && !read_mm(mm, dst, uaddr, n, USER_READ) ? 0 : -EFAULT;
}

int copy_to_mm(struct mm *mm, u64 uaddr, const void *src, size_t n, bool force)
{
	if (!range_ok(uaddr, n))
		return -EFAULT;
	return write_mm(mm, uaddr, src, n, force ? USER_FORCE : USER_WRITE) ? -EFAULT : 0;
}

size_t mm_access(struct mm *mm, u64 va, void *buf, size_t n, enum mm_how how)
{
	plat_code_restore(mm, va, n);
	switch (how) {
	case MM_PEEK:
	case MM_DEBUG_PEEK:
		return n - read_mm(mm, buf, va, n, how == MM_PEEK ? USER_READ : USER_LOOK);
	default:
		return n - write_mm(mm, va, buf, n, how == MM_POKE ? USER_WRITE : USER_FORCE);
	}
}

int copy_from_user(void *dst, u64 uaddr, size_t n)
{
	return copy_from_mm(current->mm, dst, uaddr, n);
}

int copy_to_user(u64 uaddr, const void *src, size_t n)
{
	return copy_to_mm(current->mm, uaddr, src, n, false);
}

u8 *user_ram_ptr(struct mm *mm, u64 uaddr)
{
	u64 pa;

	return user_pa(mm, uaddr, USER_WRITE, &pa) || !pa_is_ram(pa) ? NULL : phys_ptr(pa);
}

int clear_mm(struct mm *mm, u64 uaddr, size_t n)
{
	if (!range_ok(uaddr, n))
		return -EFAULT;
	while (n) {
		size_t part = page_rest(uaddr, n);
		u64 pa;

		if (user_pa(mm, uaddr, USER_WRITE, &pa))
			return -EFAULT;
		if (pa_is_ram(pa))
			memset(phys_ptr(pa), 0, part);
		else if (plat_window_write(window_off(pa), phys_ptr(page_zero_frame()), part))
			return -EFAULT;
		uaddr += part;
		n -= part;
	}
	return 0;
}

int clear_user(u64 uaddr, size_t n)
{
	return clear_mm(current->mm, uaddr, n);
}

int get_user_u32(u32 *dst, u64 uaddr)
{
	return copy_from_user(dst, uaddr, sizeof(*dst));
}

int get_user_u64(u64 *dst, u64 uaddr)
{
	return copy_from_user(dst, uaddr, sizeof(*dst));
}

int put_user_u32(u64 uaddr, u32 v)
{
	return copy_to_user(uaddr, &v, sizeof(v));
}

int put_user_u64(u64 uaddr, u64 v)
{
	return copy_to_user(uaddr, &v, sizeof(v));
}

s64 strncpy_from_user(char *dst, u64 uaddr, size_t n)
{
	size_t done = 0;

	while (done < n) {
		size_t part = page_rest(uaddr + done, n - done);
		const char *end;

		/* Short strings are the rule: do not copy a page for them. */
		part = min_u64(part, 256 - ((uaddr + done) & 255));
		if (uaddr + done < uaddr || copy_from_user(dst + done, uaddr + done, part))
			return -EFAULT;
		end = memchr(dst + done, 0, part);
		if (end)
			return end - dst;
		done += part;
	}
	return -ENAMETOOLONG;
}

int cmpxchg_user_u32(u64 uaddr, u32 expect, u32 desired, u32 *old)
{
	u64 pa;

	if ((uaddr & 3) || user_pa(current->mm, uaddr, USER_WRITE, &pa))
		return -EFAULT;
	if (pa_is_ram(pa)) {
		*old = __sync_val_compare_and_swap((u32 *)phys_ptr(pa), expect, desired);
		return 0;
	}
	return plat_window_cmpxchg(window_off(pa), expect, desired, old);
}

int user_word_pa(u64 uaddr, bool write, u64 *pa)
{
	return user_pa(current->mm, uaddr, write ? USER_WRITE : USER_READ, pa);
}
