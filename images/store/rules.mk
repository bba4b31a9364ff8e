# SPDX-License-Identifier: Apache-2.0
IMAGE_STORE_SRCS := runtime/cli/whole.c $(addprefix images/store/,blob.c blob_write.c document.c error.c index.c lock.c name.c names.c open.c \
	place.c sweep.c temp.c)
IMAGE_SRCS += $(IMAGE_STORE_SRCS)
