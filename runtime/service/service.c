/* SPDX-License-Identifier: Apache-2.0
 *
 * One request: decode, find its handles, perform, count. And the ring that requests come by.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "runtime/service/service_internal.h"

#define RANDOM_MAX 256u

static int64_t random_op(struct request *rq);
static int64_t exit_op(struct request *rq);

static op_fn *const perform[CHAN_OP_COUNT] = {
	[CHAN_OP_WALK] = walk_op,
	[CHAN_OP_GETATTR] = getattr_op,
	[CHAN_OP_SETATTR] = setattr_op,
	[CHAN_OP_READLINK] = readlink_op,
	[CHAN_OP_OPEN] = open_op,
	[CHAN_OP_OPENDIR] = opendir_op,
	[CHAN_OP_MKDIR] = mkdir_op,
	[CHAN_OP_MKNOD] = mknod_op,
	[CHAN_OP_SYMLINK] = symlink_op,
	[CHAN_OP_LINK] = link_op,
	[CHAN_OP_UNLINK] = unlink_op,
	[CHAN_OP_RENAME] = rename_op,
	[CHAN_OP_ACCESS] = access_op,
	[CHAN_OP_STATFS] = statfs_op,
	[CHAN_OP_FORGET] = forget_op,
	[CHAN_OP_READ] = read_op,
	[CHAN_OP_WRITE] = write_op,
	[CHAN_OP_READDIR] = readdir_op,
	[CHAN_OP_SEEK] = seek_op,
	[CHAN_OP_FSYNC] = fsync_op,
	[CHAN_OP_FALLOCATE] = fallocate_op,
	[CHAN_OP_FLOCK] = flock_op,
	[CHAN_OP_XATTR] = xattr_op,
	[CHAN_OP_MAP] = map_op,
	[CHAN_OP_UNMAP] = unmap_op,
	[CHAN_OP_POLL] = poll_op,
	[CHAN_OP_WATCH] = watch_op,
	[CHAN_OP_WAIT] = wait_op,
	[CHAN_OP_TTY] = tty_op,
	[CHAN_OP_RANDOM] = random_op,
	[CHAN_OP_DISCARD] = discard_op,
	[CHAN_OP_LOG] = log_op,
	[CHAN_OP_STOP] = stop_op,
	[CHAN_OP_EXIT] = exit_op,
};

int service_create(
	struct service **out, const struct service_memory *mem, const struct service_callbacks *cb)
{
	struct service *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->mem = *mem;
	s->cb = *cb;
	s->proc_fd = s->proc_root = -1;
	handles_init(s);
	r = policy_init(s);
	if (r)
		goto out_free;
	r = ttys_init(s);
	if (r)
		goto out_policy;
	r = events_init(s);
	if (r)
		goto out_ttys;
	*out = s;
	return 0;
out_ttys:
	ttys_destroy(s);
out_policy:
	policy_destroy(s);
out_free:
	free(s);
	return r;
}

void service_destroy(struct service *s)
{
	if (!s)
		return;
	handles_destroy(s);
	events_destroy(s);
	ttys_destroy(s);
	policy_destroy(s);
	window_destroy(&s->window);
	if (s->proc_fd >= 0)
		close(s->proc_fd);
	if (s->proc_root >= 0)
		close(s->proc_root);
	free(s);
}

static int64_t random_op(struct request *rq)
{
	size_t want = rq->msg->a[0] < RANDOM_MAX ? (size_t)rq->msg->a[0] : RANDOM_MAX;
	ssize_t n;

	do
		n = getrandom(rq->out, want, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	rq->msg->out_len = (uint32_t)n;
	return n;
}

static int64_t exit_op(struct request *rq)
{
	struct chan_report report = {0};

	memcpy(&report, rq->in, rq->msg->in_len);
	if (rq->s->cb.exited)
		rq->s->cb.exited(rq->s->cb.arg, (int)rq->msg->a[0], &report);
	return 0;
}

/* The handle of one argument, if that argument is one. */
static int resolve(struct service *s, enum arg_kind kind, uint64_t v, struct handle **out)
{
	struct handle *h = handle_get(s, v);

	if (!h)
		return -EBADF;
	if ((kind == ARG_DIR || kind == ARG_DIRX) && h->kind != HANDLE_DIR)
		return -ENOTDIR;
	if (kind == ARG_FILE && (h->kind == HANDLE_DIR || h->kind == HANDLE_NODE))
		return -EBADF;
	*out = h;
	return 0;
}

