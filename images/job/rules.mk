# SPDX-License-Identifier: Apache-2.0
IMAGE_JOB_PARSE_SRCS := $(addprefix images/job/,arena.c expand.c keys.c load.c step.c tree.c)
IMAGE_SRCS += $(IMAGE_JOB_PARSE_SRCS) $(addprefix images/job/,artifact.c command.c lines.c run.c summary.c \
	view_live.c view_plain.c)
