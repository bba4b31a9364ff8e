/* SPDX-License-Identifier: Apache-2.0
 * The platform seam in ring 0 of a VM. See home/platform.h for the contracts.
 */
#include <asm/errno.h>

#include "core/task.h"
#include "home/guest/guest_internal.h"
#include "home/guest/lock.h"
#include "home/platform.h"
#include "mm/mm.h"

#define KSTACK_ORDER	2     /* 16 KiB */
#define FLUSH_PAGES_MAX 32u   /* beyond it a reload of CR3 is cheaper than INVLPGs */
#define SPIN_POLLING	2000u /* pauses while the host says that it is looking */

#define MSR_FS_BASE	   0xc0000100u
#define MSR_KERNEL_GS_BASE 0xc0000102u /* in ring 0 the program's */

/* The trap page as entry.S fills it, down from GUEST_PA_TRAP_TOP. */
struct guest_trap {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct guest_trap) == GUEST_TRAP_SIZE, "entry.S counts on it");
_Static_assert(offsetof(struct guest_trap, cs) == 144, "entry.S counts on it");
_Static_assert(offsetof(struct user_regs, rdi) == 14 * 8, "copied as an array");

u8 *plat_physmap;
struct guest_home guest_home;

void guest_enter(bool sysret, struct guest_trap *f);
void guest_kctx_switch(u64 *save_rsp, u64 load_rsp);
void guest_kctx_entry(void);
u64 guest_soft_copy(void *dst, const void *src, size_t n);
u32 guest_soft_cmpxchg(u32 *word, u32 expect, u32 desired, u32 *old);
void guest_kernel_trap(struct guest_trap *f);
void guest_main(const struct boot_block *boot);

/* -- instructions -- */

static void wrmsr(u32 msr, u64 v)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static void invlpg(u64 va)
{
	__asm__ volatile("invlpg (%0)" ::"r"(va) : "memory");
}

static u64 read_cr2(void)
{
	u64 v;

	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	return v;
}

/* -- memory -- */

void plat_zero_page(u64 pa)
{
	void *p = phys_ptr(pa);
	u64 n = PAGE_SIZE;

	__asm__ volatile("rep stosb" : "+D"(p), "+c"(n) : "a"(0) : "memory");
}

void plat_copy_page(u64 dst_pa, u64 src_pa)
{
	void *d = phys_ptr(dst_pa), *s = phys_ptr(src_pa);
	u64 n = PAGE_SIZE;

	__asm__ volatile("rep movsb" : "+D"(d), "+S"(s), "+c"(n)::"memory");
}

/* Window pages are not in the physical map: one slot of the image's page table shows them. What
 * another processor has kept of it, it drops before it looks itself. */
static u8 *kmap(u64 window_off)
{
	u64 *pt = phys_ptr(GUEST_PA_IMG_PT);
	u64 va = BOOT_IMAGE_VA + GUEST_KMAP_PA;

	pt[GUEST_KMAP_PA >> PAGE_SHIFT] = ((kern->boot->window_gpa + window_off) & PTE_ADDR) |
					  PTE_P | PTE_W | PTE_NX | PTE_A | PTE_D;
	invlpg(va);
	return (u8 *)va + (window_off & (PAGE_SIZE - 1));
}

static int window_copy(u64 off, u8 *buf, size_t n, bool write)
{
	u64 size = kern->boot->window_size;

	if (off > size || n > size - off)
		return -EFAULT;
	while (n) {
		u64 part = min_u64(n, PAGE_SIZE - (off & (PAGE_SIZE - 1)));
		u8 *p = kmap(off);

		if (guest_soft_copy(write ? p : buf, write ? buf : p, part))
			return -EFAULT;
		off += part;
		buf += part;
		n -= part;
	}
	return 0;
}

int plat_window_read(void *dst, u64 window_off, size_t n)
{
	return window_copy(window_off, dst, n, false);
}

int plat_window_write(u64 window_off, const void *src, size_t n)
{
	return window_copy(window_off, (u8 *)(u64)src, n, true);
}

int plat_window_cmpxchg(u64 window_off, u32 expect, u32 desired, u32 *old)
{
	u64 size = kern->boot->window_size;

	if (size < sizeof(u32) || window_off > size - sizeof(u32))
		return -EFAULT;
	return guest_soft_cmpxchg((u32 *)kmap(window_off), expect, desired, old) ? -EFAULT : 0;
}

