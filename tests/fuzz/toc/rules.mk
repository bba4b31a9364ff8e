# SPDX-License-Identifier: Apache-2.0
# A fuzzer of the tables of layers: make fuzz-toc FUZZ_SECONDS=30
FUZZ_TOC_DIR  := $(B)/tests/fuzz/toc
FUZZ_TOC_BIN  := $(FUZZ_TOC_DIR)/fuzz_toc
FUZZ_TOC_SRCS := images/error.c images/digest.c images/hasher.c $(IMAGE_PARSE_SRCS) $(IMAGE_STORE_SRCS) $(IMAGE_LAYER_SRCS) \
	tests/fuzz/toc/fuzz_toc.c
FUZZ_TOC_OBJS := $(patsubst %,$(FUZZ_TOC_DIR)/%.o,$(FUZZ_TOC_SRCS))

$(FUZZ_TOC_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_TOC_BIN): $(FUZZ_TOC_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_ELF_SAN) $^ -o $@ -larchive -lzstd -lz -lcrypto -ljansson

.PHONY: fuzz-toc
fuzz-toc: $(FUZZ_TOC_BIN)
	@mkdir -p $<.corpus && tests/fuzz/toc/seeds $<.corpus
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=32768 -rss_limit_mb=1024 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
