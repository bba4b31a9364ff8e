# SPDX-License-Identifier: Apache-2.0
# Processors as threads of this test: both homes' locks and ways to wait, under ThreadSanitizer.
UNIT_PARALLEL_BIN  := $(B)/tests/unit/parallel/unit-parallel
UNIT_PARALLEL_OBJS := $(patsubst %.c,$(B)/tests/unit/parallel/%.o,$(sort $(wildcard tests/unit/parallel/*.c)) \
	kernel-shim/home/host/cpu.c kernel-shim/home/guest/lock.c)
UNIT_PARALLEL_SAN := -O1 -DSHIM_CHECKS -fno-omit-frame-pointer -fsanitize=thread

$(B)/tests/unit/parallel/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_PARALLEL_SAN) -MMD -MP -c $< -o $@

$(UNIT_PARALLEL_BIN): $(UNIT_PARALLEL_OBJS)
	$(Q)$(CC) $(UNIT_PARALLEL_SAN) $^ -o $@ -lcmocka -pthread

UNIT_BINS += $(UNIT_PARALLEL_BIN)
.PHONY: unit-parallel
unit-parallel: $(UNIT_PARALLEL_BIN)
	$(Q)$<
