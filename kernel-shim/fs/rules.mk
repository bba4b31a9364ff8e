# SPDX-License-Identifier: Apache-2.0
# the VFS, tmpfs and images, hostfs, and the calls on files and names
CORE_SRCS += $(addprefix kernel-shim/fs/,attr.c boot.c change.c dcache.c denial.c file.c files.c inode.c \
	locks.c fstype.c mount.c namei.c open.c path.c perm.c rename.c) \
	$(addprefix kernel-shim/fs/,erofs.c imagefs.c keep.c tmpfs.c tmpfs_dir.c tmpfs_file.c tmpfs_pages.c tmpfs_xattr.c) \
	$(addprefix kernel-shim/fs/,hostfs.c hostfs_call.c hostfs_change.c hostfs_dir.c hostfs_file.c \
	hostfs_inode.c hostfs_map.c hostfs_stream.c hostfs_walk.c) \
	$(addprefix kernel-shim/sys/,attr.c copy.c dir.c fcntl.c file.c handle.c mount.c path.c rw.c stat.c sync.c xattr.c)
# pipes, polling, terminals, /dev and /proc
CORE_SRCS += $(addprefix kernel-shim/fs/,anon.c pipe.c poll.c epoll.c eventfd.c fasync.c timerfd.c \
	signalfd.c pidfd.c tty.c tty_host.c tty_job.c ldisc.c pty.c dev.c devfs.c pseudo.c seqbuf.c procfs.c proc_root.c proc_pid.c proc_status.c \
	proc_maps.c proc_mounts.c proc_fd.c proc_cpu.c proc_sys.c \
	proc_net.c sysfs.c)
CORE_SRCS += $(addprefix kernel-shim/sys/,poll.c select.c pipe.c splice.c epoll.c eventfd.c \
	ioctl.c)
# who watches files
CORE_SRCS += kernel-shim/fs/notify.c kernel-shim/fs/inotify.c kernel-shim/sys/inotify.c
