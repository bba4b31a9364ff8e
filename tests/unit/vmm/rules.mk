# SPDX-License-Identifier: Apache-2.0
# The VM backends' unit tests, with the backends compiled once more under the sanitizers, and the
# program that measures what vmm/kvm/README.md says. Both need /dev/kvm: without it the tests that
# do are reported as skipped.
UNIT_VMM_TESTS := $(addprefix tests/unit/vmm/, guest.c machine.c main.c test_again.c test_available.c test_exits.c \
	test_kick.c test_memory.c test_state.c test_tlb.c tlb.c)
UNIT_VMM_DIR  := $(B)/tests/unit/vmm
UNIT_VMM_BIN  := $(UNIT_VMM_DIR)/unit-vmm
UNIT_VMM_OBJS := $(patsubst %.c,$(UNIT_VMM_DIR)/%.o,$(VMM_SRCS) $(UNIT_VMM_TESTS))
UNIT_VMM_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

VMM_MEASURE_SRCS := $(VMM_SRCS) $(addprefix tests/unit/vmm/, guest.c machine.c measure.c tlb.c)
VMM_MEASURE_BIN  := $(UNIT_VMM_DIR)/vmm-measure
VMM_MEASURE_OBJS := $(patsubst %.c,$(UNIT_VMM_DIR)/measure/%.o,$(VMM_MEASURE_SRCS))

$(UNIT_VMM_DIR)/measure/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_VMM_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_VMM_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_VMM_BIN): $(UNIT_VMM_OBJS)
	$(Q)$(CC) $(UNIT_VMM_CFLAGS) $^ -o $@ -lcmocka -pthread

$(VMM_MEASURE_BIN): $(VMM_MEASURE_OBJS)
	$(Q)$(CC) $^ -o $@ -pthread

UNIT_BINS += $(UNIT_VMM_BIN)

.PHONY: unit-vmm vmm-measure unit-vmm-emulated
unit-vmm: $(UNIT_VMM_BIN)
	$(Q)$<
vmm-measure: $(VMM_MEASURE_BIN)
	$(Q)$<
# The same tests where KVM has nested SVM behind it: true ring-0 semantics.
unit-vmm-emulated: $(UNIT_VMM_BIN)
	$(Q)tests/emulated/run --plain --bin $< --env EXPECT_HARDWARE=1 -- unit-vmm
