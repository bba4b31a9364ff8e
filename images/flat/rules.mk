# SPDX-License-Identifier: Apache-2.0
FLAT_WRITER_SRCS := $(addprefix images/flat/,content.c directory.c metadata.c out.c sink.c super.c tree.c walk.c xattr.c)
FLAT_READER_SRCS := $(addprefix images/flat/,image.c lookup.c name.c read.c)
IMAGE_SRCS += $(FLAT_WRITER_SRCS) $(FLAT_READER_SRCS) images/flat/flatten.c
