/* SPDX-License-Identifier: Apache-2.0
 *
 * The host calls that a launcher may make after the jail closed, and what each is for. From this
 * table are made the filters (seccomp.c) and docs/host-calls.md.
 *
 * JAIL_LIST(NAME, threads, when, how, "what it is for")
 *   threads  whose filter has it: CORE, SERVICE, VCPU, WATCHER (jail.h), ZYGOTE; joined by |
 *   when     ALWAYS, or what the launch must have one of: names of jail.h, joined by |
 *   how      what holds of the arguments: ANY, or a name of seccomp.c
 *
 * JAIL_CALL(LIST, name, "why")
 *
 * Where it costs nothing one call does for several: preadv2 and pwritev2 with offset -1 are readv
 * and writev.
 */
#if !defined(JAIL_LIST) || !defined(JAIL_CALL)
#error "define JAIL_LIST and JAIL_CALL before including calls.h"
#endif
/* clang-format off */

JAIL_LIST(LIBC, CORE | SERVICE | VCPU | WATCHER, ALWAYS, ANY,
	"libc's own, in every thread: allocation, locks, the end of a thread or the process, signal handlers, the clock")
JAIL_CALL(LIBC, brk, "malloc grows or shrinks the heap, of which there is one for all threads")
JAIL_CALL(LIBC, munmap, "malloc gives memory back; a thread's stack when it is joined; the end")
JAIL_CALL(LIBC, madvise, "DISCARD gives guest memory back; a thread's stack at its end; the state file is emptied")
JAIL_CALL(LIBC, futex, "locks and waiting: for doorbells, turns of trapped processes, idle CPUs, other threads, a moment")
JAIL_CALL(LIBC, exit, "a thread ends")
JAIL_CALL(LIBC, exit_group, "the launcher ends")
JAIL_CALL(LIBC, rt_sigreturn, "back from a handler: kicks, timers, a file that lost its pages")
JAIL_CALL(LIBC, rt_sigprocmask, "a terminal's stop signal is let in for STOP; a thread's end")
JAIL_CALL(LIBC, restart_syscall, "the kernel's own: a wait goes on after SIGSTOP and SIGCONT")
JAIL_CALL(LIBC, clock_gettime, "the clock, where the host's vDSO cannot tell it")
JAIL_CALL(LIBC, gettid, "whose thread a kick or a stop is for; libc's abort")
JAIL_CALL(LIBC, getpid, "raising a signal in this process; libc's abort")

JAIL_LIST(SIGNALS, CORE | SERVICE | VCPU, ALWAYS, THIS_PROCESS, "signals: only to this process")
JAIL_CALL(SIGNALS, tgkill, "a kick for a vCPU's thread; STOP: this process stops as its program did")

JAIL_LIST(WATCHER_SIGNALS, WATCHER, JAIL_VM, THIS_PROCESS, "signals of the watcher: only to this process")
JAIL_CALL(WATCHER_SIGNALS, tgkill, "a kick for a vCPU's thread")

JAIL_LIST(MEMORY, CORE | SERVICE, ALWAYS, NOT_EXECUTABLE, "memory: mapped, never executable")
JAIL_CALL(MEMORY, mmap, "MAP of a file into the window; stacks of the shim's tasks; malloc, where the heap cannot grow")

JAIL_LIST(STACKS, CORE, ALWAYS, NOT_EXECUTABLE, "memory: protected, never made executable")
JAIL_CALL(STACKS, mprotect, "guard pages of the stacks of the shim's tasks")

JAIL_LIST(KICK, CORE | VCPU, ALWAYS, ANY, "kicks: user code shall come out")
JAIL_CALL(KICK, timer_settime, "the next time at which user code must come out, or that there is none")

JAIL_LIST(PROCESSES, CORE | WATCHER, JAIL_PROCESSES, ANY, "trapped processes")
JAIL_CALL(PROCESSES, pidfd_send_signal, "a kick for one, by the descriptor that is held of it; that it shall end")

