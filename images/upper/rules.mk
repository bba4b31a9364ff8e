# SPDX-License-Identifier: Apache-2.0
IMAGE_UPPER_SRCS := $(addprefix images/upper/,number.c stack.c upper.c)
IMAGE_SRCS += $(IMAGE_UPPER_SRCS)
