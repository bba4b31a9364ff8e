/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring: order, lies about its indices, and a guest that changes a request while it is served.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/service/harness.h"

static struct chan_ring *ring_of(struct world *w)
{
	return (struct chan_ring *)(void *)(w->mem.ram + 0x40000);
}

static struct chan_msg *put(struct chan_ring *ring, const struct chan_msg *m, const char *data)
{
	struct chan_msg *slot = &ring->slot[ring->sq_tail % CHAN_SLOTS];

	*slot = *m;
	slot->in_len = (uint32_t)strlen(data);
	memcpy(ring->data, data, strlen(data));
	__atomic_store_n(&slot->state, CHAN_SLOT_READY, __ATOMIC_RELEASE);
	ring->sq_tail++;
	return slot;
}

static void test_order(void **state)
{
	struct world *w = *state;
	struct chan_ring *ring = ring_of(w);
	struct chan_msg *slot;

	assert_int_equal(service_serve_ring(w->s, ring), 0);
	for (unsigned round = 0; round < 40; round++) {
		uint64_t f = (uint64_t)call_name(w, OPEN, "hello", w->rw, CHAN_O_READ);

		/* a FORGET that nobody waits for, then a call */
		put(ring, &(struct chan_msg){.op = CHAN_OP_FORGET, .a = {f}}, "");
		slot = put(ring, &(struct chan_msg){.op = CHAN_OP_GETATTR, .a = {w->rw}}, "hello");
		assert_int_equal(service_serve_ring(w->s, ring), 2);
		assert_int_equal(slot->state, CHAN_SLOT_DONE);
		assert_int_equal(slot->result, 0);
		assert_int_equal(slot->out_len, sizeof(struct chan_attr));
		assert_int_equal(((struct chan_attr *)(void *)ring->data)->size, 5);
		assert_int_equal(ring->sq_head, ring->sq_tail);
	}
}

static void test_lies(void **state)
{
	struct world *w = *state;
	struct chan_ring *ring = ring_of(w);

	ring->sq_tail = 0xffffff00; /* far ahead, nothing READY */
	assert_int_equal(service_serve_ring(w->s, ring), 0);
	for (unsigned i = 0; i < CHAN_SLOTS; i++) {
		ring->slot[i] = (struct chan_msg){.op = CHAN_OP_FORGET, .a = {999}};
		ring->slot[i].state = CHAN_SLOT_READY;
	}
	assert_int_equal(service_serve_ring(w->s, ring), CHAN_SLOTS); /* each once */
	assert_int_equal(service_serve_ring(w->s, ring), 0);
	ring->sq_head = 0x80000003;
	ring->slot[3].state = 7;
	assert_int_equal(service_serve_ring(w->s, ring), 0);
	/* lengths */
	ring->sq_head = ring->sq_tail = 0;
	put(ring, &(struct chan_msg){.op = CHAN_OP_LOG}, "")->in_len = UINT32_MAX;
	assert_int_equal(service_serve_ring(w->s, ring), 1);
	assert_int_equal(ring->slot[0].result, -EINVAL);
	put(ring, &(struct chan_msg){.op = CHAN_OP_READ, .nseg = UINT16_MAX, .a = {1}}, "");
	assert_int_equal(service_serve_ring(w->s, ring), 1);
	assert_int_equal(ring->slot[1].result, -EINVAL);
}

static void test_events_flag(void **state)
{
	struct world *w = *state;
	struct chan_ring *ring = ring_of(w);

	service_post_event(w->s, &(struct chan_event){.kind = CHAN_EV_WINCH});
	ring->events = 1; /* the launcher's kick does that */
	put(ring, &(struct chan_msg){.op = CHAN_OP_WAIT}, "");
	assert_int_equal(service_serve_ring(w->s, ring), 1);
	assert_int_equal(ring->slot[0].result, sizeof(struct chan_event));
	assert_int_equal(ring->events, 0);
	/* more than one WAIT takes: it stays set */
	for (uint64_t i = 0; i < 20; i++)
		service_post_event(w->s, &(struct chan_event){.kind = CHAN_EV_READY, .tag = i});
	put(ring, &(struct chan_msg){.op = CHAN_OP_WAIT}, "");
	assert_int_equal(service_serve_ring(w->s, ring), 1);
	assert_int_equal(ring->events, 1);
	put(ring, &(struct chan_msg){.op = CHAN_OP_WAIT}, "");
	assert_int_equal(service_serve_ring(w->s, ring), 1);
	assert_int_equal(ring->events, 0);
}

