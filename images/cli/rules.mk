# SPDX-License-Identifier: Apache-2.0
IMAGE_SRCS += $(addprefix images/cli/,bar.c common.c main.c table.c verbs.c)
IMAGE_SRCS += $(addprefix runtime/,cli/cli.c cli/text.c policy/parse.c policy/path.c)
IMAGE_SRCS += $(addprefix images/cli/,cat.c diff.c extract.c flatten.c linked.c listing.c opened.c stage.c trail.c)
