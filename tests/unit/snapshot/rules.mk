# SPDX-License-Identifier: Apache-2.0
# Unit tests of the format of snapshots, under the sanitizers.
UNIT_SNAPSHOT_SRCS := $(SNAPSHOT_SRCS) tests/unit/snapshot/test_file.c
UNIT_SNAPSHOT_DIR  := $(B)/tests/unit/snapshot
UNIT_SNAPSHOT_BIN  := $(UNIT_SNAPSHOT_DIR)/unit-snapshot
UNIT_SNAPSHOT_OBJS := $(patsubst %.c,$(UNIT_SNAPSHOT_DIR)/%.o,$(UNIT_SNAPSHOT_SRCS))
UNIT_SNAPSHOT_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_SNAPSHOT_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_SNAPSHOT_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_SNAPSHOT_BIN): $(UNIT_SNAPSHOT_OBJS)
	$(Q)$(CC) $(UNIT_SNAPSHOT_CFLAGS) $^ -o $@ -lcmocka

UNIT_BINS += $(UNIT_SNAPSHOT_BIN)

.PHONY: unit-snapshot
unit-snapshot: $(UNIT_SNAPSHOT_BIN)
	$(Q)$<
