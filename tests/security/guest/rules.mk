# SPDX-License-Identifier: Apache-2.0
# Hostile programs, run in the real sandbox: `make security-guest`, for longer by FUZZ_SECONDS and FUZZ_SEED.
SEC_GUEST_DIR    := $(B)/tests/security/guest
SEC_GUEST_BINS   := $(SEC_GUEST_DIR)/fuzz $(SEC_GUEST_DIR)/hostile
SEC_GUEST_CFLAGS := -std=gnu11 -O2 -g $(WARN) -I. -fno-pie -pthread -fcf-protection=none

$(SEC_GUEST_DIR)/%.o: tests/security/guest/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(SEC_GUEST_CFLAGS) -MMD -MP -c $< -o $@

$(SEC_GUEST_DIR)/fuzz: $(addprefix $(SEC_GUEST_DIR)/, main.o arguments.o children.o racer.o stub.o world.o)
	$(Q)$(CC) -static -no-pie -pthread $^ -o $@

$(SEC_GUEST_DIR)/hostile: $(addprefix $(SEC_GUEST_DIR)/, hostile.o stub.o)
	$(Q)$(CC) -static -no-pie $^ -o $@

.PHONY: security-guest
security-guest: $(SEC_GUEST_BINS) $(B)/sandbox asan-sandbox
	$(Q)B=$(B) /usr/bin/python3 tests/security/guest/run.py
