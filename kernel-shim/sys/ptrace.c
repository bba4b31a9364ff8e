/* SPDX-License-Identifier: Apache-2.0
 * ptrace(2): the requests. Checks are in the order of kernel/ptrace.c.
 */
#include <asm/errno.h>
#include <asm/prctl.h>
#include <asm/ptrace-abi.h>
#include <asm/signal.h>
#include <linux/audit.h>
#include <linux/elf.h>
#include <linux/ptrace.h>

#include "core/ptrace.h"
#include "core/siginfo.h"
#include "core/signal.h"
#include "mm/mm.h"
#include "sys/sys.h"

#define OPTIONS                                                                                    \
	(0xffu | PTRACE_O_EXITKILL) /* all but PTRACE_O_SUSPEND_SECCOMP, for there are no filters  \
				     */
#define USER_SIZE	  928u	    /* struct user */
#define USER_DEBUGREG	  848u
#define USER_DEBUGREG_END (USER_DEBUGREG + 64)
#define SIGINFO_SIZE	  128u

/* -- words -- */

static long peek(struct task *t, u64 addr, u64 data)
{
	u64 v;

	if (mm_access(t->mm, addr, &v, sizeof(v), MM_DEBUG_PEEK) != sizeof(v))
		return -EIO;
	return put_user_u64(data, v);
}

static long poke(struct task *t, u64 addr, u64 data)
{
	return mm_access(t->mm, addr, &data, sizeof(data), MM_DEBUG_POKE) == sizeof(data) ? 0
											  : -EIO;
}

/* A word of struct user, of which only the registers are there. */
static long user_get(struct task *t, u64 addr, u64 data)
{
	u64 v = 0;

	if (addr < USER_REGS_WORDS * 8)
		v = ptrace_reg_get(t, (u32)(addr / 8));
	else if (addr >= USER_DEBUGREG && addr < USER_DEBUGREG_END)
		v = ptrace_debug_get(t, (u32)(addr - USER_DEBUGREG) / 8);
	return put_user_u64(data, v);
}

static long user_set(struct task *t, u64 addr, u64 v)
{
	if (addr < USER_REGS_WORDS * 8)
		return ptrace_reg_set(t, (u32)(addr / 8), v);
	if (addr >= USER_DEBUGREG && addr < USER_DEBUGREG_END)
		return ptrace_debug_set(t, (u32)(addr - USER_DEBUGREG) / 8, v);
	return -EIO;
}

static long user_word(struct task *t, u64 addr, u64 data, bool set)
{
	if ((addr & 7) || addr >= USER_SIZE)
		return -EIO;
	return set ? user_set(t, addr, data) : user_get(t, addr, data);
}

/* -- register sets -- */

static long regs(struct task *t, u32 type, u64 data, u64 size, bool set)
{
	struct ptrace_iov iov = {data, size};

	return ptrace_regset(t, type, &iov, set);
}

static long regset(struct task *t, u64 type, u64 data, bool set)
{
	struct ptrace_iov iov;
	long r;

	if (copy_from_user(&iov, data, sizeof(iov)))
		return -EFAULT;
	r = ptrace_regset(t, (u32)type, &iov, set);
	return r ? r : put_user_u64(data + sizeof(u64), iov.len);
}

static long bases(struct task *t, u64 addr, u64 code)
{
	u64 *base = code == ARCH_GET_FS || code == ARCH_SET_FS ? &t->fs_base : &t->gs_base;

	switch (code) {
	case ARCH_SET_FS:
	case ARCH_SET_GS:
		if (addr >= USER_VA_END)
			return -EPERM;
		*base = addr;
		return 0;
	case ARCH_GET_FS:
	case ARCH_GET_GS:
		return put_user_u64(addr, *base);
	default:
		return -EINVAL;
	}
}

/* -- signals -- */

