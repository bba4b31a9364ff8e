/* SPDX-License-Identifier: Apache-2.0
 * The ordered list of mappings: a sorted array of pointers, found by halving. A program has tens of
 * mappings, seldom thousands; an array is the smallest and the fewest instructions to search.
 */
#include "mm/mm_internal.h"

u32 vma_index(struct mm *mm, u64 va)
{
	u32 lo = 0, hi = mm->nvmas;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (mm->vmas[mid]->end > va)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct vma *mm_find_after(struct mm *mm, u64 va)
{
	u32 i = vma_index(mm, va);

	return i < mm->nvmas ? mm->vmas[i] : NULL;
}

struct vma *mm_find(struct mm *mm, u64 va)
{
	struct vma *v = mm_find_after(mm, va);

	return v && v->start <= va ? v : NULL;
}

struct vma *vma_alloc(u64 start, u64 end, u32 prot, u32 flags, u32 vmflags)
{
	struct vma *v = kzalloc(sizeof(*v));

	if (!v)
		return NULL;
	v->start = start;
	v->end = end;
	v->prot = prot;
	v->flags = flags;
	v->maxprot = PROT_MASK;
	v->vmflags = vmflags;
	return v;
}

/* Files that count their mappings hear of each. */
static bool vma_counted(const struct vma *v)
{
	return v->file && v->file->ops->mapped;
}

void vma_tell(const struct vma *v, bool more)
{
	if (vma_counted(v))
		v->file->ops->mapped(v->file, more);
}

struct vma *vma_clone(const struct vma *old)
{
	struct vma *v = kalloc(sizeof(*v));

	if (!v)
		return NULL;
	*v = *old;
	if (v->file) {
		file_get(v->file);
		vma_tell(v, true);
	}
	return v;
}

void vma_free(struct vma *v)
{
	if (v->file) {
		vma_tell(v, false);
		file_put(v->file);
	}
	kfree(v);
}

int vma_reserve(struct mm *mm, u32 more)
{
	struct vma **grown;
	u32 cap = mm->cap ? mm->cap : 32;

	while (cap < mm->nvmas + more)
		cap *= 2;
	if (cap == mm->cap)
		return 0;
	grown = kalloc(cap * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	if (mm->nvmas)
		memcpy(grown, mm->vmas, mm->nvmas * sizeof(*grown));
	kfree(mm->vmas);
	mm->vmas = grown;
	mm->cap = cap;
	return 0;
}

int vma_insert(struct mm *mm, struct vma *v)
{
	u32 i;

	if (vma_reserve(mm, 1))
		return -ENOMEM;
	i = vma_index(mm, v->start);
	memmove(&mm->vmas[i + 1], &mm->vmas[i], (mm->nvmas - i) * sizeof(mm->vmas[0]));
	mm->vmas[i] = v;
	mm->nvmas++;
	return 0;
}

void vma_remove_at(struct mm *mm, u32 index, u32 n)
{
	u32 rest = mm->nvmas - index - n;

	memmove(&mm->vmas[index], &mm->vmas[index + n], rest * sizeof(mm->vmas[0]));
	mm->nvmas -= n;
}

int vma_split(struct mm *mm, u32 index, u64 va)
{
	struct vma *v = mm->vmas[index], *upper = vma_clone(v);

	if (!upper)
		return -ENOMEM;
	upper->start = va;
	if (v->file)
		upper->offset += va - v->start;
	v->end = va; /* before the insertion: it searches by end */
	if (vma_insert(mm, upper)) {
		v->end = upper->end;
		vma_free(upper);
		return -ENOMEM;
	}
	return 0;
}

/* max_map_count refuses a split, except the two that take a mapping's ends off (munmap). */
int vma_isolate(struct mm *mm, u64 start, u64 end, bool removing, u32 *first)
{
	u32 i = vma_index(mm, start), j = vma_index(mm, end - 1);
	bool low = i < mm->nvmas && mm->vmas[i]->start < start;
	bool high = j < mm->nvmas && mm->vmas[j]->start < end && mm->vmas[j]->end > end;

	if (mm->nvmas >= MM_MAX_VMAS && (low || high) && (!removing || (low && high && i == j)))
		return -ENOMEM;
	if (high && vma_split(mm, j, end))
		return -ENOMEM;
	if (low && vma_split(mm, i, start)) {
		vma_merge_around(mm, end, end + 1);
		return -ENOMEM;
	}
	*first = i + low;
	return 0;
}

static bool joinable(const struct vma *a, const struct vma *b)
{
	return a->end == b->start && a->prot == b->prot && a->flags == b->flags &&
	       a->maxprot == b->maxprot && !((a->vmflags ^ b->vmflags) & ~VMA_COPIES) &&
	       a->file == b->file && a->name == b->name && !(a->vmflags & VMA_SPECIAL) &&
	       !vma_counted(a) && (!a->file || a->offset + (a->end - a->start) == b->offset);
}

void vma_merge_around(struct mm *mm, u64 start, u64 end)
{
	u32 i = vma_index(mm, start ? start - 1 : 0);

	while (i + 1 < mm->nvmas && mm->vmas[i]->start < end) {
		struct vma *a = mm->vmas[i], *b = mm->vmas[i + 1];

		if (!joinable(a, b)) {
			i++;
			continue;
		}
		a->end = b->end;
		a->vmflags |= b->vmflags;
		vma_remove_at(mm, i + 1, 1);
		vma_free(b);
	}
}

/* What a page of v may have; a private page gets PTE_W only when nobody shares its frame. */
u64 vma_pte_bits(const struct vma *v)
{
	u64 bits = PTE_U | PTE_A;

	if (v->prot & PROT_MASK)
		bits |= PTE_P;
	else
		bits |= PTE_HELD;
	if (!(v->prot & PROT_EXEC))
		bits |= PTE_NX;
	if (v->flags & MAP_SHARED)
		bits |= PTE_SHARED;
	return bits;
}
