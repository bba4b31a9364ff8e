# SPDX-License-Identifier: Apache-2.0
# Guests whose ring 0 is hostile, through a backend with a ring 0 of its own: `hostile kvm|vmx`, for as long as wanted.
# `make check-vmx` and `make hostile-vmx` run it in Bochs, without what clears IF: a guest that loops so is not interrupted
# there. On metal the same guests are tests of the core (vmm/vmx/metal/test_hostile.c).
HOSTILE_DIR  := tests/security/hostile
HOSTILE_BIN  := $(B)/$(HOSTILE_DIR)/hostile
HOSTILE_OBJS := $(patsubst %,$(B)/%.o,$(VMM_SRCS) vmm/vmx/guest/hostile.c vmm/vmx/guest/image.c \
	$(addprefix $(HOSTILE_DIR)/,device.c guest.c host.c kicks.c life.c main.c neighbour.c))

.PHONY: hostile
hostile: $(HOSTILE_BIN)
$(HOSTILE_BIN): $(HOSTILE_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -pthread $^ -o $@
