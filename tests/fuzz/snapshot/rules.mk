# SPDX-License-Identifier: Apache-2.0
# A fuzzer of snapshots (clang, libclang-rt-14-dev): make fuzz-snapshot FUZZ_SECONDS=30
FUZZ_SNAPSHOT_DIR  := $(B)/tests/fuzz/snapshot
FUZZ_SNAPSHOT_BIN  := $(FUZZ_SNAPSHOT_DIR)/fuzz_snapshot
FUZZ_SNAPSHOT_SAN  := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-Wno-unknown-warning-option # $(WARN) is $(CC)'s
FUZZ_SNAPSHOT_SRCS := $(SERVICE_SRCS) $(filter-out %/coder.c,$(SNAPSHOT_SRCS)) runtime/launch/snapshot_config.c \
	tests/fuzz/snapshot/fuzz_snapshot.c
FUZZ_SNAPSHOT_OBJS := $(patsubst %,$(FUZZ_SNAPSHOT_DIR)/%.o,$(FUZZ_SNAPSHOT_SRCS))
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 30

$(FUZZ_SNAPSHOT_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_SNAPSHOT_SAN) -MMD -MP -c $< -o $@

$(FUZZ_SNAPSHOT_BIN): $(FUZZ_SNAPSHOT_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_SNAPSHOT_SAN) $^ -pthread -o $@

.PHONY: fuzz-snapshot
fuzz-snapshot: $(FUZZ_SNAPSHOT_BIN)
	@mkdir -p $<.corpus
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=32768 -rss_limit_mb=2048 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