static long siginfo(struct task *t, u64 data, bool set)
{
	struct sig_info *si = t->traced.info;

	if (!si)
		return -EINVAL;
	if (set)
		return copy_from_user(si, data, sizeof(*si));
	if (copy_to_user(data, si, sizeof(*si)))
		return -EFAULT;
	return clear_user(data + sizeof(*si), SIGINFO_SIZE - sizeof(*si));
}

static long peek_siginfo(struct task *t, u64 addr, u64 data)
{
	struct ptrace_peeksiginfo_args args;
	struct sig_pending *q;
	u64 at = 0;
	s32 n = 0;

	if (copy_from_user(&args, addr, sizeof(args)))
		return -EFAULT;
	if ((args.flags & ~(u32)PTRACE_PEEKSIGINFO_SHARED) || args.nr < 0)
		return -EINVAL;
	q = args.flags & PTRACE_PEEKSIGINFO_SHARED ? &t->proc->pending : &t->pending;
	list_for_each(pos, &q->queue)
	{
		struct sig_info *si = &list_entry(pos, struct sig_entry, link)->info;

		if (n == args.nr)
			break;
		if (at++ < args.off)
			continue;
		if (copy_to_user(data, si, sizeof(*si)) ||
			clear_user(data + sizeof(*si), SIGINFO_SIZE - sizeof(*si)))
			return n ? n : -EFAULT;
		data += SIGINFO_SIZE;
		n++;
	}
	return n;
}

static long signal_mask(struct task *t, u64 size, u64 data, bool set)
{
	sigmask mask = t->saved_valid ? t->saved_blocked : t->blocked;

	if (size != sizeof(mask))
		return -EINVAL;
	if (!set)
		return put_user_u64(data, mask);
	if (get_user_u64(&mask, data))
		return -EFAULT;
	t->saved_valid = false;
	signal_set_blocked(t, mask);
	return 0;
}

/* -- system calls -- */

static long syscall_info(struct task *t, u64 size, u64 data)
{
	const struct user_regs *r = &t->regs;
	struct ptrace_syscall_info info = {
		.arch = AUDIT_ARCH_X86_64,
		.instruction_pointer = r->rip,
		.stack_pointer = r->rsp,
	};
	u64 n = offsetof(struct ptrace_syscall_info, entry);

	if (t->traced.info && t->traced.info->code == (SIGTRAP | 0x80))
		info.op = (u8)t->traced.message; /* PTRACE_EVENTMSG_* are PTRACE_SYSCALL_INFO_* */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		const u64 args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};

		info.entry.nr = r->orig_rax;
		memcpy(info.entry.args, args, sizeof(args));
		n += sizeof(info.entry);
	} else if (info.op == PTRACE_SYSCALL_INFO_EXIT) {
		info.exit.rval = (s64)r->rax;
		info.exit.is_error = r->rax >= (u64)-4095;
		n += offsetof(struct ptrace_syscall_info, exit.is_error) + 1 -
		     offsetof(struct ptrace_syscall_info, exit);
	}
	return copy_to_user(data, &info, min_u64(n, size)) ? -EFAULT : (long)n;
}

/* -- going on -- */

static long resume(struct task *t, u64 signo, u8 work)
{
	if (signo > NSIG_MAX)
		return -EIO;
	ptrace_resume(t, (s32)signo, work);
	return 0;
}

static long detach(struct task *t, u64 signo)
{
	if (signo > NSIG_MAX)
		return -EIO;
	t->traced.code = (s32)signo;
	ptrace_unlink(t);
	return 0;
}

static long kill_it(struct task *t)
{
	struct sig_info si;

	signal_simple(&si, SIGKILL, SI_USER);
	return signal_send_task(t, &si);
}

static long listen(struct task *t)
{
	const struct sig_info *si = t->traced.info;

	if (!t->traced.seized || !si || si->code >> 8 != PTRACE_EVENT_STOP)
		return -EIO;
	t->traced.listening = true;
	if (t->traced.trap & PTRACE_TRAP_NOTIFY)
		ptrace_continued(t); /* what it is to hear has come before it listened */
	return 0;
}

