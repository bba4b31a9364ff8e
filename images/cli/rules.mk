# SPDX-License-Identifier: Apache-2.0
IMAGE_SRCS += $(addprefix images/cli/,bar.c common.c main.c table.c verbs.c)
IMAGE_SRCS += $(addprefix images/cli/,brief.c gc.c history.c inspect.c ls.c reach.c rm.c tag.c verify.c)
IMAGE_SRCS += $(addprefix runtime/,cli/cli.c cli/text.c policy/parse.c policy/path.c)
IMAGE_SRCS += $(addprefix images/cli/,cat.c diff.c extract.c flatten.c listing.c opened.c)
IMAGE_SRCS += images/cli/job.c
IMAGE_SRCS += images/cli/import.c
IMAGE_SRCS += images/cli/export.c
IMAGE_SRCS += images/cli/registry.c
IMAGE_SRCS += $(addprefix images/cli/,making.c pack.c)
