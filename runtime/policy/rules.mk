# SPDX-License-Identifier: Apache-2.0
POLICY_SRCS := $(addprefix runtime/policy/, arguments.c defaults.c environ.c identity.c machine.c parse.c \
	path.c policy.c program.c rights.c view.c)
SANDBOX_SRCS += $(POLICY_SRCS)
