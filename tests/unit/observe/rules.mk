# SPDX-License-Identifier: Apache-2.0
# Unit tests of runtime/observe and of what is made of it for people and Prometheus, under the sanitizers.
UNIT_OBSERVE_SRCS := $(OBSERVE_STATE_SRCS) $(OBSERVE_LOOK_SRCS) vmm/vm.c vmm/process/names.c \
	$(addprefix runtime/, cli/cli.c cli/text.c cli/observed.c cli/metrics_text.c cli/top_rates.c policy/parse.c policy/path.c) \
	$(addprefix tests/unit/observe/, test_main.c test_check.c test_state.c test_show.c)
UNIT_OBSERVE_DIR  := $(B)/tests/unit/observe
UNIT_OBSERVE_BIN  := $(UNIT_OBSERVE_DIR)/unit-observe
UNIT_OBSERVE_OBJS := $(patsubst %.c,$(UNIT_OBSERVE_DIR)/%.o,$(UNIT_OBSERVE_SRCS))
UNIT_OBSERVE_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(UNIT_OBSERVE_DIR)/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_OBSERVE_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_OBSERVE_BIN): $(UNIT_OBSERVE_OBJS)
	$(Q)$(CC) $(UNIT_OBSERVE_CFLAGS) $^ -o $@ -lcmocka -ljansson

UNIT_BINS += $(UNIT_OBSERVE_BIN)

.PHONY: unit-observe
unit-observe: $(UNIT_OBSERVE_BIN)
	$(Q)$<
