# SPDX-License-Identifier: Apache-2.0
# Unit tests of the VMX core: shadow paging, on a host and processors in software. The core is
# compiled as it is for bare metal, but for the sanitizers.
UNIT_VMX_DIR  := $(B)/tests/unit/vmx
UNIT_VMX_BIN  := $(UNIT_VMX_DIR)/unit-vmx-shadow
UNIT_VMX_CORE := $(sort $(wildcard vmm/vmx/core/shadow*.c)) vmm/vmx/core/memory.c
UNIT_VMX_MODEL := $(addprefix tests/unit/vmx/, cpu.c guest.c guest_crew.c guest_run.c host.c invariants.c machine.c \
	reference.c tables.c)
UNIT_VMX_TESTS := $(addprefix tests/unit/vmx/, main.c test_announce.c test_bounds.c test_host.c \
	test_random.c test_sync.c test_walk.c)
UNIT_VMX_OBJS := $(patsubst %.c,$(UNIT_VMX_DIR)/%.o,$(UNIT_VMX_CORE) $(UNIT_VMX_MODEL) $(UNIT_VMX_TESTS))
UNIT_VMX_SAN  := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_VMX_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_VMX_SAN) -MMD -MP -c $< -o $@

$(UNIT_VMX_BIN): $(UNIT_VMX_OBJS)
	$(Q)$(CC) $(UNIT_VMX_SAN) $^ -o $@ -lcmocka -pthread

# The random runs for SOAK_SECONDS, from SOAK_SEED on.
VMX_SOAK_BIN  := $(UNIT_VMX_DIR)/soak
VMX_SOAK_OBJS := $(patsubst %.c,$(UNIT_VMX_DIR)/%.o,$(UNIT_VMX_CORE) $(UNIT_VMX_MODEL) tests/unit/vmx/soak.c)
SOAK_SECONDS  ?= 30
SOAK_SEED     ?= 1000

$(VMX_SOAK_BIN): $(VMX_SOAK_OBJS)
	$(Q)$(CC) $(UNIT_VMX_SAN) $^ -o $@ -lcmocka -pthread

UNIT_BINS += $(UNIT_VMX_BIN)

.PHONY: unit-vmx soak-vmx
unit-vmx: $(UNIT_VMX_BIN)
	$(Q)$<
soak-vmx: $(VMX_SOAK_BIN)
	$(Q)$< $(SOAK_SECONDS) $(SOAK_SEED)
