# SPDX-License-Identifier: Apache-2.0
# A fuzzer of the documents of images: make fuzz-manifest FUZZ_SECONDS=30
FUZZ_MANIFEST_DIR  := $(B)/tests/fuzz/manifest
FUZZ_MANIFEST_BIN  := $(FUZZ_MANIFEST_DIR)/fuzz_manifest
FUZZ_MANIFEST_SRCS := images/error.c images/digest.c images/hasher.c $(addprefix images/store/,document.c index.c name.c) \
	$(IMAGE_PARSE_SRCS) tests/fuzz/manifest/fuzz_manifest.c
FUZZ_MANIFEST_OBJS := $(patsubst %,$(FUZZ_MANIFEST_DIR)/%.o,$(FUZZ_MANIFEST_SRCS))

$(FUZZ_MANIFEST_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_MANIFEST_BIN): $(FUZZ_MANIFEST_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_ELF_SAN) $^ -o $@ -ljansson -lcrypto

.PHONY: fuzz-manifest
fuzz-manifest: $(FUZZ_MANIFEST_BIN)
	@mkdir -p $<.corpus && tests/fuzz/manifest/seeds $<.corpus
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=16384 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
