# SPDX-License-Identifier: Apache-2.0
# The process backend by itself: small pieces of machine code in trapped processes.
UNIT_PROCESS_DIR  := $(B)/tests/unit/process
UNIT_PROCESS_BIN  := $(UNIT_PROCESS_DIR)/unit-process
UNIT_PROCESS_OBJS := $(patsubst %.c,$(UNIT_PROCESS_DIR)/%.o,$(PROCESS_SRCS) \
	$(addprefix tests/unit/process/, code.c main.c test_run.c test_patch.c))
UNIT_PROCESS_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_PROCESS_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_PROCESS_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_PROCESS_BIN): $(UNIT_PROCESS_OBJS) $(STUB_IMAGE_OBJ)
	$(Q)$(CC) $(UNIT_PROCESS_CFLAGS) $^ -o $@ -lcmocka -pthread

UNIT_BINS += $(UNIT_PROCESS_BIN)

.PHONY: unit-process
unit-process: $(UNIT_PROCESS_BIN)
	$(Q)$<
