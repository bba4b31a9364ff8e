# SPDX-License-Identifier: Apache-2.0
# The core's sources, compiled once for each home.
HOSTHOME_SRCS :=
HOSTHOME_ASM :=
GUEST_ONLY_SRCS :=
GUEST_SRCS :=
GUEST_ASM :=
CORE_ASM :=
include kernel-shim/core/rules.mk kernel-shim/mm/rules.mk kernel-shim/fs/rules.mk kernel-shim/net/rules.mk kernel-shim/ipc/rules.mk
include kernel-shim/home/host/rules.mk
include $(wildcard kernel-shim/home/guest/rules.mk)

CORE_SRCS := $(sort $(CORE_SRCS))

# Home host: the core without libc's headers, the home's own files with them.
HOSTHOME_OBJS := $(patsubst %,$(B)/host/%.o,$(CORE_SRCS) $(CORE_ASM) $(HOSTHOME_ASM))
HOSTHOME_HOME_OBJS := $(patsubst %,$(B)/%.o,$(HOSTHOME_SRCS))

$(B)/host/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTHOME_CFLAGS) -MMD -MP -c $< -o $@

$(B)/host/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) -I. -iquote kernel-shim -I$(B) -MMD -MP -c $< -o $@
