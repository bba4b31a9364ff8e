# SPDX-License-Identifier: Apache-2.0
# Guests whose ring 0 is hostile, on a backend with a ring 0 of its own: run in an emulated machine
# (tests/emulated/rules.mk), by hand for hours: hostile BACKEND SEED ROUNDS.
HOSTILE_DIR  := $(B)/tests/security/hostile
HOSTILE_BIN  := $(HOSTILE_DIR)/hostile
HOSTILE_OBJS := $(HOSTILE_DIR)/hostile.o $(HOSTILE_DIR)/guest.o $(patsubst %,$(B)/%.o,$(VMM_SRCS))

$(HOSTILE_DIR)/%.o: HOST_CFLAGS += '-DHOSTILE_BACKENDS=&vm_kvm_ops, &vm_vmx_ops'
$(HOSTILE_DIR)/%.o: tests/security/hostile/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(HOSTILE_BIN): $(HOSTILE_OBJS)
	$(Q)$(CC) -pie -pthread $^ -o $@
