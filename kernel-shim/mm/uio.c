/* SPDX-License-Identifier: Apache-2.0
 * Buffers of reads and writes: one range or a vector, in program or kernel memory.
 */
#include <linux/uio.h>

#include "mm/mm_internal.h"

#define MAX_RW_COUNT 0x7ffff000ull /* read(2): what one call moves at most */

static void uio_one(struct uio *u, bool kernel, u64 base, size_t len)
{
	memset(u, 0, sizeof(*u));
	u->kernel = kernel;
	u->one.base = base;
	u->one.len = kernel ? len : min_u64(len, MAX_RW_COUNT);
	u->iov = &u->one;
	u->niov = 1;
	u->left = u->one.len;
}

void uio_user(struct uio *u, u64 base, size_t len)
{
	uio_one(u, false, base, len);
}

void uio_kernel(struct uio *u, void *base, size_t len)
{
	uio_one(u, true, (u64)base, len);
}

/* Linux import_iovec: negative lengths are EINVAL, addresses that are the kernel's EFAULT, and the
 * sum is cut at MAX_RW_COUNT. */
static int iov_check(struct uio *u)
{
	u64 total = 0;

	for (u32 i = 0; i < u->niov; i++) {
		struct uio_vec *v = &u->iov[i];

		if ((s64)v->len < 0)
			return -EINVAL;
		if (v->len > USER_VA_END || v->base > USER_VA_END - v->len)
			return -EFAULT;
		v->len = min_u64(v->len, MAX_RW_COUNT - total);
		total += v->len;
	}
	u->left = total;
	return 0;
}

int uio_user_iov(struct uio *u, u64 uiov, u32 n)
{
	size_t bytes = n * sizeof(struct uio_vec);
	int r;

	memset(u, 0, sizeof(*u));
	if (n > UIO_MAXIOV)
		return -EINVAL;
	u->iov = &u->one;
	if (!n)
		return 0;
	if (n > 1) {
		u->iov = kalloc(bytes);
		if (!u->iov)
			return -ENOMEM;
		u->from_user_iov = true;
	}
	u->niov = n;
	r = copy_from_user(u->iov, uiov, bytes);
	if (!r)
		r = iov_check(u);
	if (r)
		uio_free(u);
	return r;
}

void uio_free(struct uio *u)
{
	if (u->from_user_iov)
		kfree(u->iov);
	u->from_user_iov = false;
	u->iov = &u->one;
	u->niov = 0;
	u->left = 0;
}

void uio_advance(struct uio *u, size_t n)
{
	n = min_u64(n, u->left);
	u->left -= n;
	while (n) {
		size_t rest = u->iov[u->cur].len - u->cur_off;

		if (n < rest) {
			u->cur_off += n;
			return;
		}
		n -= rest;
		u->cur++;
		u->cur_off = 0;
	}
}

size_t uio_piece(struct uio *u, size_t n, u64 *addr)
{
	while (u->cur < u->niov && u->cur_off == u->iov[u->cur].len) {
		u->cur++;
		u->cur_off = 0;
	}
	if (u->cur == u->niov)
		return 0;
	*addr = u->iov[u->cur].base + u->cur_off;
	return min_u64(n, u->iov[u->cur].len - u->cur_off);
}

enum uio_op { UIO_PUT, UIO_GET, UIO_ZERO };

/* Bytes that arrived. */
static size_t piece_move(bool kernel, u64 addr, void *buf, size_t n, enum uio_op op)
{
	if (kernel) {
		if (op == UIO_GET)
			memcpy(buf, (void *)addr, n);
		else if (op == UIO_PUT)
			memcpy((void *)addr, buf, n);
		else
			memset((void *)addr, 0, n);
		return n;
	}
	if (op == UIO_GET)
		return user_read_some(buf, addr, n);
	if (op == UIO_PUT)
		return user_write_some(addr, buf, n);
	for (size_t done = 0, part; done < n; done += part) {
		part = min_u64(n - done, PAGE_SIZE - ((addr + done) & (PAGE_SIZE - 1)));
		if (clear_user(addr + done, part))
			return done;
	}
	return n;
}

static s64 uio_move(struct uio *u, void *buf, size_t n, enum uio_op op)
{
	size_t done = 0;

	while (done < n) {
		u64 addr;
		size_t piece = uio_piece(u, n - done, &addr), moved;

		if (!piece)
			break;
		moved = piece_move(
			u->kernel, addr, op == UIO_ZERO ? NULL : (u8 *)buf + done, piece, op);
		uio_advance(u, moved);
		done += moved;
		if (moved < piece)
			return done ? (s64)done : -EFAULT;
	}
	return (s64)done;
}

s64 uio_put(struct uio *u, const void *src, size_t n)
{
	return uio_move(u, (void *)src, n, UIO_PUT);
}

s64 uio_get(struct uio *u, void *dst, size_t n)
{
	return uio_move(u, dst, n, UIO_GET);
}

s64 uio_zero(struct uio *u, size_t n)
{
	return uio_move(u, NULL, n, UIO_ZERO);
}

/* Where the byte at addr is; false if not in RAM that the host may be pointed at. */
static int byte_pa(bool kernel, u64 addr, bool put, u64 *pa)
{
	if (!kernel)
		return user_word_pa(addr, put, pa);
	*pa = ptr_phys((void *)addr);
	return 0;
}

/* Adds [pa, pa + n) to the list, joining what touches; false when it is full. */
static bool seg_add(struct chan_seg *seg, u32 *count, u32 max, u64 pa, size_t n)
{
	struct chan_seg *last = *count ? &seg[*count - 1] : NULL;

	if (last && last->gpa + last->len == pa) {
		last->len += n;
		return true;
	}
	if (*count == max)
		return false;
	seg[(*count)++] = (struct chan_seg){pa, n};
	return true;
}

int uio_segs(struct uio *u, bool put, size_t max_bytes, struct chan_seg *seg, u32 max_segs,
	size_t *bytes)
{
	u32 count = 0, cur = u->cur;
	u64 off = u->cur_off, want = min_u64(max_bytes, u->left);

	*bytes = 0;
	while (*bytes < want) {
		struct uio_vec *v = &u->iov[cur];
		u64 addr = v->base + off, pa;
		size_t n;

		if (off == v->len) {
			cur++;
			off = 0;
			continue;
		}
		n = min_u64(want - *bytes, v->len - off);
		n = min_u64(n, PAGE_SIZE - (addr & (PAGE_SIZE - 1)));
		if (byte_pa(u->kernel, addr, put, &pa))
			return count ? (int)count : -EFAULT;
		if (!pa_is_ram(pa) || !seg_add(seg, &count, max_segs, pa, n))
			break;
		*bytes += n;
		off += n;
	}
	return (int)count;
}
