# SPDX-License-Identifier: Apache-2.0
HOSTHOME_SRCS += kernel-shim/home/host/platform.c kernel-shim/home/host/soft_copy.c \
	kernel-shim/home/host/kick_timer.c kernel-shim/home/host/cpu.c \
	$(addprefix kernel-shim/home/host/,trap.c trap_shadow.c trap_stubs.c process.c process_mirror.c process_sync.c \
	process_patch.c process_window.c process_frozen.c sample.c sample_file.c sample_writer.c sample_stack.c)
HOSTHOME_ASM += kernel-shim/home/host/switch.S
