# SPDX-License-Identifier: Apache-2.0
IMAGE_SRCS += $(addprefix images/cli/,bar.c common.c main.c making.c pack.c table.c verbs.c)
IMAGE_SRCS += $(addprefix runtime/,cli/cli.c cli/text.c policy/parse.c policy/path.c)
