/* SPDX-License-Identifier: Apache-2.0
 * Signal frames of x86-64 Linux: building them and returning through them.
 *
 * From high to low addresses: red zone, FP state (64-byte aligned), struct rt_sigframe with the
 * restorer's address at its bottom, so that the handler starts as if called: (rsp & 15) == 8.
 * Layout: arch/x86/include/asm/sigframe.h, asm/sigcontext.h, asm/ucontext.h.
 */
#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <asm/signal.h>

#include "core/siginfo.h"
#include "core/signal.h"
#include "mm/mm.h"

#define RED_ZONE	    128
#define SIGINFO_SIZE	    128
#define FXSAVE_SIZE	    512
#define XSAVE_HDR_SIZE	    64
#define FX_SW_OFFSET	    464 /* struct _fpx_sw_bytes in the FXSAVE area's last 48 bytes */
#define FX_MXCSR_OFFSET	    24
#define MXCSR_MASK	    0xffffu
#define XFEATURE_FPSSE	    3u
#define UC_XSTATE	    1u /* UC_FP_XSTATE */
#define UC_SS		    6u /* UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS */
#define SS_ONSTACK	    1
#define SS_DISABLE	    2
#define SS_AUTODISARM	    (1u << 31)
#define RFLAGS_IF	    0x200ull
#define RFLAGS_ALWAYS	    0x002ull
#define RFLAGS_FOR_HANDLERS (0x400ull | 0x10000ull | 0x100ull) /* DF RF TF: clear in a handler */

struct sigcontext_x64 {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 di, si, bp, bx, dx, ax, cx, sp, ip, flags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate;
	u64 reserved[8];
};
struct ucontext_x64 {
	u64 flags;
	u64 link;
	struct altstack stack;
	struct sigcontext_x64 mc;
	u64 sigmask;
};
struct rt_sigframe {
	u64 pretcode;
	struct ucontext_x64 uc;
	u8 info[SIGINFO_SIZE];
};
_Static_assert(sizeof(struct sigcontext_x64) == sizeof(struct sigcontext_64), "asm/sigcontext.h");
_Static_assert(sizeof(struct ucontext_x64) == 304, "asm/ucontext.h");
_Static_assert(sizeof(struct rt_sigframe) == 440, "asm/sigframe.h");

struct xsave_hdr {
	u64 xstate_bv, xcomp_bv, reserved[6];
};
_Static_assert(sizeof(struct xsave_hdr) == XSAVE_HDR_SIZE, "Intel SDM vol. 1, 13.4.2");

static bool have_xsave(void)
{
	return kern->xsave_size > FXSAVE_SIZE;
}

/* -- the alternate stack (sigaltstack(2)) -- */

static bool on_altstack(struct task *t, u64 sp)
{
	return sp > t->altstack_sp && sp - t->altstack_sp <= t->altstack_size;
}

u32 altstack_state(struct task *t, u64 sp)
{
	if (!t->altstack_size)
		return SS_DISABLE;
	/* with SS_AUTODISARM it is off while a handler runs on it */
	if (t->altstack_flags & SS_AUTODISARM)
		return 0;
	return on_altstack(t, sp) ? SS_ONSTACK : 0;
}

int altstack_set(struct task *t, const struct altstack *ss, u64 sp)
{
	u32 flags = (u32)ss->flags, mode = flags & ~SS_AUTODISARM;
	u64 base = ss->sp, size = ss->size;

	if (altstack_state(t, sp) == SS_ONSTACK)
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE)
		base = size = 0;
	else if (size < MINSIGSTKSZ)
		return -ENOMEM;
	t->altstack_sp = base;
	t->altstack_size = size;
	t->altstack_flags = flags;
	return 0;
}

/* -- floating-point state -- */

static u64 fpstate_size(void)
{
	return have_xsave() ? kern->xsave_size + FP_XSTATE_MAGIC2_SIZE : FXSAVE_SIZE;
}

static int fpstate_write(struct task *t, u64 uaddr)
{
	struct _fpx_sw_bytes sw;
	struct xsave_hdr *hdr = (struct xsave_hdr *)(t->fpu + FXSAVE_SIZE);
	u32 magic2 = FP_XSTATE_MAGIC2;
	u64 in_use;

	plat_fpu_save(t);
	memset(&sw, 0, sizeof(sw));
	if (!have_xsave()) {
		if (copy_to_user(uaddr, t->fpu, FXSAVE_SIZE))
			return -EFAULT;
		return copy_to_user(uaddr + FX_SW_OFFSET, &sw, sizeof(sw));
	}
	sw.magic1 = FP_XSTATE_MAGIC1;
	sw.extended_size = (u32)fpstate_size();
	sw.xfeatures = kern->xcr0;
	sw.xstate_size = (u32)kern->xsave_size;
	/* old programs change the legacy part and know nothing of the header: both are always valid
	 */
	in_use = hdr->xstate_bv | XFEATURE_FPSSE;
	if (copy_to_user(uaddr, t->fpu, kern->xsave_size) ||
		copy_to_user(uaddr + FX_SW_OFFSET, &sw, sizeof(sw)) ||
		copy_to_user(uaddr + FXSAVE_SIZE, &in_use, sizeof(in_use)))
		return -EFAULT;
	return copy_to_user(uaddr + kern->xsave_size, &magic2, sizeof(magic2));
}