/* -- address spaces -- */

void plat_pgd_init(u64 *pgd)
{
	const u64 *boot = phys_ptr(GUEST_PA_PML4);

	memcpy(pgd + 256, boot + 256, 256 * sizeof(*pgd));
}

void plat_pgd_destroy(struct mm *mm)
{
	struct guest_cpu *g = guest_cpu();

	guest_announce_root_gone(mm->pgd);
	if (g->cr3 == mm->pgd || !g->cr3) { /* its frames are about to be freed: off it */
		g->cr3 = GUEST_PA_PML4;
		write_cr3(g->cr3);
	}
}

int plat_mm_forked(struct mm *mm, struct mm *old)
{
	return 0;
}

void plat_code_restore(struct mm *mm, u64 va, u64 len)
{
}

void plat_tlb_flush(struct mm *mm, u64 va, u64 npages)
{
	struct guest_cpu *g = guest_cpu();

	if (guest_home.parallel)
		guest_shoot_down(mm);
	if (guest_announce(mm->pgd, va, npages))
		return;
	if (g->cr3 != mm->pgd)
		return; /* no PCID: loading CR3 flushes */
	if (npages > FLUSH_PAGES_MAX) {
		write_cr3(g->cr3);
		return;
	}
	for (u64 i = 0; i < npages; i++)
		invlpg(va + i * PAGE_SIZE);
}

void plat_tables_freed(struct mm *mm, u64 va, u64 npages)
{
	struct guest_cpu *g = guest_cpu();

	if (guest_home.parallel)
		guest_shoot_down(mm);
	if (guest_announce(mm->pgd, va, npages))
		return;
	if (g->cr3 == mm->pgd) /* the processor may have cached the upper entries */
		write_cr3(g->cr3);
}

void plat_tlb_added(struct mm *mm, u64 va, u64 npages)
{
}

/* -- FPU -- */

