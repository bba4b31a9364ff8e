# SPDX-License-Identifier: Apache-2.0
OBSERVE_STATE_SRCS := $(addprefix runtime/observe/, dirs.c process.c state.c)
OBSERVE_LOOK_SRCS := $(addprefix runtime/observe/, check.c look.c)
# What takes samples out of a launcher: not the launcher itself.
OBSERVE_SAMPLES_SRCS := runtime/observe/samples.c
SANDBOX_SRCS += $(OBSERVE_STATE_SRCS) $(OBSERVE_LOOK_SRCS)
