# SPDX-License-Identifier: Apache-2.0
# Unit test of the image tool's progress bar, on a terminal of its own.
UNIT_BAR_SRCS := images/cli/bar.c runtime/policy/parse.c runtime/policy/path.c tests/unit/bar/test_bar.c
UNIT_BAR_DIR  := $(B)/tests/unit/bar
UNIT_BAR_BIN  := $(UNIT_BAR_DIR)/unit-bar
UNIT_BAR_OBJS := $(patsubst %.c,$(UNIT_BAR_DIR)/%.o,$(UNIT_BAR_SRCS))
UNIT_BAR_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_BAR_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_BAR_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_BAR_BIN): $(UNIT_BAR_OBJS)
	$(Q)$(CC) $(UNIT_BAR_CFLAGS) $^ -o $@ -lcmocka -pthread

UNIT_BINS += $(UNIT_BAR_BIN)

.PHONY: unit-bar
unit-bar: $(UNIT_BAR_BIN)
	$(Q)$<
