# SPDX-License-Identifier: Apache-2.0
SAMPLE_SRCS := $(addprefix runtime/sample/, file.c memory.c sampler.c stack.c task.c)
SANDBOX_SRCS += $(SAMPLE_SRCS)
