/* SPDX-License-Identifier: Apache-2.0
 * The platform seam in the launcher's process. See home/platform.h for the contracts.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <x86intrin.h>

#include "core/random.h"
#include "core/task.h"
#include "home/host/fiber.h"
#include "home/host/host.h"
#include "home/host/host_internal.h"
#include "home/host/sample.h"
#include "home/platform.h"
#include "mm/mm.h"

/* libc and the service run on these stacks too: much deeper than the core itself needs. */
#define KSTACK_SIZE (256u * 1024)
#define GUARD_SIZE  4096u

struct host_home host_home;
u8 *plat_physmap;

void host_kctx_switch(u64 *save_rsp, u64 load_rsp);
void host_kctx_entry(void);
void host_kctx_begin(void (*fn)(void *), void *arg);

void plat_zero_page(u64 pa)
{
	memset(phys_ptr(pa), 0, PAGE_SIZE);
}

void plat_copy_page(u64 dst_pa, u64 src_pa)
{
	memcpy(phys_ptr(dst_pa), phys_ptr(src_pa), PAGE_SIZE);
}

/* -- address spaces -- */

void plat_pgd_init(u64 *pgd)
{
	if (host_home.c.engine->pgd_init)
		host_home.c.engine->pgd_init(host_home.c.engine_arg, pgd);
}

void plat_pgd_destroy(struct mm *mm)
{
	if (host_home.c.engine->mm_gone)
		host_home.c.engine->mm_gone(host_home.c.engine_arg, mm);
}

int plat_mm_forked(struct mm *mm, struct mm *old)
{
	assert_locked();
	if (!host_home.c.engine->mm_forked)
		return 0;
	return host_home.c.engine->mm_forked(host_home.c.engine_arg, mm, old);
}

void plat_code_restore(struct mm *mm, u64 va, u64 len)
{
	if (host_home.c.engine->code_restore)
		host_home.c.engine->code_restore(host_home.c.engine_arg, mm, va, len);
}

void plat_tlb_flush(struct mm *mm, u64 va, u64 npages)
{
	assert_locked();
	if (host_home.c.engine->tlb_flush)
		host_home.c.engine->tlb_flush(host_home.c.engine_arg, mm, va, npages);
}

void plat_tables_freed(struct mm *mm, u64 va, u64 npages)
{
	assert_locked();
	if (host_home.c.engine->tables_freed)
		host_home.c.engine->tables_freed(host_home.c.engine_arg, mm);
}

void plat_tlb_added(struct mm *mm, u64 va, u64 npages)
{
	assert_locked();
	if (host_home.c.engine->tlb_added)
		host_home.c.engine->tlb_added(host_home.c.engine_arg, mm, va, npages);
}

/* -- user code -- */

void plat_user_run(struct task *t)
{
	assert_locked();
	host_sample_enter(t);
	host_home.c.engine->run(host_home.c.engine_arg, t);
	host_sample_leave(t);
	if (t->trap.kind == TRAP_KICK && host_home.c.kicked)
		host_home.c.kicked(host_home.c.channel_arg);
}

void plat_fpu_save(struct task *t)
{
	assert_locked();
	host_home.c.engine->fpu_save(host_home.c.engine_arg, t);
}

void plat_fpu_load(struct task *t)
{
	assert_locked();
	host_home.c.engine->fpu_load(host_home.c.engine_arg, t);
}

void plat_fpu_drop(struct task *t)
{
	host_home.c.engine->fpu_drop(host_home.c.engine_arg, t);
}

void plat_fpu_init(struct task *t)
{
	const u16 fcw = 0x37f; /* SDM vol. 1, 8.1.5: FNINIT's control word */
	const u32 mxcsr = 0x1f80;
	const u64 xstate_bv = 0; /* all components in their initial state */

	memset(t->fpu, 0, kern->xsave_size);
	memcpy(t->fpu, &fcw, sizeof(fcw));
	memcpy(t->fpu + 24, &mxcsr, sizeof(mxcsr));
	if (kern->xsave_size > 512) {
		const u64 legacy = 3; /* x87 and SSE as just written */

		memcpy(t->fpu + 512, kern->xcr0 ? &legacy : &xstate_bv, sizeof(u64));
	}
}

void plat_set_kick(u64 when_ns)
{
	assert_locked();
	host_home.c.engine->set_kick(host_home.c.engine_arg, when_ns);
}

