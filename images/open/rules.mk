# SPDX-License-Identifier: Apache-2.0
# What the launcher links, with -ljansson alone.
IMAGE_OPEN_SRCS = images/open/open.c images/error.c images/digest.c \
	$(addprefix images/store/,document.c index.c name.c place.c) $(IMAGE_PARSE_SRCS)
