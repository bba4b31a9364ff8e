/* SPDX-License-Identifier: Apache-2.0
 * The vDSO (vdso(7)): clocks without a system call. This code runs in programs, at whatever address
 * it was mapped; the page before it is the launcher's struct boot_clock, read-only. It has no data
 * of its own and calls nothing outside itself.
 */
#include <asm/unistd.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/boot.h"

#define NSEC 1000000000ull

enum {
	CLK_REALTIME = 0,
	CLK_MONOTONIC = 1,
	CLK_MONOTONIC_RAW = 4,
	CLK_REALTIME_COARSE = 5,
	CLK_MONOTONIC_COARSE = 6,
	CLK_BOOTTIME = 7,
	CLK_TAI = 11,
};

struct vdso_timespec {
	int64_t sec, nsec;
};
struct vdso_timeval {
	int64_t sec, usec;
};
struct vdso_timezone {
	int32_t minuteswest, dsttime;
};

extern const volatile struct boot_clock vdso_clock __attribute__((visibility("hidden")));

#pragma GCC visibility push(default)
int __vdso_clock_gettime(int32_t clock, struct vdso_timespec *ts);
int __vdso_gettimeofday(struct vdso_timeval *tv, struct vdso_timezone *tz);
int64_t __vdso_time(int64_t *t);
int __vdso_clock_getres(int32_t clock, struct vdso_timespec *res);
long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused);
#pragma GCC visibility pop

static long call2(long nr, long a, long b)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return r;
}

/* LFENCE: RDTSC must not run ahead of the loads before it (SDM vol. 2, RDTSC). */
static uint64_t read_tsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}

/* Is it a clock that the page can tell? Then nanoseconds in *ns. */
static int clock_ns(int32_t clock, uint64_t *ns)
{
	const volatile struct boot_clock *c = &vdso_clock;
	uint64_t base, tsc, mult;
	uint32_t seq, shift;

	do {
		/* Pairs with the launcher's release stores; x86 keeps loads in order. */
		while ((seq = c->seq) & 1)
			__asm__ volatile("pause");
		__asm__ volatile("" ::: "memory");
		switch (clock) {
		case CLK_REALTIME:
		case CLK_REALTIME_COARSE:
			*ns = c->real_ns;
			break;
		case CLK_MONOTONIC:
		case CLK_MONOTONIC_COARSE:
			*ns = c->mono_ns;
			break;
		case CLK_MONOTONIC_RAW:
			*ns = c->raw_ns;
			break;
		case CLK_BOOTTIME:
			*ns = c->boot_ns;
			break;
		case CLK_TAI:
			*ns = c->real_ns + (uint64_t)c->tai_offset_s * NSEC;
			break;
		default:
			return 0;
		}
		mult = c->mult;
		shift = c->shift;
		base = c->base_tsc;
		tsc = read_tsc();
		__asm__ volatile("" ::: "memory");
	} while (seq != c->seq);
	if (!mult)
		return 0;
	if (tsc > base)
		*ns += (uint64_t)(((unsigned __int128)(tsc - base) * mult) >> shift);
	return 1;
}

int __vdso_clock_gettime(int32_t clock, struct vdso_timespec *ts)
{
	uint64_t ns;

	if (!clock_ns(clock, &ns))
		return (int)call2(__NR_clock_gettime, clock, (long)ts);
	ts->sec = (int64_t)(ns / NSEC);
	ts->nsec = (int64_t)(ns % NSEC);
	return 0;
}

int __vdso_gettimeofday(struct vdso_timeval *tv, struct vdso_timezone *tz)
{
	uint64_t ns;

	if (!clock_ns(CLK_REALTIME, &ns))
		return (int)call2(__NR_gettimeofday, (long)tv, (long)tz);
	if (tv) {
		tv->sec = (int64_t)(ns / NSEC);
		tv->usec = (int64_t)(ns % NSEC / 1000);
	}
	if (tz)
		*tz = (struct vdso_timezone){0, 0};
	return 0;
}

int64_t __vdso_time(int64_t *t)
{
	uint64_t ns;

	if (!clock_ns(CLK_REALTIME, &ns))
		return call2(__NR_time, (long)t, 0);
	if (t)
		*t = (int64_t)(ns / NSEC);
	return (int64_t)(ns / NSEC);
}

int __vdso_clock_getres(int32_t clock, struct vdso_timespec *res)
{
	switch (clock) {
	case CLK_REALTIME:
	case CLK_MONOTONIC:
	case CLK_MONOTONIC_RAW:
	case CLK_BOOTTIME:
	case CLK_TAI:
		if (res)
			*res = (struct vdso_timespec){0, 1};
		return 0;
	default: /* the coarse ones' is the kernel's to say */
		return (int)call2(__NR_clock_getres, clock, (long)res);
	}
}

/* Nothing in user mode tells which of the shim's processors this is: its kernel does. */
long __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused)
{
	(void)unused;
	if (vdso_clock.ncpus > 1)
		return call2(__NR_getcpu, (long)cpu, (long)node);
	if (cpu)
		*cpu = 0;
	if (node)
		*node = 0;
	return 0;
}

/* The plain names, weak as in Linux's vDSO. */
#define ALIAS(name) __attribute__((weak, alias("__vdso_" #name), visibility("default")))
int clock_gettime(int32_t clock, struct vdso_timespec *ts) ALIAS(clock_gettime);
int gettimeofday(struct vdso_timeval *tv, struct vdso_timezone *tz) ALIAS(gettimeofday);
int64_t time(int64_t *t) ALIAS(time);
int clock_getres(int32_t clock, struct vdso_timespec *res) ALIAS(clock_getres);
long getcpu(uint32_t *cpu, uint32_t *node, void *unused) ALIAS(getcpu);