/* -- kernel contexts -- */

int plat_kctx_init(struct kctx *c, void (*fn)(void *), void *arg)
{
	u8 *stack = mmap(NULL, KSTACK_SIZE + GUARD_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	u64 *sp;

	if (stack == MAP_FAILED)
		return -ENOMEM;
	mprotect(stack, GUARD_SIZE, PROT_NONE);
	c->stack_lo = (u64)stack;
	c->stack_size = KSTACK_SIZE + GUARD_SIZE;
	c->fake_stack = NULL;
	sp = (u64 *)(stack + GUARD_SIZE + KSTACK_SIZE);
	*--sp = 0; /* two words: rsp is 16-byte aligned before host_kctx_entry's call */
	*--sp = 0;
	*--sp = (u64)host_kctx_entry;
	*--sp = 0;	  /* rbp */
	*--sp = 0;	  /* rbx */
	*--sp = (u64)fn;  /* r12 */
	*--sp = (u64)arg; /* r13 */
	*--sp = 0;	  /* r14 */
	*--sp = 0;	  /* r15 */
	c->rsp = (u64)sp;
	return 0;
}

/* First C code on a new stack. */
void host_kctx_begin(void (*fn)(void *), void *arg)
{
	fiber_arrive(NULL);
	fn(arg);
}

void plat_kctx_free(struct kctx *c)
{
	if (c->stack_lo)
		munmap((void *)c->stack_lo, c->stack_size);
	c->stack_lo = 0;
}

void plat_kctx_switch(struct kctx *from, struct kctx *to)
{
	assert_locked();
	fiber_leave(from, to);
	host_kctx_switch(&from->rsp, to->rsp);
	fiber_arrive(from);
}

/* -- channel -- */

void plat_channel(struct chan_msg *m)
{
	assert_locked();
	kern->stats.channel_calls++;
	if (m->op == CHAN_OP_WAIT)
		host_user_waits();
	host_home.c.channel(host_home.c.channel_arg, m);
}

u8 *plat_chan_data(void)
{
	assert_locked();
	return host_home.c.ring->data;
}

bool plat_events_pending(void)
{
	return __atomic_load_n(&host_home.c.ring->events, __ATOMIC_ACQUIRE);
}

/* The window is mapped here as well, but a file that shrinks under us must not kill the launcher.
 */
int plat_window_read(void *dst, u64 window_off, size_t n)
{
	if (window_off > host_home.c.window_size || n > host_home.c.window_size - window_off)
		return -EFAULT;
	return host_soft_copy(dst, host_home.c.window + window_off, n);
}

int plat_window_write(u64 window_off, const void *src, size_t n)
{
	if (window_off > host_home.c.window_size || n > host_home.c.window_size - window_off)
		return -EFAULT;
	return host_soft_copy(host_home.c.window + window_off, src, n);
}

int plat_window_cmpxchg(u64 window_off, u32 expect, u32 desired, u32 *old)
{
	if (host_home.c.window_size < sizeof(u32) ||
		window_off > host_home.c.window_size - sizeof(u32))
		return -EFAULT;
	return host_soft_cmpxchg((u32 *)(host_home.c.window + window_off), expect, desired, old);
}

u64 plat_tsc(void)
{
	return __rdtsc();
}

/* -- end -- */

void plat_panic(const char *why)
{
	host_home.c.panic(host_home.c.channel_arg, why);
}

void plat_halt(void)
{
	/* the scheduler's context sees kernel.ended and returns from core_run */
}

int host_home_prepare(void)
{
	return host_soft_copy_init();
}

int host_home_boot(const struct host_home_config *c)
{
	struct kernel *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	host_home.c = *c;
	plat_physmap = c->ram;
	host_cpu_begin(0);
	core_boot(k, c->boot);
	k->shown = c->counters;
	return 0;
}

void host_home_run(u32 cpu)
{
	if (cpu)
		host_cpu_begin(cpu);
	core_run(kern);
	host_cpu_end();
}

void host_home_copied(const u8 *seed, size_t n)
{
	random_add(seed, n);
	plat_cpu()->kick_set = 0;   /* the timer that was told is the other process's */
	host_home.c.samples = NULL; /* another process reads those */
}

void host_home_free(void)
{
	/* Tasks still hanging on wait queues keep their stacks: the process ends with them. */
	free(kern);
	kern = NULL;
}
