# SPDX-License-Identifier: Apache-2.0
JAIL_ALSO ?= runtime/jail/also.c
SANDBOX_SRCS += $(addprefix runtime/jail/, jail.c landlock.c seccomp.c) $(JAIL_ALSO)
