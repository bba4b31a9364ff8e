# SPDX-License-Identifier: Apache-2.0
# Unit tests of what sandbox-profile believes: records, names, ELF files; under the sanitizers, but for its limits.
UNIT_PROFILE_SRCS := $(PROFILE_LIB_SRCS) $(OBSERVE_SAMPLES_SRCS) runtime/profile/output.c runtime/cli/whole.c \
	$(addprefix tests/unit/profile/, test_main.c test_output.c frames.c)
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

UNIT_PROFILE_LIMITS_BIN  := $(UNIT_PROFILE_DIR)/unit-profile-limits
UNIT_PROFILE_LIMITS_OBJS := $(patsubst %.c,$(UNIT_PROFILE_DIR)/limits/%.o,$(addprefix runtime/profile/, elf_file.c limits.c) \
	$(addprefix tests/unit/profile/, test_limits.c frames.c))

$(UNIT_PROFILE_DIR)/limits/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(filter-out $(SAN),$(HOST_CFLAGS)) -O1 -MMD -MP -c $< -o $@

$(UNIT_PROFILE_LIMITS_BIN): $(UNIT_PROFILE_LIMITS_OBJS)
	$(Q)$(CC) $^ -o $@ -lcmocka -ldw -lelf

UNIT_BINS += $(UNIT_PROFILE_BIN) $(UNIT_PROFILE_LIMITS_BIN)

.PHONY: unit-profile
unit-profile: $(UNIT_PROFILE_BIN) $(UNIT_PROFILE_LIMITS_BIN)
	$(Q)$(UNIT_PROFILE_BIN) && $(UNIT_PROFILE_LIMITS_BIN)
