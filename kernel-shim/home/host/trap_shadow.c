/* SPDX-License-Identifier: Apache-2.0
 * KVM's shadow of our page tables, where there is no hardware for them (vmm/kvm/README.md, "Page
 * tables that the host changes"): an entry that lost something must be written by ring 0, as it is,
 * before user code may run that could see it.
 *
 * The shadow is the VM's, so one vCPU writes for all, and KVM takes what it drops out of the other
 * vCPUs' TLBs. Most of the time that can wait for the next way to user mode, on whichever
 * processor; not while another processor is in user mode already.
 */
#include <string.h>

#include "core/task.h"
#include "home/host/trap_internal.h"
#include "mm/mm.h"

void shadow_changed(struct host_trap *e, struct mm *mm, u64 va, u64 npages)
{
	if (npages > TRAP_SYNC_MAX - (e->changed - e->synced)) {
		e->forget = true;
		return;
	}
	for (u64 i = 0; i < npages; i++) {
		u64 *pte = pgtable_entry(mm->pgd, va + i * PAGE_SIZE, false);

		if (pte)
			e->sync[e->changed++ % TRAP_SYNC_MAX] = TRAP_MAP_VA + ptr_phys(pte);
	}
}

void shadow_forget(struct host_trap *e)
{
	if (e->ops->forget_translations(e->vm))
		plat_panic("the VM keeps old translations");
	e->forget = false;
	e->synced = e->changed;
}

u32 shadow_list(struct trap_cpu *c)
{
	struct host_trap *e = c->e;
	u64 *list = (u64 *)(e->ram + c->stack);
	u32 n = 0;

	for (u64 i = e->synced; i < e->changed; i++)
		list[n++] = e->sync[i % TRAP_SYNC_MAX];
	c->entered = e->changed;
	return n;
}

void shadow_synced(struct trap_cpu *c)
{
	if (c->e->synced < c->entered)
		c->e->synced = c->entered;
}

/* The stub ends with an `out` of its own; the task's registers are in struct task by now. */
static void run_stub(struct trap_cpu *c)
{
	struct vm_exit x;

	do {
		if (c->e->ops->vcpu_run(c->vcpu, &x))
			plat_panic("the vCPU cannot run");
		c->kick_pending |= x.reason == VM_EXIT_INTR;
	} while (x.reason == VM_EXIT_INTR);
	if (x.reason != VM_EXIT_IO_OUT || x.io.port != TRAP_PORT_SYNCED)
		plat_panic(vm_exit_name(x.reason));
	c->ring0 = true;
}

void shadow_sync_now(struct trap_cpu *c, struct mm *mm)
{
	struct vm_gprs *g;
	bool sregs = !c->ring0 || c->s.cr3 != mm->pgd;
	u32 n;

	if (c->e->forget) {
		shadow_forget(c->e);
		return;
	}
	n = shadow_list(c);
	if (!n)
		return;
	g = c->e->ops->vcpu_gprs(c->vcpu);
	g->rcx = n;
	g->rsi = TRAP_VA + c->stack;
	g->rsp = TRAP_VA + c->stack + PAGE_SIZE;
	g->rflags = 2;
	g->rip = TRAP_VA + TRAP_PA_SYNC_NOW;
	c->s.cr3 = mm->pgd;
	trap_to_ring0(c);
	if (sregs)
		trap_set_sregs(c);
	c->e->ops->vcpu_gprs_dirty(c->vcpu);
	run_stub(c);
	shadow_synced(c);
}
