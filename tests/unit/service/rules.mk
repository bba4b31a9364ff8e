# SPDX-License-Identifier: Apache-2.0
# The channel service's unit tests, with its sources compiled once more under the sanitizers.
# SERVICE_SRCS comes from runtime/service/rules.mk, which the Makefile has read before.
UNIT_SERVICE_SRCS := $(SERVICE_SRCS) $(addprefix tests/unit/service/, harness.c test_create.c \
	test_decode.c test_events.c test_io.c test_names.c test_open.c test_races.c test_reach.c test_ring.c test_snapshot.c test_tty.c)
UNIT_SERVICE_DIR  := $(B)/tests/unit/service
UNIT_SERVICE_BIN  := $(UNIT_SERVICE_DIR)/unit-service
UNIT_SERVICE_OBJS := $(patsubst %.c,$(UNIT_SERVICE_DIR)/%.o,$(UNIT_SERVICE_SRCS))
# -O1: _FORTIFY_SOURCE wants optimisation, and the sanitizers' traces want little of it.
UNIT_SERVICE_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_SERVICE_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_SERVICE_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_SERVICE_BIN): $(UNIT_SERVICE_OBJS)
	$(Q)$(CC) $(UNIT_SERVICE_CFLAGS) $^ -o $@ -lcmocka -lutil -pthread

UNIT_BINS += $(UNIT_SERVICE_BIN)

.PHONY: unit-service
unit-service: $(UNIT_SERVICE_BIN)
	$(Q)$<
