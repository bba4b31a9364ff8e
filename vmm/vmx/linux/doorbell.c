// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The doorbell's short way (struct sbv_doorbell): an OUT of the guest that the service sees by
 * itself, because it looks at the ring. The vCPU waits here, for a moment, instead of in user mode.
 *
 * The page of the three words is pinned as long as the doorbell is set: what is done with them
 * happens where a fault could not be taken (the guest's FPU state may be loaded).
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "module.h"

/* However long the launcher wants to wait: preemption may be off meanwhile. */
#define WAIT_NS_MAX (1000 * 1000)

static bool bell_valid(const struct sbv_doorbell *d)
{
	u64 page = d->bells & PAGE_MASK;

	if ((d->bells | d->served | d->polling) & 3)
		return false;
	return (d->served & PAGE_MASK) == page && (d->polling & PAGE_MASK) == page;
}

static void bell_free(struct sbv_bell *b)
{
	if (!b)
		return;
	if (b->page)
		unpin_user_page(b->page);
	kfree(b);
}

static struct sbv_bell *bell_make(const struct sbv_doorbell *d)
{
	struct sbv_bell *b = kzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	char *va;
	int n;

	if (!b)
		return ERR_PTR(-ENOMEM);
	n = pin_user_pages_fast(d->bells & PAGE_MASK, 1, FOLL_WRITE | FOLL_LONGTERM, &b->page);
	if (n != 1) {
		b->page = NULL;
		bell_free(b);
		return ERR_PTR(n < 0 ? n : -EFAULT);
	}
	va = page_address(b->page);
	b->port = d->port;
	b->wait_ns = min_t(u32, d->wait_ns, WAIT_NS_MAX);
	b->bells = (u32 *)(va + offset_in_page(d->bells));
	b->served = (u32 *)(va + offset_in_page(d->served));
	b->polling = (u32 *)(va + offset_in_page(d->polling));
	return b;
}

/* vm->lock is held, or nobody else is there. Readers are in RCU sections. */
static void bell_replace(struct sbv_vm *vm, struct sbv_bell *b)
{
	struct sbv_bell *old = rcu_replace_pointer(vm->bell, b, true);

	if (!old)
		return;
	synchronize_rcu();
	bell_free(old);
}

int sbv_bell_set(struct sbv_vm *vm, const struct sbv_doorbell *d)
{
	struct sbv_bell *b = NULL;

	if (d->enable > 1)
		return -EINVAL;
	if (d->enable) {
		if (!bell_valid(d))
			return -EINVAL;
		b = bell_make(d);
		if (IS_ERR(b))
			return PTR_ERR(b);
	}
	mutex_lock(&vm->lock);
	bell_replace(vm, b);
	mutex_unlock(&vm->lock);
	return 0;
}

/* The VM goes: no vCPU is left to read it. */
void sbv_bell_drop(struct sbv_vm *vm)
{
	bell_free(rcu_dereference_protected(vm->bell, true));
}

/* Rung, and served in time? Someone who wants the thread ends the wait: the launcher then hears of
 * the bell in the usual way. */
static bool bell_ring(const struct sbv_vcpu *v, const struct sbv_bell *b)
{
	u32 mine;
	u64 end;

	if (!READ_ONCE(*b->polling))
		return false;
	mine = atomic_inc_return((atomic_t *)b->bells);
	end = ktime_get_mono_fast_ns() + b->wait_ns;
	while ((s32)(READ_ONCE(*b->served) - mine) < 0) {
		if (need_resched() || signal_pending(current) ||
			READ_ONCE(v->run->immediate_exit) || sbv_stopping() ||
			!READ_ONCE(*b->polling) || ktime_get_mono_fast_ns() >= end)
			return false;
		cpu_relax();
	}
	smp_rmb(); /* what was served is read behind the word that says so */
	return true;
}

bool sbv_bell_answered(struct sbv_vcpu *v, const struct vmx_user_exit *e)
{
	const struct sbv_bell *b;
	bool answered = false;

	if (e->reason != SBV_EXIT_IO_OUT || !rcu_access_pointer(v->vm->bell))
		return false;
	rcu_read_lock();
	b = rcu_dereference(v->vm->bell);
	if (b && b->port == e->port)
		answered = bell_ring(v, b);
	rcu_read_unlock();
	if (answered)
		vmx_vcpu_count_doorbell(v->core);
	return answered;
}
