# SPDX-License-Identifier: Apache-2.0
# Samples out of a guest's memory, which is hostile, under the sanitizers.
UNIT_SAMPLE_SRCS := $(SAMPLE_SRCS) runtime/service/gpa.c $(OBSERVE_SAMPLES_SRCS) \
	$(addprefix kernel-shim/home/host/, sample_writer.c soft_copy.c) $(sort $(wildcard tests/unit/sample/*.c))
UNIT_SAMPLE_DIR  := $(B)/tests/unit/sample
UNIT_SAMPLE_BIN  := $(UNIT_SAMPLE_DIR)/unit-sample
UNIT_SAMPLE_OBJS := $(patsubst %.c,$(UNIT_SAMPLE_DIR)/%.o,$(UNIT_SAMPLE_SRCS))
UNIT_SAMPLE_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_SAMPLE_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_SAMPLE_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_SAMPLE_BIN): $(UNIT_SAMPLE_OBJS)
	$(Q)$(CC) $(UNIT_SAMPLE_CFLAGS) $^ -o $@ -lcmocka -pthread

UNIT_BINS += $(UNIT_SAMPLE_BIN)

.PHONY: unit-sample
unit-sample: $(UNIT_SAMPLE_BIN)
	$(Q)$<
