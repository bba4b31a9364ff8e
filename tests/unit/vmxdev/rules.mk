# SPDX-License-Identifier: Apache-2.0
# Backend vmx in the launcher, against a made-up device.
UNIT_VMXDEV_DIR  := $(B)/tests/unit/vmxdev
UNIT_VMXDEV_BIN  := $(UNIT_VMXDEV_DIR)/unit-vmxdev
UNIT_VMXDEV_OBJS := $(patsubst %.c,$(UNIT_VMXDEV_DIR)/%.o,vmm/kick.c vmm/permission.c \
	$(addprefix vmm/vmx/user/, again.c device.c ops.c run.c vcpu.c) $(addprefix tests/unit/vmxdev/, device.c main.c))
UNIT_VMXDEV_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_VMXDEV_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_VMXDEV_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_VMXDEV_BIN): $(UNIT_VMXDEV_OBJS)
	$(Q)$(CC) $(UNIT_VMXDEV_CFLAGS) $^ -o $@ -lcmocka -pthread

UNIT_BINS += $(UNIT_VMXDEV_BIN)

.PHONY: unit-vmxdev
unit-vmxdev: $(UNIT_VMXDEV_BIN)
	$(Q)$<
