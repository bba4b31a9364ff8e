/* SPDX-License-Identifier: Apache-2.0
 * What programs call: traps, system calls, user memory.
 */
#include "harness_internal.h"
#include "mm/mm.h"

#define SA_RESTORER_ 0x04000000ull

struct task *u_task(void)
{
	return running->owner;
}

u64 u_here(void)
{
	return strand_va(running);
}

u64 u_after(void)
{
	return strand_va(running) + INSN;
}

u64 u_entry(u_fn fn, void *arg)
{
	return strand_va(strand_new(current, fn, arg)) + INSN;
}

long u_syscall_(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	struct task *t = u_task();
	struct user_regs *r = &t->regs;

	r->rax = nr;
	r->rdi = a;
	r->rsi = b;
	r->rdx = c;
	r->r10 = d;
	r->r8 = e;
	r->r9 = f;
	strand_trap((struct trap){.kind = TRAP_SYSCALL});
	return (long)t->regs.rax;
}

static void set_child(u_fn fn, void *arg)
{
	running->child_fn = fn;
	running->child_arg = arg;
}

long u_fork(u_fn fn, void *arg)
{
	set_child(fn, arg);
	return u_syscall(__NR_fork);
}

long u_vfork(u_fn fn, void *arg)
{
	set_child(fn, arg);
	return u_syscall(__NR_vfork);
}

long u_clone(u64 flags, u64 stack, u64 parent_tid, u64 child_tid, u64 tls, u_fn fn, void *arg)
{
	set_child(fn, arg);
	return u_syscall(__NR_clone, flags, stack, parent_tid, child_tid, tls);
}

void u_exit(int code)
{
	u_syscall(__NR_exit_group, code);
	u_fail(__FILE__, __LINE__, "exit_group returned");
}

void u_sleep(u64 ns)
{
	const u64 at = U_BASE + U_SIZE - 32;

	u_put64s(at, ns / NSEC_PER_SEC, ns % NSEC_PER_SEC);
	u_expect(u_syscall(__NR_nanosleep, at, 0), 0);
}

void u_spin(u64 ns)
{
	u64 end = boot_clock()->mono_ns + ns;

	while (boot_clock()->mono_ns < end) {
		pass_time(TURN_NS);
		if (kick_due())
			strand_trap((struct trap){.kind = TRAP_KICK});
	}
}

void u_fault(u32 vector, u64 error, u64 addr)
{
	strand_trap((struct trap){TRAP_FAULT, vector, error, addr});
}

long u_kernel(long (*fn)(struct task *t, u64 arg), u64 arg)
{
	running->kernel_fn = fn;
	running->kernel_arg = arg;
	strand_trap((struct trap){.kind = TRAP_KICK});
	return running->kernel_result;
}

/* One page's worth of a user address, through the page tables as a processor would. */
static u8 *user_page(u64 va, bool write)
{
	u32 faults = 0;

	for (;;) {
		u64 *e = pgtable_entry(u_task()->mm->pgd, va, false);
		u64 error = 4 | (write ? 2 : 0);

		if (e && (*e & PTE_P)) {
			if (!write || (*e & PTE_W)) {
				*e |= PTE_A | (write ? PTE_D : 0);
				return (u8 *)phys_ptr(*e & PTE_ADDR) + va % PAGE_SIZE;
			}
			error |= 1;
		}
		if (++faults > 8)
			u_fail(__FILE__, __LINE__, "page fault at %#lx comes back for ever",
				(unsigned long)va);
		running->retry = true;
		running->trap = (struct trap){TRAP_FAULT, VEC_PAGE, error, va};
		plat_kctx_switch(&running->ctx, &running->back);
	}
}

void u_read(void *dst, u64 va, size_t n)
{
	u8 *d = dst;

	while (n) {
		size_t part = min_u64(n, PAGE_SIZE - va % PAGE_SIZE);

		memcpy(d, user_page(va, false), part);
		d += part;
		va += part;
		n -= part;
	}
}

void u_write(u64 va, const void *src, size_t n)
{
	const u8 *s = src;

	while (n) {
		size_t part = min_u64(n, PAGE_SIZE - va % PAGE_SIZE);

		memcpy(user_page(va, true), s, part);
		s += part;
		va += part;
		n -= part;
	}
}

u32 u_get32(u64 va)
{
	u32 v;

	u_read(&v, va, sizeof(v));
	return v;
}

u64 u_get64(u64 va)
{
	u64 v;

	u_read(&v, va, sizeof(v));
	return v;
}

void u_put32(u64 va, u32 v)
{
	u_write(va, &v, sizeof(v));
}

void u_put64(u64 va, u64 v)
{
	u_write(va, &v, sizeof(v));
}

void u_put64s(u64 va, u64 a, u64 b)
{
	u_put64(va, a);
	u_put64(va + 8, b);
}

void u_zero(u64 va, size_t n)
{
	for (size_t i = 0; i < n; i++)
		u_write(va + i, "", 1);
}

static long sigaction_at(s32 sig, u64 handler, u64 flags, sigmask mask)
{
	const u64 at = U_BASE + U_SIZE - 0x1000; /* far below every stack that the tests use */

	u_put64s(at, handler, flags | SA_RESTORER_);
	u_put64s(at + 16, RESTORER_VA, mask);
	return u_syscall(__NR_rt_sigaction, sig, at, 0, 8);
}

long u_sigaction(s32 sig, u_handler fn, u64 flags, sigmask mask)
{
	return sigaction_at(sig, handler_va(fn), flags, mask);
}

long u_sigignore(s32 sig)
{
	return sigaction_at(sig, 1, 0, 0);
}
