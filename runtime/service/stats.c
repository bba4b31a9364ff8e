/* SPDX-License-Identifier: Apache-2.0
 *
 * How often each operation was asked for, and how long it took if somebody wants to know. What is
 * shown to the outside is a copy, one store for each count: who can write there changes nothing
 * here. Of its times a sample has to do, because reading the clock twice would be felt.
 */
#include <time.h>

#include "runtime/service/service_internal.h"

#define SAMPLE_EVERY 16u /* requests of a kind, the first among them */

void service_enable_timing(struct service *s)
{
	atomic_store(&s->timing, true);
}

void service_show(struct service *s, struct service_shown *shown)
{
	s->shown = shown;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void show(_Atomic uint64_t *to, uint64_t value)
{
	atomic_store_explicit(to, value, memory_order_relaxed);
}

/* 0 when nobody asked for its time. */
uint64_t stats_begin(struct service *s, uint16_t op)
{
	bool sample = s->shown &&
		      atomic_load_explicit(&s->calls[op], memory_order_relaxed) % SAMPLE_EVERY == 0;

	return sample || s->cb.handled || atomic_load_explicit(&s->timing, memory_order_relaxed)
		       ? now_ns()
		       : 0;
}

static void count_time(struct service *s, uint16_t op, uint64_t ns)
{
	atomic_fetch_add_explicit(&s->ns[op], ns, memory_order_relaxed);
	if (!s->shown)
		return;
	histogram_add(&s->shown->time[op], ns);
}

uint64_t stats_count(struct service *s, uint16_t op, uint64_t since)
{
	uint64_t n = atomic_fetch_add_explicit(&s->calls[op], 1, memory_order_relaxed) + 1;
	uint64_t ns = since ? now_ns() - since : 0;

	if (s->shown)
		show(&s->shown->calls[op], n);
	if (since)
		count_time(s, op, ns);
	return ns;
}

void stats_rejected(struct service *s)
{
	uint64_t n = atomic_fetch_add_explicit(&s->rejected, 1, memory_order_relaxed) + 1;

	if (s->shown)
		show(&s->shown->rejected, n);
}

/* Times of a sample are not those of all: nobody asked for them. */
void service_stats(struct service *s, struct service_stats *out)
{
	bool timing = atomic_load_explicit(&s->timing, memory_order_relaxed);

	for (unsigned i = 0; i < CHAN_OP_COUNT; i++) {
		out->calls[i] = atomic_load_explicit(&s->calls[i], memory_order_relaxed);
		out->ns[i] = timing ? atomic_load_explicit(&s->ns[i], memory_order_relaxed) : 0;
	}
	out->rejected = atomic_load_explicit(&s->rejected, memory_order_relaxed);
}