JAIL_LIST(END, CORE, JAIL_PROCESSES, ANY, "trapped processes: their end")
JAIL_CALL(END, wait4, "the zygote's end; then the times of all of them are known")

JAIL_LIST(VM, CORE | VCPU, JAIL_VM, VCPUS, "a virtual machine: the numbers that the backend needs of its vCPUs")
JAIL_CALL(VM, ioctl, "a vCPU runs, its registers")

JAIL_LIST(FILES, CORE | SERVICE, ALWAYS, ANY,
	"the channel's operations on files, as kernel-shim/abi/chan_ops.h calls them: relative to granted descriptors, on an empty root")
JAIL_CALL(FILES, openat, "WALK, OPEN, OPENDIR; a description of one's own by /proc/self/fd")
JAIL_CALL(FILES, close, "FORGET, and what was opened for one operation; the end")
JAIL_CALL(FILES, statx, "GETATTR, WALK and all that answers with attributes")
JAIL_CALL(FILES, readlinkat, "READLINK")
JAIL_CALL(FILES, faccessat2, "ACCESS")
JAIL_CALL(FILES, fstatfs, "STATFS; whether a directory is one of procfs")
JAIL_CALL(FILES, getdents64, "READDIR")
JAIL_CALL(FILES, lseek, "SEEK; READDIR from a place")
JAIL_CALL(FILES, preadv2, "READ into several pages: at an offset, of a stream, without waiting")
JAIL_CALL(FILES, pwritev2, "WRITE from several pages: at an offset, of a stream, without waiting, at the file's end")
JAIL_CALL(FILES, flock, "FLOCK")
JAIL_CALL(FILES, fgetxattr, "XATTR")
JAIL_CALL(FILES, flistxattr, "XATTR, the list")
JAIL_CALL(FILES, poll, "POLL; whether a stream would wait; whether a trapped process is gone")
JAIL_CALL(FILES, epoll_ctl, "WATCH")
JAIL_CALL(FILES, getrandom, "RANDOM")
JAIL_CALL(FILES, getrusage, "the report at the end")
JAIL_CALL(FILES, write, "messages, trace and report, as libc writes them; a wake-up of the watcher")

JAIL_LIST(CHANGES, CORE | SERVICE, JAIL_CHANGES, ANY,
	"changes of files: where something is granted with --rw, or a standard stream is a file that is open for writing, or --upper keeps changes")
JAIL_CALL(CHANGES, ftruncate, "SETATTR of the size")
JAIL_CALL(CHANGES, fchmodat, "SETATTR of the mode")
JAIL_CALL(CHANGES, fchownat, "SETATTR of the owner")
JAIL_CALL(CHANGES, utimensat, "SETATTR of times")
JAIL_CALL(CHANGES, fallocate, "FALLOCATE")
JAIL_CALL(CHANGES, fsync, "FSYNC")
JAIL_CALL(CHANGES, fdatasync, "FSYNC of data only")

JAIL_LIST(NAMES, CORE | SERVICE, JAIL_NAMES, ANY, "names that come and go: where a directory is granted with --rw")
JAIL_CALL(NAMES, mkdirat, "MKDIR")
JAIL_CALL(NAMES, mknodat, "MKNOD")
JAIL_CALL(NAMES, symlinkat, "SYMLINK")
JAIL_CALL(NAMES, linkat, "LINK")
JAIL_CALL(NAMES, unlinkat, "UNLINK")
JAIL_CALL(NAMES, renameat2, "RENAME")

JAIL_LIST(MESSAGES, CORE | SERVICE, JAIL_PROCESSES | JAIL_SOCKET, ANY,
	"messages: where there is a zygote, or a standard stream is a socket")
