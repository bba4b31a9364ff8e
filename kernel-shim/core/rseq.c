/* SPDX-License-Identifier: Apache-2.0
 * Restartable sequences (rseq(2), kernel/rseq.c): a critical section that was interrupted by
 * another task or by a signal is aborted, and the program finds the number of its processor.
 */
#include <asm/errno.h>
#include <asm/signal.h>
#include <linux/rseq.h>

#include "core/siginfo.h"
#include "core/signal.h"
#include "mm/mm.h"

#define RSEQ_CS_OFFSET offsetof(struct rseq, rseq_cs)

/* 0: not in a critical section, 1: in one, to be aborted at *abort_ip; -EFAULT: nonsense. */
static int section_of(struct task *t, u64 *abort_ip)
{
	struct rseq_cs cs;
	u64 ptr;
	u32 sig;

	if (get_user_u64(&ptr, t->rseq_addr + RSEQ_CS_OFFSET))
		return -EFAULT;
	if (!ptr)
		return 0;
	if (ptr >= USER_VA_END || copy_from_user(&cs, ptr, sizeof(cs)))
		return -EFAULT;
	if (cs.start_ip >= USER_VA_END || cs.start_ip + cs.post_commit_offset >= USER_VA_END ||
		cs.start_ip + cs.post_commit_offset < cs.start_ip || cs.abort_ip >= USER_VA_END ||
		cs.version || cs.abort_ip - cs.start_ip < cs.post_commit_offset)
		return -EFAULT;
	/* the signature before the abort handler shows that it is one (not any gadget) */
	if (get_user_u32(&sig, cs.abort_ip - sizeof(sig)) || sig != t->rseq_sig)
		return -EFAULT;
	*abort_ip = cs.abort_ip;
	return t->regs.rip - cs.start_ip < cs.post_commit_offset;
}

static void area_broken(struct task *t)
{
	struct sig_info si;

	t->rseq_addr = 0;
	signal_simple(&si, SIGSEGV, SI_KERNEL);
	signal_force(t, &si);
}

void rseq_interrupted(struct task *t)
{
	u64 abort_ip, zero = 0;
	int in;

	if (!t->rseq_addr)
		return;
	in = section_of(t, &abort_ip);
	/* cleared in every case: a stale pointer must not be looked at again */
	if (in >= 0 && copy_to_user(t->rseq_addr + RSEQ_CS_OFFSET, &zero, sizeof(zero)))
		in = -EFAULT;
	if (in > 0)
		t->regs.rip = abort_ip;
	if (in < 0)
		area_broken(t);
}

int rseq_tell_cpu(struct task *t, u64 area)
{
	const u32 id = plat_cpu()->id, ids[2] = {id, id};

	_Static_assert(
		offsetof(struct rseq, cpu_id_start) == 0 && offsetof(struct rseq, cpu_id) == 4,
		"both at once");
	if (copy_to_user(area, ids, sizeof(ids)))
		return -EFAULT;
	t->rseq_cpu = id;
	return 0;
}

void rseq_switched(struct task *t)
{
	t->rseq_switches = t->switches;
	rseq_interrupted(t);
	if (t->rseq_addr && t->rseq_cpu != plat_cpu()->id && rseq_tell_cpu(t, t->rseq_addr))
		area_broken(t);
}
