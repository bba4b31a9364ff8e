# SPDX-License-Identifier: Apache-2.0
# System V IPC; POSIX message queues
CORE_SRCS += $(addprefix kernel-shim/ipc/,ids.c shm.c sem.c semctl.c msg.c mqueue.c mqfs.c mqfile.c)