JAIL_CALL(MESSAGES, recvmsg, "a reply of the zygote; READ of a socket")
JAIL_CALL(MESSAGES, sendmsg, "a request to the zygote; WRITE of a socket")

JAIL_LIST(TERMINAL, CORE | SERVICE | WATCHER, JAIL_TERMINAL, TERMINALS,
	"terminals: where a standard stream is one, the requests of tty_ioctl(2) that read and set its mode, size and queues")
JAIL_CALL(TERMINAL, ioctl, "TTY; whether this is the terminal's foreground; its mode as it was, at the end and after SIGCONT")

JAIL_LIST(WATCHER, WATCHER, ALWAYS, ANY, "the watcher: waiting for files and signals")
JAIL_CALL(WATCHER, epoll_pwait, "until a watched file or a signal is there")
JAIL_CALL(WATCHER, preadv2, "the signal, and who sent it")
JAIL_CALL(WATCHER, write, "that the time limit passed and the shim did not stop")

JAIL_LIST(TEMPLATE, CORE | SERVICE, JAIL_TEMPLATE, ANY,
	"a template (--template-fd) and its clones, which are forked from it and inherit its filter: what the kernel shares between the two is made anew")
JAIL_CALL(TEMPLATE, recvmsg, "a request for a clone; what came for it")
JAIL_CALL(TEMPLATE, sendmsg, "the answer")
JAIL_CALL(TEMPLATE, wait4, "clones that ended")
JAIL_CALL(TEMPLATE, memfd_create, "a clone's memory, and that of its trapped processes' contexts")
JAIL_CALL(TEMPLATE, ftruncate, "how large these are")
JAIL_CALL(TEMPLATE, socketpair, "to a clone's zygote")
JAIL_CALL(TEMPLATE, dup2, "a clone's streams, where the template had its own")
JAIL_CALL(TEMPLATE, dup3, "the same, for what the program has open")
JAIL_CALL(TEMPLATE, eventfd2, "a clone's watcher: that it shall stop")
JAIL_CALL(TEMPLATE, epoll_create1, "a clone's watcher: what it waits for")
JAIL_CALL(TEMPLATE, epoll_pwait, "a clone's watcher: waiting")
JAIL_CALL(TEMPLATE, timer_create, "a clone's timers: kicks, the time limit")
JAIL_CALL(TEMPLATE, rt_sigaction, "who takes them")
JAIL_CALL(TEMPLATE, set_robust_list, "libc's own, when a process or a thread begins")
JAIL_CALL(TEMPLATE, rseq, "libc's own, when a thread begins")
JAIL_CALL(TEMPLATE, seccomp, "a clone's watcher: its narrower filter")

JAIL_LIST(TEMPLATE_FLAGS, CORE | SERVICE, JAIL_TEMPLATE, FLAGS, "and descriptors: fcntl(2) with F_GETFL and F_ADD_SEALS; with others it would have the kernel send signals to any process")
JAIL_CALL(TEMPLATE_FLAGS, fcntl, "that these stay so large; how a clone's streams were opened")

JAIL_LIST(TEMPLATE_LIMITS, CORE | SERVICE, JAIL_TEMPLATE, OWN_LIMITS, "and limits: of this process, prlimit(2) with 0")
JAIL_CALL(TEMPLATE_LIMITS, prlimit64, "how large files a clone writes; a template's memory for it is one that is larger")

JAIL_LIST(TEMPLATE_VCPU, SERVICE, JAIL_TEMPLATE, VCPUS, "what a clone's vCPU thread needs, which comes from this one: the numbers that the backend needs of its vCPUs, and to make them")
JAIL_CALL(TEMPLATE_VCPU, ioctl, "a clone's virtual machine, its vCPU")

JAIL_LIST(TEMPLATE_STACKS, SERVICE, JAIL_TEMPLATE, NOT_EXECUTABLE, "and its stack")
JAIL_CALL(TEMPLATE_STACKS, mprotect, "guard pages of the stacks of a clone's threads")

