/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam between the core and where it runs. Each home implements these functions by linking its
 * own files (home/guest: ring 0 of a VM; home/host: in the launcher, over an engine that runs user
 * code; tests link home/host with a fake engine). The core calls nothing else of the outside.
 *
 * One kernel lock guards the core; every function here is called with it held. It is dropped only
 * in plat_user_run, while user code runs, and in plat_idle and plat_lock_pause.
 */
#ifndef HOME_PLATFORM_H
#define HOME_PLATFORM_H

#include "abi/channel.h"
#include "core/types.h"

struct task;
struct mm;
struct kernel;
struct cpu;

/* -- physical memory: RAM is [0, mem_size) of guest-physical addresses -- */
extern u8 *plat_physmap; /* pointer to physical address 0; set before core_boot */
static inline void *phys_ptr(u64 pa)
{
	return plat_physmap + pa;
}
static inline u64 ptr_phys(const void *p)
{
	return (u64)((const u8 *)p - plat_physmap);
}
void plat_zero_page(u64 pa);
void plat_copy_page(u64 dst_pa, u64 src_pa);
/* Pointer to a page of the file window (DAX), which may not be mapped in this home: NULL then, and
 * the caller goes through READ/WRITE on the channel. Touching a page past the file's end faults:
 * the caller checks the size first, and these survive a file that shrinks meanwhile: -EFAULT. */
int plat_window_read(void *dst, u64 window_off, size_t n);
int plat_window_write(u64 window_off, const void *src, size_t n);
/* The word at window_off is made `desired` if it is `expect`; *old: what it was. */
int plat_window_cmpxchg(u64 window_off, u32 expect, u32 desired, u32 *old);

/* -- address spaces: the core keeps x86-64 page tables in RAM (mm/pgtable.c) in every home -- */
/* Called once for each new root (a zeroed page): the guest home copies the kernel's half. */
void plat_pgd_init(u64 *pgd);
void plat_pgd_destroy(struct mm *mm);
/* mm is a new copy of old, which never ran. 0 or -ENOMEM. */
int plat_mm_forked(struct mm *mm, struct mm *old);
/* Code in [va, va + len) of mm is about to be moved, or written to although its mapping does not
 * allow it: a home that had put something else in its place puts it back. */
void plat_code_restore(struct mm *mm, u64 va, u64 len);
/* Entries for [va, va + npages * 4096) of mm were removed or lost rights: no processor uses the old
 * ones after this. Cheap if mm is not loaded. */
void plat_tlb_flush(struct mm *mm, u64 va, u64 npages);
/* Page-table frames of mm that led to [va, va + npages * 4096) are about to be freed or were just
 * freed. */
void plat_tables_freed(struct mm *mm, u64 va, u64 npages);
/* Entries were added or gained rights; the hardware homes need nothing. */
void plat_tlb_added(struct mm *mm, u64 va, u64 npages);

/* -- user code -- */
/* Runs t in user mode with t->regs, t->fs_base, t->gs_base, t's FPU state and t->mm, until it
 * traps; fills t->regs and t->trap. Returns at once with TRAP_KICK if an event is pending. */
void plat_user_run(struct task *t);
/* The FPU state of the running program lives in the vCPU until another task runs. save: bring t's
 * state into t->fpu (struct layout: XSAVE standard format, kernel.xsave_size bytes) for reading;
 * load: t->fpu was written, use it from now on. switched away tasks are saved by the home itself.
 */
void plat_fpu_save(struct task *t);
void plat_fpu_load(struct task *t);
void plat_fpu_init(struct task *t); /* fill t->fpu with the initial state */
/* t ends: forget any of its state still in a vCPU. */
void plat_fpu_drop(struct task *t);

/* -- processors: each runs the scheduler, one task at a time -- */
/* struct cpu *plat_cpu(void): the one that runs this code. A context may go on on another one after
 * each switch (and after whatever waits), so the answer is not to be kept. The home's own header,
 * for it is asked for each time that the core says `current`. */
#include "cpu_here.h"
/* If c runs user code it returns with TRAP_KICK soon. What it is to see then was written before. */
void plat_kick_cpu(struct cpu *c);
/* Returns when every processor but this one that ran user code of mm (NULL: of any) has left it. */
void plat_cpus_leave(struct mm *mm);
/* Sleeps without the lock until plat_wake_cpu, or CLOCK_MONOTONIC deadline; may return early. */
void plat_idle(u64 deadline);
void plat_wake_cpu(struct cpu *c);
/* Lets the others have the lock for a moment. */
void plat_lock_pause(void);

/* Builds that check their rules (-DSHIM_CHECKS: unit tests and sanitizers, home host) panic when
 * this thread does not hold the kernel lock. Said where the core's state changes hands. */
void plat_assert_locked(const char *where);
#ifdef SHIM_CHECKS
#define assert_locked() plat_assert_locked(__func__)
#else
#define assert_locked() ((void)0)
#endif

/* -- kernel contexts: each task has a kernel stack -- */
struct kctx {
	u64 rsp;	  /* everything else is saved on the stack */
	void *fake_stack; /* for AddressSanitizer in the host home */
	u64 stack_lo;
	u64 stack_size;
};
int plat_kctx_init(struct kctx *c, void (*fn)(void *), void *arg); /* allocates the stack */
void plat_kctx_free(struct kctx *c);
void plat_kctx_switch(struct kctx *from, struct kctx *to);

/* -- channel: fills msg->result and, for outputs, the ring's data area -- */
/* m->in_len bytes must be in plat_chan_data() before; outputs are there after. */
void plat_channel(struct chan_msg *m);
u8 *plat_chan_data(void);
bool plat_events_pending(void); /* host set ring->events */

/* -- clock -- */
u64 plat_tsc(void);
/* Wanted: a TRAP_KICK on this processor at CLOCK_MONOTONIC when_ns at the latest (0: none wanted).
 * May come early. */
void plat_set_kick(u64 when_ns);

/* -- end -- */
_Noreturn void plat_panic(const char *why);
/* EXIT was sent: the scheduler's context is left for good. The guest home stops the vCPU; the host
 * home returns to its caller. */
void plat_halt(void);

#endif
