/* SPDX-License-Identifier: Apache-2.0
 *
 * The host calls that a launcher may make after the jail closed, and what each is for. From this
 * table are made the filters (seccomp.c) and docs/host-calls.md. A list is what one kind of work
 * needs; which threads do that work is in jail_thread.
 *
 * JAIL_CALL(LIST, name, "why")
 */
#ifndef JAIL_CALL
#error "define JAIL_CALL before including calls.h"
#endif
/* clang-format off */

/* libc's own, in every thread: allocation, locks, the end of a thread or the process, signal handlers, the clock */
JAIL_CALL(LIBC, brk, "malloc grows or shrinks the heap")
JAIL_CALL(LIBC, munmap, "malloc gives memory back; a thread's stack when it is joined; the end")
JAIL_CALL(LIBC, madvise, "DISCARD gives guest memory back; malloc too")
JAIL_CALL(LIBC, mremap, "realloc of a large block")
JAIL_CALL(LIBC, futex, "locks and waiting: for doorbells, turns of trapped processes, idle CPUs, other threads")
JAIL_CALL(LIBC, exit, "a thread ends")
JAIL_CALL(LIBC, exit_group, "the launcher ends")
JAIL_CALL(LIBC, rt_sigreturn, "back from a handler: kicks, timers, a file that lost its pages")
JAIL_CALL(LIBC, rt_sigprocmask, "a terminal's stop signal is let in for STOP; a thread's end")
JAIL_CALL(LIBC, rt_sigaction, "the handlers of SIGBUS (a file lost its pages) and of kicks, when the shim begins")
JAIL_CALL(LIBC, sigaltstack, "sanitizers, in builds with them; nothing else of ours")
JAIL_CALL(LIBC, restart_syscall, "the kernel's own: a wait goes on after SIGSTOP and SIGCONT")
JAIL_CALL(LIBC, clock_gettime, "the clock, where the host's vDSO cannot tell it")
JAIL_CALL(LIBC, clock_nanosleep, "a short wait: for the kernel lock, for room in the zygote's socket")
JAIL_CALL(LIBC, gettid, "whose thread a kick is for")
JAIL_CALL(LIBC, getpid, "raising a signal in this process; libc's abort")
JAIL_CALL(LIBC, sched_yield, "nothing of ours: libc may, while it waits for a lock")
JAIL_CALL(LIBC, rseq, "libc registers and unregisters a thread's area")
JAIL_CALL(LIBC, set_robust_list, "libc, when a thread begins")
JAIL_CALL(LIBC, sched_getaffinity, "libc asks for the number of processors")

/* kicks: user code shall come out; and the end of trapped processes */
JAIL_CALL(KICK, timer_settime, "the next time at which user code must come out")
JAIL_CALL(KICK, timer_delete, "that timer, at the end")
JAIL_CALL(KICK, pidfd_send_signal, "a kick for a trapped process, by the descriptor that is held of it; its end")
JAIL_CALL(KICK, wait4, "the zygote's end")

/* the channel's operations on files, as kernel-shim/abi/chan_ops.h calls them: relative to granted descriptors, on an empty root */
JAIL_CALL(FILES, openat, "WALK, OPEN, OPENDIR; a description of one's own by /proc/self/fd")
JAIL_CALL(FILES, close, "FORGET, and what was opened for one operation")
JAIL_CALL(FILES, statx, "GETATTR, WALK and all that answers with attributes")
JAIL_CALL(FILES, fstat, "libc's streams; attributes where statx is not there")
JAIL_CALL(FILES, newfstatat, "the same in newer libcs")
JAIL_CALL(FILES, readlinkat, "READLINK")
JAIL_CALL(FILES, faccessat, "nothing of ours: the operation asks for faccessat2 alone")
JAIL_CALL(FILES, faccessat2, "ACCESS")
JAIL_CALL(FILES, mkdirat, "MKDIR")
JAIL_CALL(FILES, mknodat, "MKNOD")
JAIL_CALL(FILES, symlinkat, "SYMLINK")
JAIL_CALL(FILES, linkat, "LINK")
JAIL_CALL(FILES, unlinkat, "UNLINK")
JAIL_CALL(FILES, renameat, "nothing of ours: libc may make it of renameat2")
JAIL_CALL(FILES, renameat2, "RENAME")
JAIL_CALL(FILES, fstatfs, "STATFS; whether a directory is one of procfs")
JAIL_CALL(FILES, fchmod, "SETATTR of an open file")
JAIL_CALL(FILES, fchmodat, "SETATTR of a name")
JAIL_CALL(FILES, fchown, "nothing of ours: libc may make it of fchownat")
JAIL_CALL(FILES, fchownat, "SETATTR of a name")
JAIL_CALL(FILES, ftruncate, "SETATTR of the size; the state file is emptied at the end")
JAIL_CALL(FILES, utimensat, "SETATTR of times")
JAIL_CALL(FILES, getdents64, "READDIR")
JAIL_CALL(FILES, lseek, "SEEK; READDIR from a place")
JAIL_CALL(FILES, read, "libc's streams")
JAIL_CALL(FILES, write, "messages, trace and report; a wake-up of the watcher")
JAIL_CALL(FILES, readv, "READ of a stream into several pages")
JAIL_CALL(FILES, writev, "WRITE of a stream from several pages")
JAIL_CALL(FILES, pread64, "READ at an offset into one page, where libc makes it of preadv")
JAIL_CALL(FILES, pwrite64, "WRITE at an offset from one page, where libc makes it of pwritev")
JAIL_CALL(FILES, preadv, "READ at an offset into several pages")
JAIL_CALL(FILES, pwritev, "WRITE at an offset from several pages")
JAIL_CALL(FILES, preadv2, "READ without waiting")
JAIL_CALL(FILES, pwritev2, "WRITE without waiting, or at the file's end")
JAIL_CALL(FILES, fsync, "FSYNC")
JAIL_CALL(FILES, fdatasync, "FSYNC of data only")
JAIL_CALL(FILES, fallocate, "FALLOCATE")
JAIL_CALL(FILES, flock, "FLOCK")
JAIL_CALL(FILES, fgetxattr, "XATTR of an open file")
JAIL_CALL(FILES, flistxattr, "XATTR, the list of an open file")
JAIL_CALL(FILES, getxattr, "XATTR of a name, by /proc/self/fd")
JAIL_CALL(FILES, listxattr, "XATTR, the list of a name")
JAIL_CALL(FILES, dup, "nothing of ours: libc may")
JAIL_CALL(FILES, poll, "POLL; whether a stream would wait; whether a trapped process is gone")
JAIL_CALL(FILES, ppoll, "nothing of ours: libc makes it of poll on some architectures")
JAIL_CALL(FILES, getrandom, "RANDOM; libc's own seeds")
JAIL_CALL(FILES, epoll_ctl, "WATCH")
JAIL_CALL(FILES, getrusage, "the report at the end")
JAIL_CALL(FILES, getpgrp, "whether this is the terminal's foreground")
JAIL_CALL(FILES, recvmsg, "a reply of the zygote; an inherited socket as stdin")
JAIL_CALL(FILES, sendmsg, "a request to the zygote; an inherited socket as stdout")

