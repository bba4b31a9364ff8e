# SPDX-License-Identifier: Apache-2.0
IMAGE_LAYER_SRCS := $(addprefix images/layer/,encode.c names.c read.c seen.c sorted.c source.c sparse.c tree.c write.c)
IMAGE_SRCS += $(IMAGE_LAYER_SRCS)
