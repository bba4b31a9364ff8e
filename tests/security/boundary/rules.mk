# SPDX-License-Identifier: Apache-2.0
# The boundary of the process backend: its filter, and hostile context pages. Shares the rig of
# tests/unit/process.
SEC_BOUNDARY_DIR  := $(B)/tests/security/boundary
SEC_BOUNDARY_BIN  := $(SEC_BOUNDARY_DIR)/security-boundary
SEC_BOUNDARY_OBJS := $(patsubst %.c,$(UNIT_PROCESS_DIR)/%.o,$(PROCESS_SRCS) tests/unit/process/code.c \
	$(addprefix tests/security/boundary/, bpf.c calls.c main.c points.c policy.c \
	test_calls.c test_context.c test_filter.c test_life.c witness.c)) \
	$(SEC_BOUNDARY_DIR)/hostile.o

$(SEC_BOUNDARY_DIR)/%.o: tests/security/boundary/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) -I. -MMD -MP -c $< -o $@

$(SEC_BOUNDARY_BIN): $(SEC_BOUNDARY_OBJS) $(STUB_IMAGE_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) $(UNIT_PROCESS_CFLAGS) $^ -o $@ -lcmocka -pthread

SECURITY_BINS += $(SEC_BOUNDARY_BIN)

.PHONY: security-boundary
security-boundary: $(SEC_BOUNDARY_BIN)
	$(Q)$<
