/* SPDX-License-Identifier: Apache-2.0
 * Debug registers of a traced task (Intel SDM vol. 3, 17.2), for hardware breakpoints and
 * watchpoints. No home lends the processor's own, so they are made of single steps: after each
 * instruction watched memory is compared, and the next address. So a write is seen when it changes
 * something, and reads are not: a watchpoint that asks for them is refused.
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/ptrace.h"
#include "core/siginfo.h"
#include "mm/mm.h"

#define SLOTS	     4u
#define DR_STATUS    6u
#define DR_CONTROL   7u
#define DR6_INACTIVE 0xffff0ff0ull /* bits that read as 1 while nothing has happened */
#define DR6_STEP     0x4000ull

enum { AT_EXECUTION, AT_WRITE }; /* the two bits of R/Wn; 2: I/O, 3: reads and writes */

static bool enabled(u64 control, u32 i)
{
	return control >> (2 * i) & 3;
}

static u32 kind(u64 control, u32 i)
{
	return control >> (16 + 4 * i) & 3;
}

static u32 length(u64 control, u32 i)
{
	static const u8 bytes[4] = {1, 2, 8, 4};

	return bytes[control >> (18 + 4 * i) & 3];
}

static u64 value(struct task *t, u32 i)
{
	u64 v = 0;

	copy_from_mm(t->mm, &v, t->traced.debug[i], length(t->traced.debug[DR_CONTROL], i));
	return v;
}

u64 ptrace_debug_get(const struct task *t, u32 n)
{
	return n == DR_STATUS ? t->traced.debug[n] ^ DR6_INACTIVE : t->traced.debug[n];
}

static int check(const struct task *t, u64 control)
{
	for (u32 i = 0; i < SLOTS; i++) {
		u32 len = length(control, i), what = kind(control, i);

		if (!enabled(control, i))
			continue;
		if (what > AT_WRITE || (what == AT_EXECUTION && len != 1) ||
			(t->traced.debug[i] & (len - 1)))
			return -EINVAL;
	}
	return 0;
}

int ptrace_debug_set(struct task *t, u32 n, u64 v)
{
	int r = 0;

	if (n == SLOTS || n == SLOTS + 1)
		return -EIO;
	if (n < SLOTS && v >= USER_VA_END)
		return -EINVAL;
	if (n == DR_CONTROL)
		r = check(t, v);
	if (!r)
		t->traced.debug[n] = n == DR_STATUS ? v ^ DR6_INACTIVE : v;
	return r;
}

bool ptrace_debug_begin(struct task *t)
{
	u64 control = t->traced.debug[DR_CONTROL];
	bool any = false;

	for (u32 i = 0; i < SLOTS; i++) {
		if (!enabled(control, i))
			continue;
		any = true;
		if (kind(control, i) == AT_WRITE)
			t->traced.watched[i] = value(t, i);
	}
	return any;
}

/* A bit for each that the last instruction set off. */
static u64 hits(struct task *t)
{
	u64 control = t->traced.debug[DR_CONTROL], found = 0;

	for (u32 i = 0; i < SLOTS; i++) {
		u64 v;

		if (!enabled(control, i))
			continue;
		if (kind(control, i) == AT_EXECUTION) {
			found |= (u64)(t->regs.rip == t->traced.debug[i]) << i;
			continue;
		}
		v = value(t, i);
		found |= (u64)(v != t->traced.watched[i]) << i;
		t->traced.watched[i] = v;
	}
	return found;
}

bool ptrace_debug_trap(struct task *t)
{
	struct tracing *tr = &t->traced;
	bool own = (t->regs.rflags & PTRACE_RFLAGS_TF) && !tr->forced_step;
	bool stepping = own || (tr->work & PTRACE_WORK_STEP);
	u64 found = hits(t);
	struct sig_info si;

	if (!found && !stepping) {
		ptrace_force_step(t); /* POPF may have cleared it */
		return true;
	}
	tr->debug[DR_STATUS] |= found | (stepping ? DR6_STEP : 0);
	if (stepping)
		return false;
	signal_simple(&si, SIGTRAP, TRAP_HWBKPT);
	si.fault.addr = t->regs.rip;
	signal_force(t, &si);
	return true;
}

void ptrace_debug_clear(struct task *t)
{
	memset(t->traced.debug, 0, sizeof(t->traced.debug));
}
