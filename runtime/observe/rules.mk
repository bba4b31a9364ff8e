# SPDX-License-Identifier: Apache-2.0
OBSERVE_STATE_SRCS := $(addprefix runtime/observe/, dirs.c process.c state.c)
SANDBOX_SRCS += $(OBSERVE_STATE_SRCS)
