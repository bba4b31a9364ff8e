# SPDX-License-Identifier: Apache-2.0
IMAGE_PACK_SRCS := $(addprefix images/pack/,beneath.c binary.c directory.c draft.c elf.c loader.c plan.c words.c)
IMAGE_SRCS += $(IMAGE_PACK_SRCS)
