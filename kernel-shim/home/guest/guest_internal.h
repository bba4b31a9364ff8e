/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOME_GUEST_INTERNAL_H
#define HOME_GUEST_INTERNAL_H

#include "core/task.h"
#include "home/guest/guest.h"

struct guest_trap;

/* A processor. Changed with the kernel lock; what is not is said. */
struct guest_cpu {
	struct cpu *cpu; /* first: cpu_here.h */
	/* For entry.S, of the processor itself. */
	u64 kernel_rsp; /* where guest_enter was called */
	u64 user_rsp;
	u64 trap_top; /* end of the page that traps from ring 3 push into */

	struct guest_cpu *self;
	struct guest_trap *trap; /* at the end of that page */
	u64 cr3;		 /* as loaded; 0: it is to be loaded anew, for entries of it went */
	u64 fs_base, gs_base;
	struct task *fpu_owner; /* whose FPU state is here */
	bool fpu_newer;		/* than the task's copy; with one processor taken for granted */
	u64 kick_at; /* the host was asked for a kick at this time, and it has not come; 0: none */
	const struct mm *mm; /* of the user code that runs, while in_user */
	u32 in_user;	     /* cleared without the lock, by the processor itself */
	u32 awaited;	     /* by whom, + 1; read without the lock */
	u64 boot_stack;	     /* of the scheduler; 0: there is no kernel yet */
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct guest_cpu, kernel_rsp) == GUEST_CPU_KERNEL_RSP, "entry.S");
_Static_assert(offsetof(struct guest_cpu, user_rsp) == GUEST_CPU_USER_RSP, "entry.S");
_Static_assert(offsetof(struct guest_cpu, trap_top) == GUEST_CPU_TRAP_TOP, "entry.S");

/* What the host has still to be told, announce.c. With the kernel lock. */
struct guest_announcements {
	bool on;
	u32 n;
	struct boot_announcement list[BOOT_ANNOUNCE_MAX];
};

/* The root of all state: one shim to a VM. */
struct guest_home {
	struct kernel kernel;
	struct chan_ring *ring;
	bool xsave, sysret;
	bool parallel; /* there are several processors: the lock is one */
	struct guest_cpu cpu[CPUS_MAX];
	struct guest_announcements announcements;
};
extern struct guest_home guest_home;

static inline struct guest_cpu *guest_cpu(void)
{
	struct guest_cpu *g;

	__asm__ volatile("mov %%gs:%c1, %0" : "=r"(g) : "i"(offsetof(struct guest_cpu, self)));
	return g;
}

static inline void outl(u16 port, u32 v)
{
	__asm__ volatile("outl %0, %1" ::"a"(v), "Nd"(port) : "memory");
}

static inline void write_cr3(u64 v)
{
	__asm__ volatile("mov %0, %%cr3" ::"r"(v) : "memory");
}

/* announce.c */
void guest_announce_begin(void);
/* false: nobody wants to know, the caller flushes the TLB itself. */
bool guest_announce(u64 root, u64 va, u64 pages);
void guest_announce_root_gone(u64 root);
/* Before user code runs. */
void guest_announce_flush(void);

/* cpu.c */
/* The processor that runs this is number id from now on. */
void guest_cpu_begin(u32 id);
/* The kernel is there: the others run it too. This one has the lock. */
void guest_cpus_start(void);
/* User code of mm runs between these two, without the lock. */
void guest_user_begin(struct mm *mm);
void guest_user_end(void);
/* No processor but this one uses what mm's tables said: who runs its user code leaves it, and all
 * load CR3 anew before they run some again. */
void guest_shoot_down(struct mm *mm);

#endif
