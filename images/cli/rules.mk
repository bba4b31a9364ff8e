# SPDX-License-Identifier: Apache-2.0
IMAGE_SRCS += $(addprefix images/cli/,common.c main.c table.c verbs.c)
IMAGE_SRCS += $(addprefix runtime/,cli/cli.c cli/text.c policy/parse.c policy/path.c)