/* What may be asked of a directory that is not to be entered: what a mount point needs, and WALK,
 * which reports it in its entry. */
static bool works_inert(const struct chan_msg *m)
{
	return m->op == CHAN_OP_FORGET || m->op == CHAN_OP_STATFS || m->op == CHAN_OP_WALK ||
	       (m->op == CHAN_OP_GETATTR && !m->in_len);
}

static int64_t perform_request(struct request *rq)
{
	const struct op_desc *d = &service_op_table[rq->msg->op];

	for (unsigned i = 0; i < 4; i++) {
		enum arg_kind kind = (enum arg_kind)d->arg[i];
		int r = 0;

		if (kind == ARG_DIRX)
			r = resolve(rq->s, kind, rq->msg->a[i], &rq->h2);
		else if (kind == ARG_DIR || kind == ARG_FILE || kind == ARG_NODE)
			r = resolve(rq->s, kind, rq->msg->a[i], &rq->h);
		if (r)
			return r;
	}
	if (rq->h && (rq->h->flags & HANDLE_INERT) && !works_inert(rq->msg))
		return policy_refuse(rq, rq->h, "");
	if (rq->h2 && (rq->h2->flags & HANDLE_INERT))
		return policy_refuse(rq, rq->h2, "");
	return perform[rq->msg->op](rq);
}

void service_handle(struct service *s, struct chan_msg *msg, const uint8_t *in, uint8_t *out)
{
	struct request rq = {.s = s, .msg = msg, .in = in, .out = out};
	uint64_t since, ns = 0;
	int r;

	msg->out_len = 0;
	r = service_decode(msg, in, s->mem.ram_size);
	if (r) {
		stats_rejected(s);
		msg->result = r;
	} else {
		since = stats_begin(s, msg->op);
		msg->result =
			s->cb.asked && !s->cb.asked(s->cb.arg, msg) ? -EINTR : perform_request(&rq);
		ns = stats_count(s, msg->op, since);
	}
	if (s->cb.handled)
		s->cb.handled(s->cb.arg, msg, in, ns);
}

/* -- the ring -- */

/* Copies out of guest memory, once. The barrier keeps the compiler from going back to the source
 * for something that it has in the copy. */
static void fetch(void *to, const void *from, size_t len)
{
	memcpy(to, from, len);
	__asm__ volatile("" : : "r"(to) : "memory");
}

static void serve_slot(struct service *s, struct chan_ring *ring, struct chan_msg *slot)
{
	struct chan_msg msg;

	fetch(&msg, slot, sizeof(msg));
	if (msg.in_len <= CHAN_DATA_SIZE)
		fetch(s->in, ring->data, msg.in_len);
	service_handle(s, &msg, s->in, s->out);
	memcpy(ring->data, s->out, msg.out_len);
	slot->out_len = msg.out_len;
	slot->result = msg.result;
	__atomic_store_n(&slot->state, CHAN_SLOT_DONE, __ATOMIC_RELEASE);
	if (msg.op == CHAN_OP_WAIT)
		service_update_events(s, ring);
}

/* Cleared before it is looked at: an event that comes in between sets it again, here or in the
 * launcher's kick. */
void service_update_events(struct service *s, struct chan_ring *ring)
{
	__atomic_store_n(&ring->events, 0, __ATOMIC_SEQ_CST);
	if (service_events_pending(s))
		__atomic_store_n(&ring->events, 1, __ATOMIC_SEQ_CST);
}

/* sq_head and sq_tail run freely, modulo 2^32. Both lie in guest memory, so neither is believed: a
 * slot is served if it says READY, and one call serves each slot at most once. */
unsigned service_serve_ring(struct service *s, struct chan_ring *ring)
{
	uint32_t head = __atomic_load_n(&ring->sq_head, __ATOMIC_RELAXED);
	uint32_t tail = __atomic_load_n(&ring->sq_tail, __ATOMIC_ACQUIRE);
	uint32_t n = tail - head;
	unsigned served = 0;

	if (n > CHAN_SLOTS)
		n = CHAN_SLOTS;
	for (; served < n; served++) {
		struct chan_msg *slot = &ring->slot[head % CHAN_SLOTS];

		if (__atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) != CHAN_SLOT_READY)
			break;
		serve_slot(s, ring, slot);
		__atomic_store_n(&ring->sq_head, ++head, __ATOMIC_RELEASE);
	}
	return served;
}