/* the watcher: waiting for files and signals */
JAIL_CALL(WATCHER, epoll_wait, "until a watched file or a signal is there")
JAIL_CALL(WATCHER, epoll_pwait, "the same, as newer libcs make it")
JAIL_CALL(WATCHER, epoll_ctl, "a file that was reported is not watched any more")
JAIL_CALL(WATCHER, read, "the signal, and who sent it; the order to stop")
JAIL_CALL(WATCHER, write, "messages")
JAIL_CALL(WATCHER, close, "the signals' descriptor, at the end")
JAIL_CALL(WATCHER, signalfd4, "the signals that go to the program, when it begins")
JAIL_CALL(WATCHER, getpgrp, "whether this is the terminal's foreground, after SIGCONT")
JAIL_CALL(WATCHER, pidfd_send_signal, "a kick for a trapped process")

/* a vCPU's thread of home guest, besides its ioctls */
JAIL_CALL(VCPU, read, "libc's streams")
JAIL_CALL(VCPU, write, "messages")
JAIL_CALL(VCPU, timer_settime, "the next time at which the guest wants a kick")
JAIL_CALL(VCPU, timer_delete, "that timer, at the end")

/* memory: mapped and protected, never made executable */
JAIL_CALL(MEMORY, mmap, "MAP of a file into the window; malloc; stacks of the shim's tasks")
JAIL_CALL(MEMORY, mprotect, "malloc's arenas; guard pages of those stacks")

/* signals: only to this process */
JAIL_CALL(SIGNALS, tgkill, "a kick for a vCPU's thread; STOP by a terminal's signal")
JAIL_CALL(SIGNALS, kill, "STOP: this process stops as its program did")

/* descriptors: F_GETFD, F_GETFL, F_DUPFD_CLOEXEC only */
JAIL_CALL(FCNTL, fcntl, "libc's opendir and streams; a descriptor's copy")

/* devices: the numbers that the backend needs of its vCPU, and those of terminals (tty_ioctl(2)) */
JAIL_CALL(IOCTL, ioctl, "a vCPU runs, its registers; TTY, whether a descriptor is a terminal")

/* the zygote of trapped processes: receives requests, forks, hands descriptors on. Its children close a narrower
 * filter behind it (vmm/process/filter.c) */
JAIL_CALL(ZYGOTE, recvmsg, "a request of the launcher")
JAIL_CALL(ZYGOTE, sendmsg, "its reply, with a new process's descriptor")
JAIL_CALL(ZYGOTE, close, "what was handed on; files that are not mapped any more")
JAIL_CALL(ZYGOTE, wait4, "children that ended: their times are the sandbox's")
JAIL_CALL(ZYGOTE, getpid, "of a child: who it is")
JAIL_CALL(ZYGOTE, getppid, "of a child: whether the zygote still lives")
JAIL_CALL(ZYGOTE, exit_group, "the launcher is gone, or a child cannot begin")
JAIL_CALL(ZYGOTE, rt_sigaction, "where traps arrive")
JAIL_CALL(ZYGOTE, rt_sigprocmask, "none while a child begins")
JAIL_CALL(ZYGOTE, sigaltstack, "on which stack they arrive")
JAIL_CALL(ZYGOTE, mmap, "a child's own context; what user code has mapped")
JAIL_CALL(ZYGOTE, munmap, "all that the launcher had mapped; what user code has no more")
JAIL_CALL(ZYGOTE, mprotect, "what user code may do with it")
JAIL_CALL(ZYGOTE, futex, "the turn")
JAIL_CALL(ZYGOTE, arch_prctl, "user code's FS and GS")
JAIL_CALL(ZYGOTE, seccomp, "a child's narrower filter")
JAIL_CALL(ZYGOTE, prlimit64, "lower, for what it becomes")
JAIL_CALL(ZYGOTE, brk, "the heap that it inherited goes away")
/* clang-format on */
