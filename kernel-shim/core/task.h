/* SPDX-License-Identifier: Apache-2.0
 * Tasks (threads), processes (thread groups) and the kernel object that all state hangs off.
 *
 * Names: tid is a thread's id, pid its process's; a session and a process group are ids.
 * Ownership: a task owns references to mm, files, fs, process; the process owns its zombie state
 * until the parent waits.
 */
#ifndef CORE_TASK_H
#define CORE_TASK_H

#include <linux/capability.h>

#include "abi/boot.h"
#include "core/types.h"
#include "core/wait.h"
#include "home/platform.h"

struct mm;
struct files;
struct fs_ctx;
struct file;
struct dentry;
struct mount;
struct tty;
struct sem_undo_list;

/* Registers in the order of struct user_regs_struct (sys/user.h), so that ptrace and core notes
 * copy. */
struct user_regs {
	u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	u64 rax, rcx, rdx, rsi, rdi, orig_rax;
	u64 rip, cs, rflags, rsp, ss;
};
#define USER_CS 0x33 /* Linux's numbers: programs see them in signal frames */
#define USER_SS 0x2b
#define USER_RFLAGS_MASK                                                                           \
	0x0000000000250dd5ull /* what a program may set: ID AC RF DF OF TF SF ZF AF PF CF (IF      \
				 forced on) */

enum trap_kind {
	TRAP_SYSCALL, /* number in regs.rax; regs.rip is after the instruction */
	TRAP_FAULT,   /* vector, error, addr (CR2 for vector 14) */
	TRAP_KICK,    /* time slice or event: nothing of the program's doing */
	TRAP_BUS,     /* host memory behind a window page is gone: addr is 0 or the address */
};
struct trap {
	u32 kind;
	u32 vector;
	u64 error;
	u64 addr;
};

#define NSIG_MAX 64
typedef u64 sigmask; /* bit n-1 is signal n */
#define sig_bit(n) (1ull << ((n)-1))

struct sig_action {
	u64 handler; /* SIG_DFL 0, SIG_IGN 1, or an address */
	u64 flags;   /* SA_* */
	u64 restorer;
	sigmask mask;
};
/* A queued signal. The payload is siginfo_t's first 48 bytes in Linux layout. */
struct sig_info {
	s32 signo, err, code;
	u32 pad;
	union {
		struct {
			s32 pid;
			u32 uid;
			u64 value;
		} rt; /* kill, tgkill, sigqueue */
		struct {
			s32 pid;
			u32 uid;
			s32 status;
			s64 utime, stime; /* clock ticks */
		} chld;
		struct {
			u64 addr;
		} fault;
		struct {
			s32 tid;
			s32 overrun;
			u64 value;
		} timer;
		struct {
			s64 band;
			s32 fd;
		} poll;
		struct {
			u64 call_addr;
			s32 nr;
			u32 arch;
		} sys;
		u8 raw[48];
	};
};
struct sig_pending {
	sigmask set;
	struct list queue; /* struct sig_entry */
};
struct sighand {
	u32 refs;
	struct sig_action action[NSIG_MAX];
};

struct cred_ids {
	u32 real, effective, saved, fs;
};
struct cred {
	union {
		struct {
			u32 uid, euid, suid, fsuid;
		};
		struct cred_ids user;
	};
	union {
		struct {
			u32 gid, egid, sgid, fsgid;
		};
		struct cred_ids group;
	};
	u32 ngroups;
	u32 groups[32];
	/* capabilities(7): a bit each, CAP_* of linux/capability.h */
	u64 cap_permitted, cap_effective, cap_inheritable, cap_bounding, cap_ambient;
	u32 securebits; /* SECBIT_* of linux/securebits.h */
};

enum task_state {
	TASK_RUNNABLE,
	TASK_SLEEPING, /* woken by waitq, timer, signal */
	TASK_STOPPED,  /* job control, or for a tracer */
	TASK_DEAD,     /* off the processor for good; freed by the reaper */
};

