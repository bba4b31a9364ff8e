/* SPDX-License-Identifier: Apache-2.0
 * Identity: what user and group ids allow (credentials(7)).
 */
#include <asm/errno.h>
#include <asm/signal.h>

#include "core/cred.h"

bool cred_in_group(const struct cred *c, u32 gid)
{
	if (c->egid == gid)
		return true;
	for (u32 i = 0; i < c->ngroups; i++) {
		if (c->groups[i] == gid)
			return true;
	}
	return false;
}

/* kill(2): real or effective uid of the sender equals real or saved uid of the target; SIGCONT
 * within the session is always allowed. */
int cred_may_signal(struct task *t, struct process *p, s32 signo)
{
	const struct cred *c = &t->cred;
	struct task *target = process_task(p);
	u32 uid = target ? target->cred.uid : p->dead_uid;
	u32 suid = target ? target->cred.suid : p->dead_euid;

	if (t->proc == p || cred_has(c, CAP_KILL))
		return 0;
	if (c->euid == suid || c->euid == uid || c->uid == suid || c->uid == uid)
		return 0;
	if (signo == SIGCONT && t->proc->session == p->session)
		return 0;
	return -EPERM;
}

/* ptrace_may_access is stricter only for programs that changed their ids. */
bool cred_same_user(const struct cred *c, const struct cred *other, u32 cap)
{
	if (cred_has(c, cap))
		return true;
	return c->uid == other->uid && c->uid == other->euid && c->uid == other->suid &&
	       c->gid == other->gid && c->gid == other->egid && c->gid == other->sgid;
}
