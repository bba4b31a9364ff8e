/* SPDX-License-Identifier: Apache-2.0
 * The kernel heap. Up to SLAB_MAX bytes: size classes in slabs of one page, which begin with a
 * header, so an object never starts on a page border. Above: whole pages, which always do. That
 * difference tells kfree what it was given. Objects of 64 bytes and more are 64-byte aligned.
 */
#include "mm/mm_internal.h"

#define SLAB_MAX   1984
#define SLAB_MAGIC 0x51ab

struct slab {
	struct list link; /* of the class's partial list; alone when full */
	u16 magic;
	u16 class;
	u16 used;
	u16 free;  /* offset of the first freed object, 0: none */
	u16 carve; /* offset of the first object that was never used */
	u16 pad[3];
	u8 pad2[32];
};
_Static_assert(sizeof(struct slab) == 64, "objects start at 64");

/* As many as fit into 4032 bytes, rounded to 64 from 64 up. */
static const u16 class_size[SLAB_CLASSES] = {
	16, 32, 48, 64, 96, 128, 192, 256, 320, 448, 576, 768, 960, 1344, 1984, 0};

static u32 class_of(size_t n)
{
	u32 c = n > 256 ? 8 : n > 64 ? 4 : 0;

	while (class_size[c] < n)
		c++;
	return c;
}

void slab_init(struct mm_state *s)
{
	for (u32 i = 0; i < SLAB_CLASSES; i++)
		list_init(&s->slab[i].partial);
}

static struct slab *slab_new(u32 class)
{
	u64 pa = page_alloc_raw();
	struct slab *sl;

	if (!pa)
		return NULL;
	sl = phys_ptr(pa);
	list_add(&mm_state()->slab[class].partial, &sl->link);
	sl->magic = SLAB_MAGIC;
	sl->class = (u16) class;
	sl->used = 0;
	sl->free = 0;
	sl->carve = sizeof(*sl);
	return sl;
}

static void *slab_alloc(u32 class)
{
	struct list *partial = &mm_state()->slab[class].partial;
	u32 size = class_size[class];
	struct slab *sl;
	u16 *obj;

	if (list_empty(partial))
		sl = slab_new(class);
	else
		sl = list_entry(partial->next, struct slab, link);
	if (!sl)
		return NULL;
	if (sl->free) {
		obj = (u16 *)((u8 *)sl + sl->free);
		sl->free = *obj;
	} else {
		obj = (u16 *)((u8 *)sl + sl->carve);
		sl->carve = (u16)(sl->carve + size);
	}
	sl->used++;
	if (!sl->free && sl->carve + size > PAGE_SIZE)
		list_del(&sl->link);
	return obj;
}

static void slab_release(void *p)
{
	struct slab *sl = (struct slab *)((u64)p & ~(PAGE_SIZE - 1));
	struct list *partial;
	u16 *obj = p;

	if (sl->magic != SLAB_MAGIC || !sl->used)
		plat_panic("kfree of memory that kalloc did not give");
	partial = &mm_state()->slab[sl->class].partial;
	if (list_empty(&sl->link)) /* it was full */
		list_add(partial, &sl->link);
	*obj = sl->free;
	sl->free = (u16)((u8 *)p - (u8 *)sl);
	/* Keep the last slab of a class: one object that comes and goes must not cost a page each
	 * time. */
	if (--sl->used || (partial->next == &sl->link && partial->prev == &sl->link))
		return;
	list_del(&sl->link);
	sl->magic = 0;
	page_put(ptr_phys(sl));
}

static u32 order_of(size_t n)
{
	u32 order = 0;

	while (PAGE_SIZE << order < n)
		order++;
	return order;
}

static void *pages_kalloc(size_t n, bool zero)
{
	u32 order;
	u64 pa;

	if (n > PAGE_SIZE << (PAGE_ORDERS - 1))
		return NULL;
	order = order_of(n);
	pa = zero ? pages_alloc_contig(order) : pages_alloc_contig_raw(order);
	if (!pa)
		return NULL;
	page_set_order(pa, order);
	return phys_ptr(pa);
}

void *kalloc(size_t n)
{
	assert_locked();
	return n <= SLAB_MAX ? slab_alloc(class_of(n)) : pages_kalloc(n, false);
}

void *kzalloc(size_t n)
{
	void *p;

	if (n > SLAB_MAX)
		return pages_kalloc(n, true);
	p = slab_alloc(class_of(n));
	if (p)
		memset(p, 0, n);
	return p;
}

void kfree(void *p)
{
	u64 pa;

	assert_locked();
	if (!p)
		return;
	if ((u64)p & (PAGE_SIZE - 1)) {
		slab_release(p);
		return;
	}
	pa = ptr_phys(p);
	pages_free_contig(pa, page_get_order(pa));
}

char *kstrndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *p = kalloc(len + 1);

	if (p) {
		memcpy(p, s, len);
		p[len] = 0;
	}
	return p;
}
