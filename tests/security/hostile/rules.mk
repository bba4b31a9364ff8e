# SPDX-License-Identifier: Apache-2.0
# Guests whose ring 0 is hostile, on a backend with a ring 0 of its own, by hand and for as long as wanted:
# hostile BACKEND SEED ROUNDS. Not in Bochs, which holds interrupts back from a guest that loops with IF clear: there
# the metal tests have their own (vmm/vmx/metal/test_hostile.c).
HOSTILE_DIR  := $(B)/tests/security/hostile
HOSTILE_BIN  := $(HOSTILE_DIR)/hostile
HOSTILE_OBJS := $(HOSTILE_DIR)/hostile.o $(HOSTILE_DIR)/guest.o $(patsubst %,$(B)/%.o,$(VMM_SRCS))

$(HOSTILE_DIR)/%.o: HOST_CFLAGS += '-DHOSTILE_BACKENDS=&vm_kvm_ops, &vm_vmx_ops'
$(HOSTILE_DIR)/%.o: tests/security/hostile/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

.PHONY: hostile
hostile: $(HOSTILE_BIN)
$(HOSTILE_BIN): $(HOSTILE_OBJS)
	$(Q)$(CC) -pie -pthread $^ -o $@
