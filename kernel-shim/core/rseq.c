/* SPDX-License-Identifier: Apache-2.0
 * Restartable sequences (rseq(2), kernel/rseq.c). With one processor cpu_id is 0 for ever; what is
 * left is to abort a critical section that was interrupted by another task or by a signal.
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

void rseq_interrupted(struct task *t)
{
	u64 abort_ip, zero = 0;
	struct sig_info si;
	int in;

	if (!t->rseq_addr)
		return;
	in = section_of(t, &abort_ip);
	/* cleared in every case: a stale pointer must not be looked at again */
	if (in >= 0 && copy_to_user(t->rseq_addr + RSEQ_CS_OFFSET, &zero, sizeof(zero)))
		in = -EFAULT;
	if (in > 0)
		t->regs.rip = abort_ip;
	if (in >= 0)
		return;
	t->rseq_addr = 0;
	signal_simple(&si, SIGSEGV, SI_KERNEL);
	signal_force(t, &si);
}
