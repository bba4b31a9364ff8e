# SPDX-License-Identifier: Apache-2.0
HOSTHOME_SRCS += kernel-shim/home/host/platform.c kernel-shim/home/host/soft_copy.c \
	kernel-shim/home/host/trap.c kernel-shim/home/host/trap_stubs.c
HOSTHOME_ASM += kernel-shim/home/host/switch.S