JAIL_LIST(TEMPLATE_KICK, WATCHER | SERVICE, JAIL_TEMPLATE | JAIL_CLONE, ANY, "kicks in a clone, which is not the process that tgkill(2) is let through for")
JAIL_CALL(TEMPLATE_KICK, timer_settime, "a timer of the vCPU's thread goes off")

JAIL_LIST(TEMPLATE_FORKS, CORE | SERVICE, JAIL_TEMPLATE, COPIES, "a template's forks, and a clone's threads: with libc's flags, no more and no less")
JAIL_CALL(TEMPLATE_FORKS, clone, "a clone; its watcher, its limiter")

JAIL_LIST(TEMPLATE_ABSENT, CORE | SERVICE, JAIL_TEMPLATE, ABSENT, "what a template does not have (ENOSYS), whatever the kernel has")
JAIL_CALL(TEMPLATE_ABSENT, clone3, "its flags could not be looked at; libc takes clone then")

JAIL_LIST(TEMPLATE_NAMES, CORE | SERVICE, JAIL_TEMPLATE, THREADS, "prctl(2) with PR_SET_NAME and PR_SET_NO_NEW_PRIVS")
JAIL_CALL(TEMPLATE_NAMES, prctl, "what a clone's threads are called; libseccomp's own")

JAIL_LIST(TEMPLATE_PEERS, CORE | SERVICE, JAIL_PEERS, ANY, "with --proxy-protocol: both addresses of a clone's stdin")
JAIL_CALL(TEMPLATE_PEERS, getpeername, "the client's")
JAIL_CALL(TEMPLATE_PEERS, getsockname, "where it connected to")

JAIL_LIST(ENDS, CORE | SERVICE, JAIL_ENDS, ANY, "with --accept: the end of what a server sends")
JAIL_CALL(ENDS, shutdown, "FORGET of a clone's stdout that is a socket: its sending side")

JAIL_LIST(ZYGOTE, ZYGOTE, ALWAYS, ANY,
	"the zygote of trapped processes: receives requests, forks, hands descriptors on. Its children close a narrower filter behind it (vmm/process/filter.c)")
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
JAIL_CALL(ZYGOTE, seccomp, "a child's narrower filter")
JAIL_CALL(ZYGOTE, prlimit64, "lower, for what it becomes")

JAIL_LIST(ZYGOTE_BASES, ZYGOTE, JAIL_BASES, ANY, "the same, where user code's FS and GS bases cannot be set by instructions")
JAIL_CALL(ZYGOTE_BASES, arch_prctl, "user code's FS and GS")

JAIL_LIST(ZYGOTE_FORKS, ZYGOTE, ALWAYS, FORKS, "the zygote's forks: with CLONE_FILES, CLONE_PIDFD and SIGCHLD, no more and no less")
JAIL_CALL(ZYGOTE_FORKS, clone, "a new trapped process")

JAIL_LIST(ZYGOTE_TEMPLATE, ZYGOTE, JAIL_TEMPLATE, ANY, "the zygote of a template: what a clone's zygote begins with")
JAIL_CALL(ZYGOTE_TEMPLATE, dup2, "its own descriptors, where the first one had its")
JAIL_CALL(ZYGOTE_TEMPLATE, setpgid, "a process group of its own, so that a clone can be stopped")

JAIL_LIST(ZYGOTE_COPIES, ZYGOTE, JAIL_TEMPLATE, PLAIN_FORKS, "and a fork with SIGCHLD alone")
JAIL_CALL(ZYGOTE_COPIES, clone, "a clone's zygote")

JAIL_LIST(ZYGOTE_DEATHS, ZYGOTE, ALWAYS, DEATHS, "and prctl(2) with PR_SET_PDEATHSIG alone")
JAIL_CALL(ZYGOTE_DEATHS, prctl, "a child ends when the zygote does")
/* clang-format on */
