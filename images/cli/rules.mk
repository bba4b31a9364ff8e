# SPDX-License-Identifier: Apache-2.0
IMAGE_SRCS += $(addprefix images/cli/,bar.c brief.c build.c cat.c commit.c common.c diff.c export.c extract.c \
	flatten.c gc.c history.c import.c inspect.c job.c linked.c listing.c ls.c main.c making.c opened.c pack.c reach.c \
	registry.c rm.c stack.c stage.c table.c tag.c trail.c verbs.c verify.c)
IMAGE_SRCS += $(addprefix runtime/,cli/cli.c cli/text.c cli/xml.c policy/parse.c policy/path.c)
