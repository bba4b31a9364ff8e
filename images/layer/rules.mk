# SPDX-License-Identifier: Apache-2.0
IMAGE_LAYER_SRCS := $(addprefix images/layer/,encode.c frames.c names.c read.c seen.c sorted.c source.c sparse.c toc_read.c toc_write.c tree.c write.c)
IMAGE_SRCS += $(IMAGE_LAYER_SRCS)