static void fpu_store(u8 *area)
{
	if (guest_home.xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"((u32)kern->xcr0),
				 "d"((u32)(kern->xcr0 >> 32))
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static void fpu_restore(const u8 *area)
{
	if (guest_home.xsave)
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"((u32)kern->xcr0),
				 "d"((u32)(kern->xcr0 >> 32))
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

/* The state of the task that ran here, into its own memory. */
static void fpu_write_back(struct guest_cpu *g)
{
	if (g->fpu_owner && g->fpu_newer)
		fpu_store(g->fpu_owner->fpu);
}

/* Nothing that is in a processor counts for t any more. */
static void fpu_forget(const struct task *t)
{
	for (u32 i = 0; i < kern->ncpus; i++) {
		struct guest_cpu *g = &guest_home.cpu[i];

		if (g->fpu_owner == t)
			g->fpu_owner = NULL;
	}
}

void plat_fpu_save(struct task *t)
{
	struct guest_cpu *g = guest_cpu();

	if (g->fpu_owner == t)
		fpu_write_back(g);
}

void plat_fpu_load(struct task *t)
{
	fpu_forget(t);
}

void plat_fpu_drop(struct task *t)
{
	fpu_forget(t);
}

void plat_fpu_init(struct task *t)
{
	const u16 fcw = 0x37f; /* SDM vol. 1, 8.1.5 */
	const u32 mxcsr = 0x1f80;
	const u64 legacy = 3; /* x87 and SSE are as written here */

	memset(t->fpu, 0, kern->xsave_size);
	memcpy(t->fpu, &fcw, sizeof(fcw));
	memcpy(t->fpu + 24, &mxcsr, sizeof(mxcsr));
	if (kern->xsave_size > 512)
		memcpy(t->fpu + 512, &legacy, sizeof(legacy));
}

static void fpu_switch(struct guest_cpu *g, struct task *t)
{
	if (g->fpu_owner == t)
		return;
	fpu_write_back(g);
	if (guest_home.parallel)
		fpu_forget(t);
	fpu_restore(t->fpu);
	g->fpu_owner = t;
}

/* -- user code -- */

static void load_task(struct guest_cpu *g, struct guest_trap *f, struct task *t)
{
	const struct user_regs *r = &t->regs;

	guest_announce_flush();
	if (g->cr3 != t->mm->pgd) {
		g->cr3 = t->mm->pgd;
		write_cr3(g->cr3);
	}
	if (g->fs_base != t->fs_base) {
		g->fs_base = t->fs_base;
		wrmsr(MSR_FS_BASE, t->fs_base);
	}
	if (g->gs_base != t->gs_base) {
		g->gs_base = t->gs_base;
		wrmsr(MSR_KERNEL_GS_BASE, t->gs_base);
	}
	fpu_switch(g, t);
	memcpy(&f->r15, &r->r15, 15 * sizeof(u64));
	f->rip = r->rip;
	f->cs = USER_CS;
	f->rflags = (r->rflags & USER_RFLAGS_MASK) | 0x202;
	f->rsp = r->rsp;
	f->ss = USER_SS;
}

static void store_task(struct task *t, const struct guest_trap *f)
{
	struct user_regs *r = &t->regs;

	memcpy(&r->r15, &f->r15, 15 * sizeof(u64));
	r->rip = f->rip;
	r->cs = f->cs;
	r->rflags = f->rflags;
	r->rsp = f->rsp;
	r->ss = f->ss;
}

static void decode_trap(struct guest_cpu *g, const struct guest_trap *f, struct task *t)
{
	t->trap = (struct trap){.vector = (u32)f->vector, .error = f->error};
	switch (f->vector) {
	case GUEST_VEC_SYSCALL:
		t->trap.kind = TRAP_SYSCALL;
		break;
	case GUEST_VEC_KICK:
		g->kick_at = 0; /* the host's clock may be ahead: this time is wanted again */
		t->trap.kind = TRAP_KICK;
		break;
	case GUEST_VEC_BUS:
		t->trap.kind = TRAP_BUS;
		break;
	case 14:
		t->trap.addr = read_cr2();
		t->trap.kind = TRAP_FAULT;
		break;
	default:
		t->trap.kind = TRAP_FAULT;
	}
}

/* Until the next trap; f then says which. */
static void run_user(struct guest_cpu *g, struct guest_trap *f, struct task *t)
{
	/* sysretq takes RIP from RCX and RFLAGS from R11: right when both are as SYSCALL left them
	 */
	bool fast = guest_home.sysret && t->regs.rcx == t->regs.rip && t->regs.r11 == f->rflags &&
		    !(t->regs.rflags & 0x100);

	if (__builtin_expect(!guest_home.parallel, true)) {
		guest_enter(fast, f);
		return;
	}
	g->fpu_newer = true;
	guest_user_begin(t->mm);
	guest_enter(fast, f);
	guest_user_end();
}

void plat_user_run(struct task *t)
{
	struct guest_cpu *g = guest_cpu();
	struct guest_trap *f = g->trap;

	if (plat_events_pending()) {
		t->trap = (struct trap){.kind = TRAP_KICK};
		return;
	}
	if (t->regs.rip >= USER_VA_END) { /* iretq and sysretq would fault in ring 0 */
		t->trap = (struct trap){.kind = TRAP_FAULT, .vector = 13};
		return;
	}
	load_task(g, f, t);
	run_user(g, f, t);
	store_task(t, f);
	decode_trap(g, f, t);
}

void guest_kernel_trap(struct guest_trap *f)
{
	char why[128];

	if (f->vector == GUEST_VEC_KICK)
		return; /* cannot be: interrupts are off in ring 0 */
	kfmt(why, sizeof(why), "trap %llu in ring 0 at %llx, error %llx, address %llx",
		(unsigned long long)f->vector, (unsigned long long)f->rip,
		(unsigned long long)f->error, (unsigned long long)read_cr2());
	plat_panic(why);
}

/* -- kernel contexts -- */

int plat_kctx_init(struct kctx *c, void (*fn)(void *), void *arg)
{
	u64 pa = pages_alloc_contig(KSTACK_ORDER);
	u64 *sp;

	if (!pa)
		return -ENOMEM;
	c->stack_lo = (u64)phys_ptr(pa);
	c->stack_size = PAGE_SIZE << KSTACK_ORDER;
	sp = (u64 *)(c->stack_lo + c->stack_size);
	*--sp = 0; /* two words: rsp is 16-byte aligned before guest_kctx_entry's call */
	*--sp = 0;
	*--sp = (u64)guest_kctx_entry;
	*--sp = 0;	  /* rbp */
	*--sp = 0;	  /* rbx */
	*--sp = (u64)fn;  /* r12 */
	*--sp = (u64)arg; /* r13 */
	*--sp = 0;	  /* r14 */
	*--sp = 0;	  /* r15 */
	c->rsp = (u64)sp;
	return 0;
}

void plat_kctx_free(struct kctx *c)
{
	if (c->stack_lo)
		pages_free_contig(ptr_phys((void *)c->stack_lo), KSTACK_ORDER);
	c->stack_lo = 0;
}

/* With several processors the next one to run this task may be another. */
static void leave_fpu(void)
{
	struct guest_cpu *g = guest_cpu();

	fpu_write_back(g);
	g->fpu_newer = false;
}

void plat_kctx_switch(struct kctx *from, struct kctx *to)
{
	if (guest_home.parallel)
		leave_fpu();
	guest_kctx_switch(&from->rsp, to->rsp);
}

/* -- channel -- */

u8 *plat_chan_data(void)
{
	return guest_home.ring->data;
}

bool plat_events_pending(void)
{
	return __atomic_load_n(&guest_home.ring->events, __ATOMIC_ACQUIRE);
}

static bool slot_done(const struct chan_msg *slot)
{
	return __atomic_load_n(&slot->state, __ATOMIC_ACQUIRE) == CHAN_SLOT_DONE;
}

void plat_channel(struct chan_msg *m)
{
	struct chan_ring *ring = guest_home.ring;
	u32 tail = ring->sq_tail;
	struct chan_msg *slot = &ring->slot[tail % CHAN_SLOTS];

	kern->stats.channel_calls++;
	*slot = *m;
	__atomic_store_n(&slot->state, CHAN_SLOT_READY, __ATOMIC_RELEASE);
	/* sequentially consistent: pairs with the service, which clears host_polling and then looks
	 * at the tail once more */
	__atomic_store_n(&ring->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&ring->host_polling, __ATOMIC_SEQ_CST)) {
		for (u32 i = 0; i < SPIN_POLLING && !slot_done(slot); i++)
			__asm__ volatile("pause");
	}
	while (!slot_done(slot)) {
		kern->stats.doorbells++;
		outl(CHAN_PORT_DOORBELL, 0);
	}
	m->result = slot->result;
	m->out_len = slot->out_len;
}

/* -- clock -- */

u64 plat_tsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

void plat_set_kick(u64 when_ns)
{
	struct guest_cpu *g = guest_cpu();
	u64 at = g->kick_at;

	/* An earlier kick that is set already does no harm, and costs no exit to leave: tasks that
	 * wake each other want one each time. */
	if (!when_ns || (at && at <= when_ns && at > clock_mono_ns()))
		return;
	g->kick_at = when_ns;
	kern->clock->kick_ns = when_ns;
	outl(CHAN_PORT_TIMER, 0);
}

/* -- end -- */

void plat_panic(const char *why)
{
	u64 n = strnlen(why, 200);

	memcpy(guest_home.ring->data, why, n);
	guest_home.ring->data[n] = 0;
	for (;;)
		outl(CHAN_PORT_PANIC, (u32)n);
}

void plat_halt(void)
{
	for (;;) /* the launcher does not run this vCPU again */
		outl(CHAN_PORT_DOORBELL, 0);
}

void guest_main(const struct boot_block *boot)
{
	plat_physmap = (u8 *)BOOT_PHYSMAP_VA;
	guest_home.ring = phys_ptr(boot->ring_gpa);
	guest_home.xsave = boot->cpu_features & BOOT_CPU_XSAVE;
	guest_home.sysret = boot->cpu_features & BOOT_CPU_SYSRET;
	guest_home.parallel = boot->ncpus > 1;
	if (boot->cpu_features & BOOT_CPU_ANNOUNCE)
		guest_announce_begin();
	guest_cpu_begin(0);
	if (guest_home.parallel)
		guest_lock_take(0);
	core_boot(&guest_home.kernel, boot);
	guest_home.kernel.shown = &guest_home.ring->counters;
	guest_cpus_start();
	core_run(&guest_home.kernel);
	plat_halt();
}
