# SPDX-License-Identifier: Apache-2.0
# Unit tests of runtime/jail: filters, each closed in a process of its own.
UNIT_JAIL_SRCS := runtime/jail/seccomp.c runtime/jail/also.c tests/unit/jail/test_filter.c
UNIT_JAIL_DIR  := $(B)/tests/unit/jail
UNIT_JAIL_BIN  := $(UNIT_JAIL_DIR)/unit-jail
UNIT_JAIL_OBJS := $(patsubst %.c,$(UNIT_JAIL_DIR)/%.o,$(UNIT_JAIL_SRCS))

$(UNIT_JAIL_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_JAIL_BIN): $(UNIT_JAIL_OBJS)
	$(Q)$(CC) $^ -o $@ -lcmocka -lseccomp

UNIT_BINS += $(UNIT_JAIL_BIN)

.PHONY: unit-jail
unit-jail: $(UNIT_JAIL_BIN)
	$(Q)$<
