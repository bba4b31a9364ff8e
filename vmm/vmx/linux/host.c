// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
/*
 * What the core asks of its host (../core/host.h), where it is not memory of the owner.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <asm/fpu/api.h>
#include <asm/mce.h>
#include <asm/ptrace.h>

#include "module.h"

/* --- memory of the core --- */

static atomic_long_t pages = ATOMIC_LONG_INIT(0);

/* Of the core's tables and VMCSs now; VMXON regions too. */
long sbv_host_pages(void)
{
	return atomic_long_read(&pages);
}

/* Where the kernel counts preemption it knows whether we may sleep. Charged to the owner's cgroup.
 */
static gfp_t gfp_now(void)
{
	return (preemptible() ? GFP_KERNEL : GFP_ATOMIC | __GFP_NOWARN) | __GFP_ACCOUNT;
}

static void *host_page_alloc(void)
{
	void *page = (void *)__get_free_page(gfp_now() | __GFP_ZERO);

	if (page)
		atomic_long_inc(&pages);
	return page;
}

static void host_page_free(void *page)
{
	atomic_long_dec(&pages);
	free_page((unsigned long)page);
}

static uint64_t host_page_pa(const void *page)
{
	return __pa(page);
}

static void *host_page_va(uint64_t pa)
{
	return __va(pa);
}

static void *host_alloc(size_t size)
{
	return kvzalloc(size, SBV_GFP_SIZED);
}

static void host_free(void *p)
{
	kvfree(p);
}

/* --- the VM's lock, its frames --- */

static void host_lock(void *host_vm)
{
	struct sbv_vm *vm = host_vm;

	spin_lock(&vm->memory_lock);
}

static void host_unlock(void *host_vm)
{
	struct sbv_vm *vm = host_vm;

	spin_unlock(&vm->memory_lock);
}

static uint64_t host_frame_sequence(void *host_vm)
{
	return sbv_notify_sequence(host_vm);
}

static bool host_frame_stale(void *host_vm, uint64_t sequence, uint64_t hva)
{
	return sbv_notify_stale(host_vm, sequence, hva);
}

static void host_leave_guest(void *host_vm)
{
	sbv_leave_guest(host_vm);
}

/* --- the CPU --- */

/* Preemption stays off between the two: nothing in there may sleep. */
static void host_fpu_begin(void)
{
	kernel_fpu_begin();
}

static void host_fpu_end(void)
{
	kernel_fpu_end();
}

/*
 * An NMI ended guest mode, and the CPU holds back others until the next IRET: INT goes through the
 * gate, on the NMI's own stack, as the NMI itself would have.
 */
static void host_nmi(void)
{
	asm volatile("int $2" ::: "memory");
}

/* As if it had hit user mode: what was running is not the kernel, and can be left behind. */
static void host_machine_check(void)
{
	struct pt_regs regs = {
		.cs = 3,
		.flags = X86_EFLAGS_IF,
	};

	do_machine_check(&regs);
}

static __printf(1, 2) void host_log(const char *format, ...)
{
	struct va_format vaf;
	va_list ap;

	va_start(ap, format);
	vaf.fmt = format;
	vaf.va = &ap;
	/* A guest can cause as many of these as it likes. */
	pr_warn_ratelimited("sandbox-vmx: %pV\n", &vaf);
	va_end(ap);
}

const struct vmx_host_ops sbv_host_ops = {
	.page_alloc = host_page_alloc,
	.page_free = host_page_free,
	.page_pa = host_page_pa,
	.page_va = host_page_va,
	.alloc = host_alloc,
	.free = host_free,
	.lock = host_lock,
	.unlock = host_unlock,
	.frame_sequence = host_frame_sequence,
	.frame_get = sbv_frame_get,
	.frames_at_hand = sbv_frames_at_hand,
	.frame_stale = host_frame_stale,
	.frame_put = sbv_frame_put,
	.user_read = sbv_user_read,
	.user_cmpxchg64 = sbv_user_cmpxchg64,
	.leave_guest = host_leave_guest,
	.fpu_begin = host_fpu_begin,
	.fpu_end = host_fpu_end,
	.nmi = host_nmi,
	.machine_check = host_machine_check,
	.log = host_log,
};
