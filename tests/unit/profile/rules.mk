# SPDX-License-Identifier: Apache-2.0
# Unit tests of what sandbox-profile believes: records, names, ELF files; under the sanitizers.
UNIT_PROFILE_SRCS := $(PROFILE_LIB_SRCS) $(OBSERVE_SAMPLES_SRCS) tests/unit/profile/test_main.c
UNIT_PROFILE_DIR  := $(B)/tests/unit/profile
UNIT_PROFILE_BIN  := $(UNIT_PROFILE_DIR)/unit-profile
UNIT_PROFILE_ELF  := $(UNIT_PROFILE_DIR)/victim
UNIT_PROFILE_OBJS := $(patsubst %.c,$(UNIT_PROFILE_DIR)/%.o,$(UNIT_PROFILE_SRCS)) $(PROFILE_SCRIPT)
UNIT_PROFILE_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
	'-DVICTIM="$(abspath $(UNIT_PROFILE_ELF))"'

$(UNIT_PROFILE_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_PROFILE_CFLAGS) -MMD -MP -c $< -o $@

# A small ELF file to be damaged.
$(UNIT_PROFILE_ELF): tests/programs/hello.c
	@mkdir -p $(@D)
	$(Q)$(CC) -O1 -g0 -o $@ $<

$(UNIT_PROFILE_BIN): $(UNIT_PROFILE_OBJS) $(UNIT_PROFILE_ELF)
	$(Q)$(CC) $(UNIT_PROFILE_CFLAGS) $(UNIT_PROFILE_OBJS) -o $@ -lcmocka -ljansson -ldw -lelf

UNIT_BINS += $(UNIT_PROFILE_BIN)

.PHONY: unit-profile
unit-profile: $(UNIT_PROFILE_BIN)
	$(Q)$<