/* Of a task that another one traces (ptrace.h). */
struct tracing {
	struct task *tracer; /* NULL: nobody does, and only code, message, debug still count */
	struct list link;    /* tracer->proc->tracees */
	u32 options;	     /* PTRACE_O_* */
	bool seized;
	bool stopped;	  /* where only the tracer, or SIGKILL, lets it go on */
	bool listening;	  /* PTRACE_LISTEN: stopped, but the tracer waits for news */
	bool trapping;	  /* attached to while job control had stopped it; about to stop for us */
	bool forced_step; /* the trap flag in regs is the tracer's doing */
	u8 trap;	  /* PTRACE_TRAP_*: stops that are due */
	u8 work;	  /* PTRACE_WORK_*: what is due at system calls; 0 for who is not traced */
	s32 code;	  /* for wait, until it is taken; then the signal to go on with */
	u64 message;	  /* PTRACE_GETEVENTMSG */
	struct sig_info *info; /* of this stop, or NULL */
	u64 debug[8];	       /* debug registers; the status as what differs from a reset's */
	u64 watched[4];	       /* what was at the addresses when it was last looked at */
};

/* How to go on after a signal interrupted a call that counts down (nanosleep, futex, poll). */
struct restart {
	long (*fn)(struct task *t);
	u64 args[6];
};

struct task {
	/* scheduling */
	enum task_state state;
	struct list run_link;	 /* kernel.runq while runnable and not current */
	struct list all_link;	 /* kernel.tasks */
	struct list thread_link; /* process.threads */
	struct kctx kctx;
	struct cpu *cpu; /* that it runs on, or NULL */
	u32 last_cpu;	 /* and did last */
	bool in_user;	 /* went to user mode and has not been heard of since */
	u64 switches;	 /* how often it was taken off a processor */
	u64 queued_at;	 /* since when it waits for one */
	struct ktimer sleep_timer;
	bool wake_pending; /* woken before it went to sleep */
	bool timed_out;
	u64 slice_end;
	u64 utime_ns, stime_ns;
	u64 last_stamp;
	u64 start_ns;

	/* user context */
	struct user_regs regs;
	struct trap trap;
	struct trap fault; /* the last fault that became a signal: for signal frames */
	u64 fs_base, gs_base;
	u8 *fpu;	 /* XSAVE image, kernel.xsave_size bytes, 64-byte aligned */
	void *fpu_block; /* the allocation that fpu lies in */

	/* identity */
	struct kernel *kernel;
	struct process *proc;
	s32 tid;
	char comm[16];
	struct cred cred;
	struct mm *mm;
	struct files *files;
	struct fs_ctx *fs;
	struct sem_undo_list *sem_undo; /* ipc/sem.c; NULL: nothing to undo */

	/* signals */
	sigmask blocked;
	sigmask real_blocked;  /* sigtimedwait: blocked before it opened the mask; else 0 */
	sigmask saved_blocked; /* put back when saved_valid and no handler ran (sigsuspend, ppoll)
				*/
	bool saved_valid;
	struct sig_pending pending;
	u64 altstack_sp, altstack_size;
	u32 altstack_flags;
	struct restart restart;
	bool regs_replaced; /* set by rt_sigreturn: leave regs as they are, orig_rax too */
	bool in_syscall;    /* regs.orig_rax holds the number: signal delivery may restart it */
	struct tracing traced;
	bool stop_seen; /* a tracer let it go on although its process is stopped; in nstopped */

	/* threads, futexes */
	u64 set_child_tid, clear_child_tid;
	u64 robust_list;
	s32 pdeath_signal;
	struct task *vfork_waiter; /* parent that sleeps until this execs or exits */
	bool vfork_done;
	bool exiting;
	bool group_exiting; /* told to leave by exit_group or execve of another thread */
	u64 rseq_addr;
	u32 rseq_sig;
	u64 rseq_switches; /* `switches` when it last went to user mode */
	u32 rseq_cpu;	   /* the processor's number as the program was told it */
	u64 sched_affinity;
	s32 nice;
	s32 sched_policy, sched_priority;
	bool sched_reset_on_fork;
	u16 ioprio;
	u32 no_new_privs;
	u64 timer_slack;