/* How much of the frame's state is there, and which components: all of XSAVE, or the legacy part if
 * the markers are not as we (or a checkpoint tool) wrote them (check_xstate_in_sigframe). */
static int fpstate_extent(u64 uaddr, u64 *size, u64 *features)
{
	struct _fpx_sw_bytes sw;
	u32 magic2;

	*size = FXSAVE_SIZE;
	*features = XFEATURE_FPSSE;
	if (!have_xsave())
		return 0;
	if (copy_from_user(&sw, uaddr + FX_SW_OFFSET, sizeof(sw)))
		return -EFAULT;
	if (sw.magic1 != FP_XSTATE_MAGIC1 || sw.xstate_size < FXSAVE_SIZE + XSAVE_HDR_SIZE ||
		sw.xstate_size > kern->xsave_size || sw.xstate_size > sw.extended_size)
		return 0;
	if (get_user_u32(&magic2, uaddr + sw.xstate_size))
		return -EFAULT;
	if (magic2 != FP_XSTATE_MAGIC2)
		return 0;
	*size = sw.xstate_size;
	*features = sw.xfeatures;
	return 0;
}

int fpstate_sanitise(u8 *fpu, u64 size, u64 features)
{
	struct xsave_hdr *hdr = (struct xsave_hdr *)(fpu + FXSAVE_SIZE);
	u32 mxcsr;

	memcpy(&mxcsr, fpu + FX_MXCSR_OFFSET, sizeof(mxcsr));
	if (mxcsr & ~MXCSR_MASK)
		return -EINVAL;
	if (!have_xsave())
		return 0;
	if (size == FXSAVE_SIZE) {
		memset(hdr, 0, sizeof(*hdr));
		hdr->xstate_bv = features;
		return 0;
	}
	if (hdr->xstate_bv & ~kern->xcr0 || hdr->xcomp_bv)
		return -EINVAL;
	for (u32 i = 0; i < ARRAY_SIZE(hdr->reserved); i++) {
		if (hdr->reserved[i])
			return -EINVAL;
	}
	hdr->xstate_bv &= features;
	return 0;
}

static int fpstate_read(struct task *t, u64 uaddr)
{
	u64 size, features;
	int r = 0;

	plat_fpu_save(t); /* the home lets go of its copy before ours changes */
	if (uaddr) {
		r = fpstate_extent(uaddr, &size, &features);
		if (r)
			return r;
	}
	plat_fpu_init(t); /* what the frame leaves out is in its initial state */
	if (uaddr) {
		r = copy_from_user(t->fpu, uaddr, size);
		if (!r)
			r = fpstate_sanitise(t->fpu, size, features);
		if (r)
			plat_fpu_init(t);
	}
	plat_fpu_load(t);
	return r;
}

/* -- building -- */

static void fill_context(struct task *t, struct sigcontext_x64 *mc, u64 fpstate)
{
	const struct user_regs *r = &t->regs;

	mc->r8 = r->r8;
	mc->r9 = r->r9;
	mc->r10 = r->r10;
	mc->r11 = r->r11;
	mc->r12 = r->r12;
	mc->r13 = r->r13;
	mc->r14 = r->r14;
	mc->r15 = r->r15;
	mc->di = r->rdi;
	mc->si = r->rsi;
	mc->bp = r->rbp;
	mc->bx = r->rbx;
	mc->dx = r->rdx;
	mc->ax = r->rax;
	mc->cx = r->rcx;
	mc->sp = r->rsp;
	mc->ip = r->rip;
	mc->flags = r->rflags;
	mc->cs = USER_CS;
	mc->ss = USER_SS;
	mc->err = t->fault.error; /* of the last fault, as thread.error_code */
	mc->trapno = t->fault.vector;
	mc->cr2 = t->fault.addr;
	mc->fpstate = fpstate;
}

/* Where the frame goes. 0: it does not fit the alternate stack. */
static u64 place_frame(struct task *t, const struct sig_action *act, u64 *fpstate)
{
	u64 sp = t->regs.rsp - RED_ZONE;
	bool nested = t->altstack_size && !(t->altstack_flags & SS_AUTODISARM) &&
		      on_altstack(t, t->regs.rsp);
	bool entering = false;

	if ((act->flags & SA_ONSTACK) && altstack_state(t, sp) == 0) {
		sp = t->altstack_sp + t->altstack_size;
		entering = true;
	}
	sp = round_down(sp - fpstate_size(), 64);
	*fpstate = sp;
	sp = round_down(sp - sizeof(struct rt_sigframe), 16) - 8;
	if ((nested || entering) && !on_altstack(t, sp))
		return 0;
	return sp;
}

