/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: giving RAM back, and the file window. The window is a
 * reservation of addresses that the guest sees as physical memory; MAP lays file pages into it and
 * UNMAP puts the reservation back. Nothing in it is ever executable on the host.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/service/service_internal.h"

/* Whole pages of the window, or NULL. */
static void *window_ptr(const struct service_memory *mem, uint64_t win, uint64_t *len)
{
	*len = (*len + PAGE_BYTES - 1) &
	       ~(PAGE_BYTES - 1); /* decode: len and win + len fit in 63 bits */
	if (!mem->window || win > mem->window_size || *len > mem->window_size - win)
		return NULL;
	return mem->window + win;
}

static int reserve(void *at, uint64_t len)
{
	void *p = mmap(
		at, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);

	return p == MAP_FAILED ? -errno : 0;
}

int window_lay(
	struct service *s, uint64_t off, uint64_t len, int fd, uint8_t access, uint64_t file_off)
{
	void *at = window_ptr(&s->mem, off, &len), *p;
	int prot = PROT_READ | (access & RIGHT_WRITE ? PROT_WRITE : 0);

	if (!at)
		return -EINVAL;
	p = mmap(at, len, prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, (off_t)file_off);
	return p == MAP_FAILED ? -errno : 0;
}

int64_t map_op(struct request *rq)
{
	const struct handle *h = rq->h;
	uint64_t len = rq->msg->a[2];
	void *at = window_ptr(&rq->s->mem, rq->msg->a[3], &len);
	const struct service_callbacks *cb = &rq->s->cb;
	int r;

	if (!(h->flags & HANDLE_REGULAR))
		return -ENODEV;
	if (!(h->access & RIGHT_READ))
		return -EACCES;
	if (!at)
		return -EINVAL;
	r = window_lay(rq->s, rq->msg->a[3], len, h->fd, h->access, rq->msg->a[1]);
	if (r)
		return r;
	window_note(rq->s, rq->msg->a[3], len, h, rq->msg->a[1]);
	if (!cb->window_map)
		return 0;
	r = cb->window_map(cb->arg, rq->msg->a[3], len, h->fd, rq->msg->a[1]);
	if (r)
		reserve(at, len);
	return r;
}

int64_t unmap_op(struct request *rq)
{
	uint64_t len = rq->msg->a[2];
	void *at = window_ptr(&rq->s->mem, rq->msg->a[1], &len);
	const struct service_callbacks *cb = &rq->s->cb;

	if (!at)
		return -EINVAL;
	window_note(rq->s, rq->msg->a[1], len, NULL, 0);
	if (cb->window_unmap)
		cb->window_unmap(cb->arg, rq->msg->a[1], len);
	return reserve(at, len);
}

/* RAM is a shared memfd (a hole is punched) or private and anonymous (dropped). Anything else, such
 * as a private mapping of a snapshot, would read as the file again, so it is cleared by hand. */
int64_t discard_op(struct request *rq)
{
	uint64_t len = rq->msg->a[2];
	void *p = service_gpa_ptr_write(&rq->s->mem, (struct gpa){rq->msg->a[1]}, len);

	if (!p)
		return -EFAULT;
	if (!len || !madvise(p, len, MADV_REMOVE))
		return 0;
	if (errno != EINVAL || madvise(p, len, MADV_DONTNEED))
		memset(p, 0, len);
	return 0;
}