	/* trace */
	bool trace_open; /* a call was printed without its result yet */
};

struct itimer {
	struct ktimer timer;
	struct process *proc;
	u64 interval_ns;
};

struct process {
	s32 pid;
	s32 pgrp, session;
	u32 refs;
	struct kernel *kernel;
	struct task *leader; /* NULL once it was reaped and others live on */
	struct list threads;
	u32 nthreads;
	struct list all_link; /* kernel.processes */
	struct process *parent;
	s32 parent_tid; /* the thread of it that made this one */
	struct list children, sibling;
	struct list tracees; /* tasks that a thread of this one traces */
	struct list
		dead_tracees; /* struct dead_tracee (ptrace_wait.c), until they are waited for */
	struct dead_tracee *dead_traced; /* of its leader: the tracer is told of the end first */
	struct waitq wait_children;	 /* wait4 sleeps here; woken when a child changes state */
	struct waitq exit_wait;		 /* pidfd, threads waiting for the group */
	struct waitq signal_wait;	 /* signalfd: woken when a signal is queued */
	struct sighand *sighand;
	struct sig_pending pending; /* shared by the threads */
	s32 exit_signal;	    /* to the parent; SIGCHLD for fork */
	bool zombie;
	bool stopped;	   /* every thread is */
	bool stop_pending; /* threads stop as they come by, or have */
	u32 nstopped;
	s32 stop_signo; /* what stopped it */
	bool group_exit;
	s32 exit_status; /* as wait(2) */
	s32 stop_signal; /* for WUNTRACED, 0 when reported */
	bool continued;	 /* for WCONTINUED */
	bool did_exec;
	bool subreaper;
	u64 rlimits[16][2];
	struct itimer itimer_real;
	u64 child_utime_ns, child_stime_ns;
	u64 dead_utime_ns, dead_stime_ns; /* of threads that ended */
	u64 max_rss_pages, child_max_rss_pages;
	struct tty *tty;  /* controlling terminal */
	s32 hung_up_pgrp; /* of a session leader whose terminal went away: who was in front */
	struct file *exe;
	u32 dumpable;
	u32 personality;
	struct list posix_timers;
	s32 next_timer_id;
	struct ktimer cpu_timer; /* a kick at which a CPU-time timer may be due */
	bool cpu_timers;	 /* any of the following, RLIMIT_CPU or a POSIX CPU timer is set */
	u64 virt_at, virt_interval; /* ITIMER_VIRTUAL: user ns of the process; 0: off */
	u64 prof_at, prof_interval; /* ITIMER_PROF: user and system ns */
	u32 membarrier;		    /* MEMBARRIER_CMD_REGISTER_* seen */
	u32 dead_uid, dead_euid;    /* of a zombie: who may signal it, si_uid */
	char dead_comm[16];	    /* of a zombie */
};

#define CPUS_MAX 64 /* bits of task.sched_affinity */
struct cpu {
	u32 id;
	struct task *task; /* running; NULL in the scheduler */
	struct kctx sched; /* the scheduler's context */
	bool idle;	   /* sleeps without the lock, and nobody has woken it yet */
	u64 kick_set;	   /* what plat_set_kick was last told */
};

struct kstats {
	u64 syscalls, syscalls_absent, faults, switches, channel_calls, doorbells, processes;
	u64 pages_used, pages_peak;
	u64 user_ns; /* of all programs */
	bool oom;
};