/* Flips name, length, segment and operation of a slot for as long as it runs. */
static struct chan_ring *flip_ring;
static atomic_bool flip_stop;

static void *flipper(void *arg)
{
	volatile struct chan_ring *ring = flip_ring;

	for (unsigned i = 0; !atomic_load(&flip_stop); i++) {
		volatile struct chan_msg *m = &ring->slot[i % CHAN_SLOTS];

		ring->data[0] = i & 1 ? '.' : 'd';
		ring->data[1] = i & 2 ? '.' : 'i';
		ring->data[2] = i & 4 ? '/' : 'r';
		m->in_len = i & 8 ? 3 : i & 16 ? 2 : 0xffffffff;
		m->seg[0].gpa = i & 32 ? 0 : ~0ull - 4096;
		m->seg[0].len = i & 64 ? 4096 : ~0ull;
		m->nseg = i & 1 ? 1 : 0xffff;
	}
	return NULL;
}

/* ASan and UBSan watch; and whatever WALK says it found must not be outside. */
static void test_double_fetch(void **state)
{
	static const uint16_t ops[] = {CHAN_OP_WALK, CHAN_OP_READ, CHAN_OP_GETATTR, CHAN_OP_WRITE,
		CHAN_OP_OPEN, CHAN_OP_LOG};
	struct world *w = *state;
	struct chan_ring *ring = ring_of(w);
	uint64_t f = (uint64_t)call_name(w, OPEN, "hello", w->rw, CHAN_O_READ | CHAN_O_WRITE);
	struct stat outside, top;
	pthread_t t;

	fstatat(w->top_fd, "..", &outside, 0);
	fstat(w->top_fd, &top);
	flip_ring = ring;
	atomic_store(&flip_stop, false);
	pthread_create(&t, NULL, flipper, NULL);
	for (unsigned i = 0; i < 60000; i++) {
		struct chan_msg m = {.op = ops[i % 6], .a = {w->rw, 0, 0, 0}};
		struct chan_msg *slot;

		if (m.op == CHAN_OP_READ || m.op == CHAN_OP_WRITE) {
			m.a[0] = f;
			m.a[2] = 4096;
		} else if (m.op == CHAN_OP_OPEN) {
			m.a[1] = CHAN_O_READ;
		} else if (m.op == CHAN_OP_LOG) {
			m.a[0] = 0;
		}
		slot = put(ring, &m, "dir");
		assert_int_equal(service_serve_ring(w->s, ring), 1);
		if (slot->result > 0 && m.op == CHAN_OP_WALK) {
			struct chan_walk_ent e;

			memcpy(&e, ring->data, sizeof(e)); /* its first bytes may be flipped: ino */
			assert_int_not_equal(e.attr.mode, 0);
			if (e.handle) {
				assert_int_equal(call(w, GETATTR, e.handle), 0);
				assert_int_not_equal(last_attr(w).ino, top.st_ino);
				assert_int_not_equal(last_attr(w).ino, outside.st_ino);
				assert_int_equal(call(w, FORGET, e.handle), 0);
			}
		}
		if (slot->result > 0 && m.op == CHAN_OP_OPEN)
			assert_int_equal(call(w, FORGET, slot->result), 0);
	}
	atomic_store(&flip_stop, true);
	pthread_join(t, NULL);
}

TESTS(ring, WORLD_TEST(test_order), WORLD_TEST(test_lies), WORLD_TEST(test_events_flag),
	WORLD_TEST(test_double_fetch));
