# SPDX-License-Identifier: Apache-2.0
# The format of snapshots in files; libxxhash-dev, of which only the header is used.
SNAPSHOT_SRCS := $(addprefix runtime/snapshot/, coder.c read.c write.c zstd.c)
SERVICE_SRCS += runtime/snapshot/coder.c # of the tests: the launcher has it with the others
SANDBOX_SRCS += $(SNAPSHOT_SRCS)
