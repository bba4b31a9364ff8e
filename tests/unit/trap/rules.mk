# SPDX-License-Identifier: Apache-2.0
# The trap engine under the sanitizers, on a backend that does what a test says.
UNIT_TRAP_BIN := $(B)/tests/unit/trap/unit-trap
UNIT_TRAP_SRCS := $(sort $(wildcard tests/unit/trap/*.c)) vmm/vm.c \
	$(addprefix kernel-shim/home/host/,trap.c trap_shadow.c trap_stubs.c kick_timer.c)
UNIT_TRAP_OBJS := $(patsubst %.c,$(B)/tests/unit/trap/%.o,$(UNIT_TRAP_SRCS))
UNIT_TRAP_SAN := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(B)/tests/unit/trap/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_TRAP_SAN) -MMD -MP -c $< -o $@

$(UNIT_TRAP_BIN): $(UNIT_TRAP_OBJS)
	$(Q)$(CC) $(UNIT_TRAP_SAN) $^ -o $@ -lcmocka -pthread

UNIT_BINS += $(UNIT_TRAP_BIN)
.PHONY: unit-trap
unit-trap: $(UNIT_TRAP_BIN)
	$(Q)$<
