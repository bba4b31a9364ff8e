# SPDX-License-Identifier: Apache-2.0
IMAGE_PACK_SRCS := $(addprefix images/pack/,binary.c build.c build_cache.c build_copy.c build_run.c buildfile.c \
	directory.c draft.c elf.c expand.c loader.c plan.c present.c upper.c words.c)
IMAGE_SRCS += $(IMAGE_PACK_SRCS)
