/* SPDX-License-Identifier: Apache-2.0
 * adjtimex(2), clock_adjtime(2): the clock is the host's, so it can be looked at only.
 */
#include <asm/errno.h>
#include <linux/time.h>

#include "core/task.h"
#include "mm/mm.h"
#include "sys/sys.h"

struct timex_user { /* struct timex; linux/timex.h needs the C library's timeval */
	u32 modes, pad0;
	s64 offset, freq, maxerror, esterror;
	s32 status, pad1;
	s64 constant, precision, tolerance;
	s64 sec, usec;
	s64 tick, ppsfreq, jitter;
	s32 shift, pad2;
	s64 stabil, jitcnt, calcnt, errcnt, stbcnt;
	s32 tai, rest[11];
};
_Static_assert(sizeof(struct timex_user) == 208, "struct timex");

#define STA_UNSYNC	0x40 /* nobody says how far off the clock is: a state of its own, 5 */
#define TIME_ERROR	5
#define ERROR_MAX	16000000 /* us; NTP_PHASE_LIMIT */
#define TIME_CONSTANT	2
#define TICK_USEC	10000
#define TOLERANCE	32768000
#define CLOCKS_MAX	16
#define ADJ_SINGLESHOT	0x8000u /* adjtime(3) */
#define ADJ_OFFSET_READ 0xa001u /* and its reading alone */

static long adjust(u64 ubuf)
{
	struct timex_user x;
	u64 now = clock_real_ns();

	if (copy_from_user(&x, ubuf, sizeof(x)))
		return -EFAULT;
	if (x.modes & ADJ_SINGLESHOT ? x.modes != ADJ_OFFSET_READ : x.modes != 0)
		return -EPERM;
	x = (struct timex_user){
		.modes = x.modes,
		.maxerror = ERROR_MAX,
		.esterror = ERROR_MAX,
		.status = STA_UNSYNC,
		.constant = TIME_CONSTANT,
		.precision = 1,
		.tolerance = TOLERANCE,
		.sec = (s64)(now / NSEC_PER_SEC),
		.usec = (s64)(now % NSEC_PER_SEC / 1000),
		.tick = TICK_USEC,
	};
	return copy_to_user(ubuf, &x, sizeof(x)) ? -EFAULT : TIME_ERROR;
}

long sys_adjtimex(struct task *t, const u64 *a)
{
	return adjust(a[0]);
}

long sys_clock_adjtime(struct task *t, const u64 *a)
{
	if ((s32)a[0] == CLOCK_REALTIME)
		return adjust(a[1]);
	return (s32)a[0] >= 0 && (s32)a[0] < CLOCKS_MAX ? -EOPNOTSUPP : -EINVAL;
}
