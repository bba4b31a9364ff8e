# SPDX-License-Identifier: Apache-2.0
SANDBOX_SRCS += $(addprefix runtime/jail/, jail.c landlock.c seccomp.c)
