# SPDX-License-Identifier: Apache-2.0
# Fuzzers of the channel service (clang, libclang-rt-14-dev): make fuzz-channel FUZZ_SECONDS=30
FUZZ_CHANNEL_DIR  := $(B)/tests/fuzz/channel
FUZZ_CHANNEL_BINS := $(addprefix $(FUZZ_CHANNEL_DIR)/, fuzz_decode fuzz_service)
FUZZ_CHANNEL_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-Wno-unknown-warning-option # $(WARN) is $(CC)'s
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 30

$(FUZZ_CHANNEL_BINS): $(FUZZ_CHANNEL_DIR)/%: tests/fuzz/channel/%.c $(SERVICE_SRCS) \
		$(wildcard runtime/service/*.h kernel-shim/abi/chan*.h)
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_CHANNEL_CFLAGS) $< $(SERVICE_SRCS) -o $@ -pthread

# Of the launcher without an operating system.
FUZZ_METAL_BIN := $(FUZZ_CHANNEL_DIR)/fuzz_metal
$(FUZZ_METAL_BIN): tests/fuzz/channel/fuzz_metal.c runtime/metal/serve.c runtime/metal/box.h runtime/service/decode.c \
		runtime/service/gpa.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_CHANNEL_CFLAGS) $(filter %.c,$^) -o $@

# The corpora grow under the build directory; a finding stays there as crash-*.
.PHONY: fuzz-channel
fuzz-channel: $(FUZZ_CHANNEL_BINS) $(FUZZ_METAL_BIN)
	@mkdir -p $(addsuffix .corpus,$^)
	$(Q)for f in $^; do \
		"$$f" -max_total_time=$$(($(FUZZ_SECONDS) > 3 ? $(FUZZ_SECONDS) / 3 : 1)) -timeout=10 -max_len=4096 -verbosity=0 -print_final_stats=1 \
			-artifact_prefix="$$f." "$$f.corpus" || exit 1; \
	done
