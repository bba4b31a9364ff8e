# SPDX-License-Identifier: Apache-2.0
IMAGE_SRCS += $(addprefix images/cli/,main.c verbs.c job.c) runtime/cli/cli.c runtime/cli/text.c runtime/policy/path.c
