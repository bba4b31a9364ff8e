# SPDX-License-Identifier: Apache-2.0
CORE_SRCS +=
# pipes, polling, terminals, /dev and /proc
CORE_SRCS += $(addprefix kernel-shim/fs/,anon.c pipe.c poll.c epoll.c eventfd.c timerfd.c \
	signalfd.c tty.c dev.c devfs.c pseudo.c seqbuf.c procfs.c proc_root.c proc_pid.c proc_status.c \
	proc_maps.c proc_mounts.c proc_fd.c proc_cpu.c proc_sys.c)
CORE_SRCS += $(addprefix kernel-shim/sys/,poll.c select.c pipe.c splice.c epoll.c eventfd.c \
	ioctl.c)
