/* SPDX-License-Identifier: Apache-2.0
 * The clock page: what the shim and its vDSO need to tell the time from the TSC. The rate comes
 * from the kernel's own calibration (perf_event_open(2), cap_user_time) where that may be read,
 * else from a short measurement; while the sandbox runs it is measured against CLOCK_MONOTONIC and
 * corrected.
 */
#include <linux/perf_event.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "runtime/launch/launch_internal.h"

#define CLOCK_SHIFT	   32
#define CLOCK_REFRESH_NS   100000000ull
#define CLOCK_CALIBRATE_NS 2000000ull
#define CLOCK_SETTLED_NS                                                                           \
	1000000000ull /* from here on the measured rate is better than the given                   \
		       */

static uint64_t read_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t launch_now_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

/* ns per cycle, scaled by 2^CLOCK_SHIFT; 0 if the kernel does not tell. */
static uint64_t rate_from_perf(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
	};
	struct perf_event_mmap_page *page;
	uint64_t rate = 0;
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return 0;
	page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (page != MAP_FAILED) {
		if (page->cap_user_time && page->time_shift <= CLOCK_SHIFT)
			rate = (uint64_t)page->time_mult << (CLOCK_SHIFT - page->time_shift);
		munmap(page, 4096);
	}
	close(fd);
	return rate;
}

static uint64_t rate_between(uint64_t ns, uint64_t cycles)
{
	return cycles ? (uint64_t)(((unsigned __int128)ns << CLOCK_SHIFT) / cycles) : 0;
}

/* Since launch_clock_begin; mostly the start-up has taken long enough. */
static uint64_t rate_by_measurement(const struct launch *l)
{
	uint64_t t;

	do
		t = read_ns(CLOCK_MONOTONIC);
	while (t - l->mono0 < CLOCK_CALIBRATE_NS);
	return rate_between(t - l->mono0, __rdtsc() - l->tsc0);
}

static uint64_t extrapolate(const struct boot_clock *k, uint64_t base, uint64_t tsc)
{
	return base + (uint64_t)(((unsigned __int128)(tsc - k->base_tsc) * k->mult) >> k->shift);
}

/* The guest reads between these stores: odd means changing (boot.h). */
static void publish(struct boot_clock *k, const struct boot_clock *fresh)
{
	__atomic_store_n(&k->seq, k->seq + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	k->shift = fresh->shift;
	k->mult = fresh->mult;
	k->base_tsc = fresh->base_tsc;
	k->mono_ns = fresh->mono_ns;
	k->raw_ns = fresh->raw_ns;
	k->boot_ns = fresh->boot_ns;
	k->real_ns = fresh->real_ns;
	__atomic_store_n(&k->seq, k->seq + 1, __ATOMIC_RELEASE);
}

void launch_clock_refresh(struct launch *l)
{
	const struct boot_clock *k = l->clock;
	struct boot_clock fresh = {.shift = k->shift, .mult = k->mult};
	uint64_t tsc = __rdtsc(), mono = read_ns(CLOCK_MONOTONIC);
	uint64_t raw = read_ns(CLOCK_MONOTONIC_RAW), boot = read_ns(CLOCK_BOOTTIME);
	const uint64_t guest = mono + l->clock_ahead;
	uint64_t real = read_ns(CLOCK_REALTIME), ahead = 0;

	if (mono - l->clock_fresh_ns < CLOCK_REFRESH_NS)
		return;
	l->clock_fresh_ns = mono;
	if (k->base_tsc) { /* never back: start from where programs have seen the clock */
		uint64_t seen = extrapolate(k, k->mono_ns, tsc);

		ahead = seen > guest ? seen - guest : 0;
	}
	if (mono - l->mono0 > CLOCK_SETTLED_NS)
		fresh.mult = rate_between(mono - l->mono0, tsc - l->tsc0);
	fresh.base_tsc = tsc;
	fresh.mono_ns = guest + ahead;
	fresh.raw_ns = raw + l->clock_ahead + ahead;
	fresh.boot_ns = boot + l->clock_ahead + ahead;
	fresh.real_ns = real + ahead;
	publish(l->clock, &fresh);
	if (l->vclock != l->clock)
		publish(l->vclock, &fresh);
}

void launch_clock_begin(struct launch *l)
{
	l->mono0 = read_ns(CLOCK_MONOTONIC);
	l->tsc0 = __rdtsc();
}

void launch_clock_init(struct launch *l)
{
	l->clock->shift = CLOCK_SHIFT;
	l->clock->mult = rate_from_perf();
	if (!l->clock->mult)
		l->clock->mult = rate_by_measurement(l);
	l->clock_fresh_ns = 0;
	launch_clock_refresh(l);
}
