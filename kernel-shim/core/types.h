/* SPDX-License-Identifier: Apache-2.0
 * Words that every file of the core uses: integer names, lists, error pointers, the few string
 * functions. No libc. Errors are negative Linux errnos; a pointer that may be an error is tested
 * with is_err().
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define min_u64(a, b)			((u64)(a) < (u64)(b) ? (u64)(a) : (u64)(b))
#define max_u64(a, b)			((u64)(a) > (u64)(b) ? (u64)(a) : (u64)(b))
#define round_up(x, n)			(((u64)(x) + (n)-1) & ~((u64)(n)-1))
#define round_down(x, n)		((u64)(x) & ~((u64)(n)-1))

#define PAGE_SIZE    4096ull
#define PAGE_SHIFT   12
#define NSEC_PER_SEC 1000000000ull
#define TIME_NEVER   (~(u64)0)		   /* a deadline that never comes */
#define USER_VA_END  0x00007ffffffff000ull /* first address that is not the program's */

static inline void *err_ptr(long err)
{
	return (void *)err;
}
static inline bool is_err(const void *p)
{
	return (u64)p >= (u64)-4095;
}
static inline long ptr_err(const void *p)
{
	return (long)p;
}

/* Doubly linked circular list; the head is a node of its own. */
struct list {
	struct list *next, *prev;
};
static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}
static inline void list_add(struct list *head, struct list *n)
{
	list_add_tail(head->next, n);
}
/* Leaves n pointing at itself, so that deleting twice is harmless. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each(pos, head)                                                                   \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, tmp, head)                                                         \
	for (struct list *pos = (head)->next, *tmp = pos->next; pos != (head);                     \
		pos = tmp, tmp = pos->next)

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t n);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/* printf's subset: %s %.*s %c %d %i %u %x %X %o %p %% with 0, -, width, precision, l, ll, z.
 * Returns what the whole text would have taken; always ends with NUL if n > 0. */
int kfmt(char *buf, size_t n, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int kvfmt(char *buf, size_t n, const char *fmt, va_list ap);

/* Kernel heap (mm/slab.c; unit tests: home/host/test_heap.c). kalloc returns NULL when guest memory
 * is out; kzalloc zeroes. 16-byte aligned. */
void *kalloc(size_t n);
void *kzalloc(size_t n);
void kfree(void *p);
char *kstrndup(const char *s, size_t n);

#endif
