# SPDX-License-Identifier: Apache-2.0
# Unit tests of runtime/policy: all of it but the choice of the machine, under the sanitizers.
UNIT_POLICY_SRCS = $(FLAT_READER_SRCS) images/error.c $(addprefix runtime/policy/, arguments.c defaults.c environ.c identity.c parse.c path.c \
	policy.c program.c rights.c view.c) \
	$(addprefix tests/unit/policy/, test_main.c test_parse.c test_view.c test_program.c test_build.c)
UNIT_POLICY_DIR  := $(B)/tests/unit/policy
UNIT_POLICY_BIN  := $(UNIT_POLICY_DIR)/unit-policy
UNIT_POLICY_OBJS = $(patsubst %.c,$(UNIT_POLICY_DIR)/%.o,$(UNIT_POLICY_SRCS))
UNIT_POLICY_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_POLICY_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_POLICY_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_POLICY_BIN): $(UNIT_POLICY_OBJS)
	$(Q)$(CC) $(UNIT_POLICY_CFLAGS) $^ -o $@ -lcmocka

UNIT_BINS += $(UNIT_POLICY_BIN)

.PHONY: unit-policy
unit-policy: $(UNIT_POLICY_BIN)
	$(Q)$<
