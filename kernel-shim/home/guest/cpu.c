/* SPDX-License-Identifier: Apache-2.0
 * Several processors in ring 0: how they start, kicks, waiting.
 *
 * Who waits for long parks: its vCPU's thread sleeps in the launcher, and the host's processor is
 * somebody else's, perhaps of the vCPU that is waited for. An UNPARK that comes before the PARK
 * makes that return at once, so it is enough to say what one waits for, look once more, and park.
 *
 * A processor without the lock is parked or waits for it, with the launcher's tables loaded or
 * those of the task that it runs: no address space goes away under it.
 */
#include "home/guest/guest_internal.h"
#include "home/guest/lock.h"
#include "home/platform.h"
#include "mm/mm.h"

#define MSR_GS_BASE 0xc0000101u
#define LEAVE_LOOKS 2000u /* at in_user, which takes a kick of the other vCPU */
#define PAUSE_NS    20000u
#define STACK_ORDER 2

u64 guest_wait_for_kernel(u32 id);
void guest_run_cpu(void);

void guest_park(u64 deadline)
{
	__asm__ volatile("outl %0, %1" ::"a"(0), "Nd"((u16)CHAN_PORT_PARK), "c"(deadline)
			 : "memory");
}

void guest_unpark(u32 id)
{
	outl(CHAN_PORT_UNPARK, id);
}

static u32 here(void)
{
	return plat_cpu()->id;
}

/* -- user mode -- */

void guest_user_begin(struct mm *mm)
{
	struct guest_cpu *g = guest_cpu();

	g->mm = mm;
	__atomic_store_n(&g->in_user, 1, __ATOMIC_SEQ_CST);
	guest_lock_drop();
}

void guest_user_end(void)
{
	struct guest_cpu *g = guest_cpu();
	u32 by;

	__atomic_store_n(&g->in_user, 0, __ATOMIC_SEQ_CST);
	by = __atomic_load_n(&g->awaited, __ATOMIC_SEQ_CST);
	if (by)
		guest_unpark(by - 1);
	guest_lock_take(here());
}

/* Does user code of mm (NULL: any) run there? With the lock: none begins to. */
static bool runs_user(const struct guest_cpu *g, const struct mm *mm)
{
	return g != guest_cpu() && (!mm || g->mm == mm) &&
	       __atomic_load_n(&g->in_user, __ATOMIC_SEQ_CST);
}

static void wait_for_leave(struct guest_cpu *g)
{
	for (u32 i = 0; i < LEAVE_LOOKS; i++) {
		if (!__atomic_load_n(&g->in_user, __ATOMIC_ACQUIRE))
			return;
		__builtin_ia32_pause();
	}
	__atomic_store_n(&g->awaited, here() + 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&g->in_user, __ATOMIC_SEQ_CST))
		guest_park(TIME_NEVER);
	__atomic_store_n(&g->awaited, 0, __ATOMIC_RELAXED);
}

void plat_kick_cpu(struct cpu *c)
{
	if (runs_user(&guest_home.cpu[c->id], NULL))
		outl(CHAN_PORT_KICK, c->id);
}

void plat_cpus_leave(struct mm *mm)
{
	u64 kicked = 0;

	for (u32 i = 0; i < kern->ncpus; i++) {
		if (!runs_user(&guest_home.cpu[i], mm))
			continue;
		outl(CHAN_PORT_KICK, i);
		kicked |= 1ull << i;
	}
	for (; kicked; kicked &= kicked - 1)
		wait_for_leave(&guest_home.cpu[__builtin_ctzll(kicked)]);
}

void guest_shoot_down(struct mm *mm)
{
	for (u32 i = 0; i < kern->ncpus; i++) {
		struct guest_cpu *g = &guest_home.cpu[i];

		if (g != guest_cpu() && g->cr3 == mm->pgd)
			g->cr3 = 0;
	}
	plat_cpus_leave(mm);
}

/* -- waiting without the lock -- */

static void park_without_lock(u64 deadline)
{
	struct guest_cpu *g = guest_cpu();

	if (g->cr3 != GUEST_PA_PML4) {
		g->cr3 = GUEST_PA_PML4;
		write_cr3(g->cr3);
	}
	guest_lock_drop();
	guest_park(deadline);
	guest_lock_take(here());
}

void plat_idle(u64 deadline)
{
	park_without_lock(deadline);
}

void plat_wake_cpu(struct cpu *c)
{
	guest_unpark(c->id);
}

void plat_lock_pause(void)
{
	park_without_lock(clock_mono_ns() + PAUSE_NS);
}

/* -- the start -- */

void guest_cpu_begin(u32 id)
{
	struct guest_cpu *g = &guest_home.cpu[id];
	u64 va = (u64)g;

	g->cpu = &guest_home.kernel.cpus[id];
	g->self = g;
	g->cr3 = GUEST_PA_PML4;
	g->fpu_newer = true;
	g->trap_top =
		BOOT_IMAGE_VA + (id ? GUEST_PA_CPUS + id * PAGE_SIZE : (u64)GUEST_PA_TRAP_TOP);
	g->trap = (struct guest_trap *)(g->trap_top - GUEST_TRAP_SIZE);
	__asm__ volatile("wrmsr" ::"c"(MSR_GS_BASE), "a"((u32)va), "d"((u32)(va >> 32)) : "memory");
}

/* The other processors have nothing to do before, and nothing to do it with. */
void guest_cpus_start(void)
{
	for (u32 i = 1; i < kern->ncpus; i++) {
		u64 pa = pages_alloc_contig(STACK_ORDER);

		if (!pa)
			plat_panic("not enough memory for the processors' stacks (--mem)");
		__atomic_store_n(&guest_home.cpu[i].boot_stack,
			(u64)phys_ptr(pa) + (PAGE_SIZE << STACK_ORDER), __ATOMIC_RELEASE);
		guest_unpark(i);
	}
}

u64 guest_wait_for_kernel(u32 id)
{
	u64 stack;

	while (!(stack = __atomic_load_n(&guest_home.cpu[id].boot_stack, __ATOMIC_ACQUIRE)))
		guest_park(TIME_NEVER);
	guest_cpu_begin(id);
	return stack;
}

void guest_run_cpu(void)
{
	guest_lock_take(here());
	core_run(kern);
	plat_halt();
}