struct kernel {
	const struct boot_block *boot;
	volatile struct boot_clock *clock;
	struct cpu cpus[CPUS_MAX];
	u32 ncpus, nidle;
	struct cpu *timekeeper; /* the idle processor that wakes for the first timer, or NULL */
	u64 timekeeper_at;	/* when it does */
	struct list runq;
	struct list tasks;
	struct list processes;
	struct list timers;
	struct list dead;     /* tasks to be freed by the scheduler */
	struct process *init; /* the program */
	u32 sig_queued;	      /* struct sig_entry alive, against RLIMIT_SIGPENDING */
	s32 last_pid;
	u32 ntasks;
	struct kstats stats;
	volatile struct chan_counters
		*shown; /* part of stats, for the outside; NULL: nobody asks */
	struct mount *root_mount;
	struct list mounts;
	void *fs_state; /* struct fs_state (fs/) */
	void *mm_state; /* struct mm_state (mm/) */
	void *futex_state;
	void *io_state;	     /* struct io_state (fs/anon.h) */
	void *net_state;     /* struct net_state (net/state.h) */
	void *ipc_state;     /* struct ipc_state (ipc/) */
	u32 nwatches;	     /* of files (fs/notify.h): 0: no event is worth making */
	struct tty *console; /* the terminal behind stdin, or NULL */
	char hostname[65], domainname[65];
	u64 user_va_start, user_va_end; /* what a program may map; the first is vm.mmap_min_addr */
	u64 xsave_size;
	u64 xcr0;
	u64 absent_seen[8]; /* bitmap of absent calls already named under -v */
	bool verbose, trace, ended;
	u64 random_state[16];
};

/* The one kernel of this address space and the task on this processor. */
extern struct kernel *kern;
#define current (plat_cpu()->task)

/* core/boot.c: builds the kernel from the boot block and runs it until the program ends. Does not
 * return in the guest home; in the host home returns when EXIT was sent. core_run is called once on
 * each processor, with the lock. */
void core_boot(struct kernel *k, const struct boot_block *boot);
void core_run(struct kernel *k);
/* Ends the sandbox with a status as wait(2): reports EXIT and leaves the calling task's context. */
void kernel_exit(s32 wait_status) __attribute__((noreturn));
/* core/loop.c: life of a task: to user mode and back. Entry of a task's kernel context. */
void task_main(void *task);

/* core/sched.c */
void sched_wake(struct task *t);
void sched_yield_current(void);
void sched_stop_current(void); /* until SIGCONT or SIGKILL makes it runnable */
void sched_exit_current(void) __attribute__((noreturn));
void sched_make_runnable(struct task *t); /* a new task */
void sched_poll_events(bool wait);	  /* take events off the channel, run due timers */
void sched_finish_switch(void);		  /* first thing in a context just switched to */
void sched_before_user(struct task *t);	  /* says when the next kick is due, gives work away */
/* Somebody else is to have this processor: t's slice is over, or it may not run here any more. */
bool sched_must_yield(struct task *t);
/* t is to look at what has changed for it: wakes it, or brings it back from user mode. */
void sched_interrupt(struct task *t);
u64 sched_cpus_present(void); /* a bit each */
/* Until every other task sleeps or is gone. */
void sched_drain(void);
/* The kernel has ended: every other processor is to notice. */
void sched_end_others(void);
/* And this context is not wanted any more. */
_Noreturn void sched_abandon(void);
/* core/time.c */
u64 clock_mono_ns(void);
u64 clock_since(
	u64 mono_ns); /* 0 if that is still to come: two processors' counters may differ a bit */
u64 clock_real_ns(void);
u64 clock_boot_ns(void);
u64 clock_raw_ns(void);

/* core/task.c */
/* The first task with its process, from the boot block: pid 2, a session of its own, its parent the
 * phantom pid 1. files, fs, mm, the terminal and the kernel context are not there yet. */
struct task *task_new_init(const struct boot_block *b);
struct task *task_find(s32 tid);
struct process *process_find(s32 pid);
/* A task that shares or copies by CLONE_* flags; made, not yet runnable. */
struct task *task_clone(u64 flags, s32 *err);
void task_free(struct task *t);
void process_put(struct process *p);
/* Visits: the next process (by pid) whose pid is >= pid, or NULL; for directories of /proc. */
struct process *process_next(s32 pid);
bool process_group_exists(s32 pgrp, s32 session);
/* No member has a parent outside the group but in its session: stop signals of the terminal are
 * void. */
bool process_group_orphaned(s32 pgrp);
/* A thread that stands for the process: the leader, or another when it is gone. NULL for a zombie.
 */