static void enter_handler(struct task *t, const struct sig_action *act, s32 signo, u64 frame)
{
	struct user_regs *r = &t->regs;

	r->rdi = (u64)signo;
	r->rsi = frame + offsetof(struct rt_sigframe, info);
	r->rdx = frame + offsetof(struct rt_sigframe, uc);
	r->rax = 0;
	r->rip = act->handler;
	r->rsp = frame;
	r->cs = USER_CS;
	r->ss = USER_SS;
	r->rflags &= ~RFLAGS_FOR_HANDLERS;
	r->orig_rax = ~0ull;
	t->in_syscall = false;
	plat_fpu_init(t); /* fpu__clear_user_states: control words at their defaults */
	plat_fpu_load(t);
}

static int write_frame(struct task *t, const struct sig_action *act, const struct sig_info *si,
	u64 sp, u64 fpstate)
{
	struct rt_sigframe f;
	size_t n = act->flags & SA_SIGINFO ? sizeof(f) : offsetof(struct rt_sigframe, info);

	memset(&f, 0, sizeof(f));
	f.pretcode = act->restorer;
	f.uc.flags = UC_SS | (have_xsave() ? UC_XSTATE : 0);
	f.uc.stack.sp = t->altstack_sp;
	f.uc.stack.flags = (s32)t->altstack_flags;
	f.uc.stack.size = t->altstack_size;
	fill_context(t, &f.uc.mc, fpstate);
	f.uc.sigmask = t->saved_valid ? t->saved_blocked : t->blocked;
	f.uc.mc.oldmask = f.uc.sigmask;
	memcpy(f.info, si, sizeof(*si));
	return copy_to_user(sp, &f, n);
}

int sigframe_setup(struct task *t, const struct sig_action *act, const struct sig_info *si)
{
	u64 fpstate, sp = place_frame(t, act, &fpstate);

	if (!sp || sp >= USER_VA_END || !(act->flags & SA_RESTORER))
		return -EFAULT;
	if (fpstate_write(t, fpstate) || write_frame(t, act, si, sp, fpstate))
		return -EFAULT;
	if (t->altstack_flags & SS_AUTODISARM) {
		t->altstack_sp = t->altstack_size = 0;
		t->altstack_flags = SS_DISABLE;
	}
	enter_handler(t, act, si->signo, sp);
	if (act->handler >= USER_VA_END) {
		/* IRET to a non-canonical address faults in the kernel: the program gets the fault
		 */
		struct sig_info bad;

		signal_simple(&bad, SIGSEGV, SI_KERNEL);
		if (si->signo == SIGSEGV)
			return -EFAULT;
		signal_force(t, &bad);
	}
	return 0;
}

/* -- returning -- */

static void restore_regs(struct task *t, const struct sigcontext_x64 *mc)
{
	struct user_regs *r = &t->regs;

	r->r8 = mc->r8;
	r->r9 = mc->r9;
	r->r10 = mc->r10;
	r->r11 = mc->r11;
	r->r12 = mc->r12;
	r->r13 = mc->r13;
	r->r14 = mc->r14;
	r->r15 = mc->r15;
	r->rdi = mc->di;
	r->rsi = mc->si;
	r->rbp = mc->bp;
	r->rbx = mc->bx;
	r->rdx = mc->dx;
	r->rax = mc->ax;
	r->rcx = mc->cx;
	r->rsp = mc->sp;
	r->rip = mc->ip;
	/* whatever the frame says, it stays ring 3, 64 bit, with interrupts on */
	r->cs = USER_CS;
	r->ss = USER_SS;
	r->rflags = (mc->flags & USER_RFLAGS_MASK) | RFLAGS_IF | RFLAGS_ALWAYS;
	r->orig_rax = ~0ull; /* no call to restart */
}

int sigframe_return(struct task *t)
{
	u64 frame = t->regs.rsp - 8; /* the handler's ret took pretcode */
	struct ucontext_x64 uc;
	struct sig_info si;

	if (copy_from_user(&uc, frame + offsetof(struct rt_sigframe, uc), sizeof(uc)))
		return -EFAULT;
	signal_set_blocked(t, uc.sigmask);
	restore_regs(t, &uc.mc);
	t->regs_replaced = true;
	t->in_syscall = false;
	t->restart.fn = NULL;
	if (fpstate_read(t, uc.mc.fpstate))
		return -EFAULT;
	altstack_set(t, &uc.stack, t->regs.rsp); /* refusals do not matter: restore_altstack */
	if (t->regs.rip >= USER_VA_END) {
		signal_simple(&si, SIGSEGV, SI_KERNEL);
		signal_force(t, &si);
	}
	return 0;
}
