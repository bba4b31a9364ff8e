// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * The host takes memory of the owner away (munmap, swap, migration, write protection, a fork): the
 * MMU notifiers tell before it does, and again when it has.
 *
 * Between a page's lookup (frame.c) and its entry in a table the lookup may have become wrong. So
 * the notifiers count, under memory_lock; who enters a page compares, under the same lock
 * (vmx_host_ops.frame_stale): a page that an invalidation touches, or that was looked up before one
 * ended, is looked up again.
 */
#include <linux/sched.h>

#include "module.h"

static int notify_start(struct mmu_notifier *n, const struct mmu_notifier_range *range)
{
	struct sbv_vm *vm = container_of(n, struct sbv_vm, notifier);

	/* Nothing here sleeps: it makes no difference whether the caller may block. */
	spin_lock(&vm->memory_lock);
	if (!vm->invalidating++) {
		vm->from = range->start;
		vm->to = range->end;
	} else {
		vm->from = min(vm->from, range->start);
		vm->to = max(vm->to, range->end);
	}
	if (vmx_vm_zap_hva(vm->core, range->start, range->end))
		vmx_flush_tlbs(vm->core);
	spin_unlock(&vm->memory_lock);
	return 0;
}

static void notify_end(struct mmu_notifier *n, const struct mmu_notifier_range *range)
{
	struct sbv_vm *vm = container_of(n, struct sbv_vm, notifier);

	spin_lock(&vm->memory_lock);
	vm->invalidated++;
	vm->invalidating--;
	spin_unlock(&vm->memory_lock);
}

/* The owner is gone: no thread of it is in a vCPU, and none will be. Its pages go now. */
static void notify_release(struct mmu_notifier *n, struct mm_struct *mm)
{
	struct sbv_vm *vm = container_of(n, struct sbv_vm, notifier);

	spin_lock(&vm->memory_lock);
	vm->invalidated++;
	vmx_vm_zap_hva(vm->core, 0, ULONG_MAX);
	spin_unlock(&vm->memory_lock);
}

/*
 * No clear_young and test_young: a page counts as used when it is entered (frame.c). One that
 * reclaim takes although the guest uses it comes back with a fault.
 */
static const struct mmu_notifier_ops notify_ops = {
	.invalidate_range_start = notify_start,
	.invalidate_range_end = notify_end,
	.release = notify_release,
};

int sbv_notify_start(struct sbv_vm *vm)
{
	vm->notifier.ops = &notify_ops;
	return mmu_notifier_register(&vm->notifier, vm->mm);
}

/* After this no callback runs. */
void sbv_notify_stop(struct sbv_vm *vm)
{
	mmu_notifier_unregister(&vm->notifier, vm->mm);
}

u64 sbv_notify_sequence(struct sbv_vm *vm)
{
	u64 sequence;

	spin_lock(&vm->memory_lock);
	sequence = vm->invalidated;
	spin_unlock(&vm->memory_lock);
	return sequence;
}

bool sbv_notify_stale(struct sbv_vm *vm, u64 sequence, unsigned long hva)
{
	lockdep_assert_held(&vm->memory_lock);
	if (vm->invalidating && hva >= vm->from && hva < vm->to)
		return true;
	return sequence != vm->invalidated;
}
