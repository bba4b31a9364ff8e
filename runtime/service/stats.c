/* SPDX-License-Identifier: Apache-2.0
 *
 * How often each operation was asked for, and how long it took if somebody wants to know.
 */
#include <time.h>

#include "runtime/service/service_internal.h"

void service_enable_timing(struct service *s)
{
	atomic_store(&s->timing, true);
}

/* 0 when nobody asked for times. */
uint64_t stats_now(struct service *s)
{
	struct timespec ts;

	if (!atomic_load_explicit(&s->timing, memory_order_relaxed))
		return 0;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void stats_count(struct service *s, uint16_t op, uint64_t since)
{
	atomic_fetch_add_explicit(&s->calls[op], 1, memory_order_relaxed);
	if (since)
		atomic_fetch_add_explicit(&s->ns[op], stats_now(s) - since, memory_order_relaxed);
}

void service_stats(struct service *s, struct service_stats *out)
{
	for (unsigned i = 0; i < CHAN_OP_COUNT; i++) {
		out->calls[i] = atomic_load_explicit(&s->calls[i], memory_order_relaxed);
		out->ns[i] = atomic_load_explicit(&s->ns[i], memory_order_relaxed);
	}
	out->rejected = atomic_load_explicit(&s->rejected, memory_order_relaxed);
}
