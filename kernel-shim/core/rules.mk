# SPDX-License-Identifier: Apache-2.0
CORE_SRCS += kernel-shim/core/boot.c $(addprefix kernel-shim/core/,sched.c idle.c wait.c ktimer.c) kernel-shim/core/loop.c \
	kernel-shim/core/clock.c kernel-shim/core/log.c kernel-shim/core/format.c \
	kernel-shim/sys/dispatch.c kernel-shim/sys/trace.c
# tasks: processes, signals, futexes, time, identity
CORE_SRCS += $(addprefix kernel-shim/core/,process.c task.c exit.c reap.c sigstop.c signal.c \
	ptrace.c ptrace_stop.c ptrace_wait.c ptrace_regs.c ptrace_debug.c \
	sigdeliver.c sigframe.c rseq.c futex.c futex_pi.c futex_robust.c caps.c cred.c itimer.c cputime.c \
	posix_timer.c random.c)
CORE_SRCS += $(addprefix kernel-shim/sys/,signal.c ptrace.c process_vm.c clone.c pidfd.c process.c wait.c futex.c sched.c caps.c cred.c \
	rlimit.c info.c time.c)
CORE_SRCS += $(addprefix kernel-shim/sys/,struct.c timex.c refuse.c kcmp.c ioprio.c unshare.c)
