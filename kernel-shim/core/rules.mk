# SPDX-License-Identifier: Apache-2.0
CORE_SRCS += kernel-shim/core/boot.c kernel-shim/core/sched.c kernel-shim/core/loop.c \
	kernel-shim/core/clock.c kernel-shim/core/log.c kernel-shim/core/format.c \
	kernel-shim/sys/dispatch.c kernel-shim/sys/trace.c