struct task *process_task(struct process *p);
s32 process_ppid(const struct process *p); /* 1 for orphans and for the program */
/* The thread that made p, or one that stands for its parent. NULL for orphans. */
struct task *process_parent_thread(const struct process *p);
/* CPU time so far, nanoseconds, of all threads dead and alive; and of one. */
void process_times(struct process *p, u64 *utime_ns, u64 *stime_ns);
void task_times(struct task *t, u64 *utime_ns, u64 *stime_ns);
/* core/cred.c */
bool cred_has(const struct cred *c, u32 cap); /* CAP_* in its effective set */
bool cred_in_group(const struct cred *c, u32 gid);
/* core/exit.c */
void task_exit(s32 code) __attribute__((noreturn)); /* this thread; code is the exit(2) value */
void process_exit(s32 wait_status) __attribute__((noreturn)); /* exit_group or fatal signal */
/* Leaves the address space for exit or exec: robust list, clear_child_tid, the vfork parent.
 * current only, while its mm is still the old one. */
void task_mm_release(struct task *t);
void task_release_vfork(struct task *t); /* part of the above */
/* exec: ends every other thread; t becomes the leader (tid = pid). -EAGAIN: t itself was told to
 * go. */
int process_kill_other_threads(struct task *t);
/* exec, past the point of no return: handlers to default (own table if it was shared), no alternate
 * stack, POSIX timers deleted, rseq and robust list forgotten, exit signal SIGCHLD, did_exec. */
void task_exec_reset(struct task *t);
/* core/exec.c: argv and envp are kernel copies. On success regs are the new program's. */
struct exec_args {
	char **argv, **envp; /* NULL-terminated, kalloc'ed strings */
	u32 argc, envc;
	size_t bytes;
};
long exec_load(struct task *t, struct file *file, const char *path, struct exec_args *args);

/* core/signal.c */
long signal_send_process(struct process *p, const struct sig_info *si);
long signal_send_task(struct task *t, const struct sig_info *si);
long signal_send_pgrp(s32 pgrp, const struct sig_info *si);
/* A fault of the program's own: cannot be blocked or ignored. */
void signal_force(struct task *t, const struct sig_info *si);
bool signal_pending(struct task *t);	   /* one that t can take now */
bool signal_fatal_pending(struct task *t); /* one that will kill it */
/* Before going to user mode: deliver, stop, kill, restart calls. */
void signal_deliver(struct task *t);
void signal_simple(struct sig_info *si, s32 signo, s32 code);
void sigpending_init(struct sig_pending *p);
void sigpending_flush(struct sig_pending *p);
struct sighand *sighand_copy(struct sighand *s);
void sighand_put(struct sighand *s);
void sighand_reset_for_exec(struct sighand *s);
/* Takes the first pending signal in mask, the thread's own before the process's. signalfd,
 * sigtimedwait. */
bool signal_dequeue(struct task *t, sigmask mask, struct sig_info *out);
sigmask signal_pending_set(struct task *t); /* pending for t or its process, blocked or not */
struct waitq *signal_waitq(struct task *t); /* woken when a signal is queued for t or its process */
/* A signal that the launcher got; by_terminal: not from kill(2). */
void signal_from_host(u32 signo, bool by_terminal);
/* sigsuspend, ppoll, epoll_pwait: mask until the call returns and a handler has seen it. */
void signal_set_temp_mask(struct task *t, sigmask mask);
/* The call ends without -ERESTARTNOHAND or -EINTR: put the mask back at once. */
void signal_drop_temp_mask(struct task *t);
/* core/futex.c */
long futex_wake_addr(struct task *t, u64 uaddr, u32 n);
void futex_exit_robust(struct task *t);
/* core/log.c: to the launcher, under -v; a whole line without newline */
void klog(u32 kind, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Internal errnos that never reach a program. */
#define ERESTARTSYS	      512
#define ERESTARTNOINTR	      513
#define ERESTARTNOHAND	      514
#define ERESTART_RESTARTBLOCK 516

#endif
