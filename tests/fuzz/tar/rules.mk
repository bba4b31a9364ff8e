# SPDX-License-Identifier: Apache-2.0
# A fuzzer of layers: make fuzz-tar FUZZ_SECONDS=30
FUZZ_TAR_DIR  := $(B)/tests/fuzz/tar
FUZZ_TAR_BIN  := $(FUZZ_TAR_DIR)/fuzz_tar
FUZZ_TAR_SRCS := images/error.c images/digest.c images/hasher.c $(IMAGE_PARSE_SRCS) $(IMAGE_STORE_SRCS) $(IMAGE_LAYER_SRCS) \
	tests/fuzz/tar/fuzz_tar.c
FUZZ_TAR_OBJS := $(patsubst %,$(FUZZ_TAR_DIR)/%.o,$(FUZZ_TAR_SRCS))

$(FUZZ_TAR_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_TAR_BIN): $(FUZZ_TAR_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_ELF_SAN) $^ -o $@ -larchive -lzstd -lz -lcrypto -ljansson

.PHONY: fuzz-tar
fuzz-tar: $(FUZZ_TAR_BIN)
	@mkdir -p $<.corpus && tests/fuzz/tar/seeds $<.corpus
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=32768 -rss_limit_mb=1024 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