static long set_options(struct task *t, u64 options)
{
	if (options & ~(u64)OPTIONS)
		return -EINVAL;
	t->traced.options = (u32)options;
	return 0;
}

/* -- the requests -- */

static long request_stopped(struct task *t, long request, u64 addr, u64 data)
{
	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek(t, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return poke(t, addr, data);
	case PTRACE_PEEKUSR:
	case PTRACE_POKEUSR:
		return user_word(t, addr, data, request == PTRACE_POKEUSR);
	case PTRACE_GETREGS:
	case PTRACE_SETREGS:
		return regs(t, NT_PRSTATUS, data, USER_REGS_WORDS * 8, request == PTRACE_SETREGS);
	case PTRACE_GETFPREGS:
	case PTRACE_SETFPREGS:
		return regs(t, NT_PRFPREG, data, 512, request == PTRACE_SETFPREGS);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return regset(t, addr, data, request == PTRACE_SETREGSET);
	case PTRACE_ARCH_PRCTL:
		return bases(t, addr, data);
	case PTRACE_GETSIGINFO:
	case PTRACE_SETSIGINFO:
		return siginfo(t, data, request == PTRACE_SETSIGINFO);
	case PTRACE_PEEKSIGINFO:
		return peek_siginfo(t, addr, data);
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		return signal_mask(t, addr, data, request == PTRACE_SETSIGMASK);
	case PTRACE_SETOPTIONS:
	case PTRACE_OLDSETOPTIONS:
		return set_options(t, data);
	case PTRACE_GETEVENTMSG:
		return put_user_u64(data, t->traced.message);
	case PTRACE_GET_SYSCALL_INFO:
		return syscall_info(t, addr, data);
	case PTRACE_CONT:
		return resume(t, data, 0);
	case PTRACE_SYSCALL:
		return resume(t, data, PTRACE_WORK_CALL);
	case PTRACE_SINGLESTEP:
		return resume(t, data, PTRACE_WORK_STEP);
	case PTRACE_SYSEMU:
		return resume(t, data, PTRACE_WORK_EMULATE);
	case PTRACE_SYSEMU_SINGLESTEP:
		return resume(t, data, PTRACE_WORK_EMULATE | PTRACE_WORK_STEP);
	case PTRACE_LISTEN:
		return listen(t);
	case PTRACE_DETACH:
		return detach(t, data);
	default:
		return -EIO;
	}
}

static long attach(struct task *by, struct task *t, long request, u64 addr, u64 data)
{
	bool seize = request == PTRACE_SEIZE;

	if (seize && (addr || (data & ~(u64)OPTIONS)))
		return -EIO;
	return ptrace_attach(by, t, seize, seize ? (u32)data : 0);
}

/* A zombie cannot be traced; nobody of that id is another matter. */
static long no_task(long request, s32 pid)
{
	bool attaching = request == PTRACE_ATTACH || request == PTRACE_SEIZE;

	return attaching && process_find(pid) ? -EPERM : -ESRCH;
}

long sys_ptrace(struct task *by, const u64 *a)
{
	long request = (long)a[0];
	u64 addr = a[2], data = a[3];
	struct task *t;

	if (request == PTRACE_TRACEME)
		return ptrace_traceme(by);
	t = task_find((s32)a[1]);
	if (!t)
		return no_task(request, (s32)a[1]);
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		return attach(by, t, request, addr, data);
	if (t->traced.tracer != by)
		return -ESRCH;
	if (request == PTRACE_KILL)
		return kill_it(t);
	if (request == PTRACE_INTERRUPT) {
		if (!t->traced.seized)
			return -EIO;
		ptrace_interrupt(t);
		return 0;
	}
	if (!t->traced.stopped || t->state != TASK_STOPPED || t->traced.listening)
		return -ESRCH;
	return request_stopped(t, request, addr, data);
}
