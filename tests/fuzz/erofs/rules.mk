# SPDX-License-Identifier: Apache-2.0
# A fuzzer of the host's reader of flat images (clang): make fuzz-erofs FUZZ_SECONDS=30
FUZZ_EROFS_DIR  := $(B)/tests/fuzz/erofs
FUZZ_EROFS_BIN  := $(FUZZ_EROFS_DIR)/fuzz_erofs
FUZZ_EROFS_SAN  := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-Wno-unknown-warning-option # $(WARN) is $(CC)'s
FUZZ_EROFS_SRCS := $(FLAT_READER_SRCS) images/error.c tests/unit/flat/read_all.c tests/fuzz/erofs/fuzz_erofs.c
FUZZ_EROFS_OBJS := $(patsubst %,$(FUZZ_EROFS_DIR)/%.o,$(FUZZ_EROFS_SRCS))

$(FUZZ_EROFS_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_EROFS_SAN) -MMD -MP -c $< -o $@

$(FUZZ_EROFS_BIN): $(FUZZ_EROFS_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_EROFS_SAN) $^ -o $@

# Begins with images that the writer makes of two small trees; the corpus grows under the build directory.
.PHONY: fuzz-erofs
fuzz-erofs: $(FUZZ_EROFS_BIN) $(FLATTEN_TREE)
	@rm -rf $<.tree && mkdir -p $<.corpus $<.tree/dir/sub && echo content >$<.tree/dir/file && ln -s dir/file $<.tree/link
	@$(FLATTEN_TREE) $<.tree $<.corpus/seed-small
	@ln $<.tree/dir/file $<.tree/hard && truncate -s 100000 $<.tree/holes && printf x >>$<.tree/holes && mkfifo $<.tree/fifo
	@head -c 9000 $(FLATTEN_TREE) >$<.tree/blocks && for i in $$(seq 200); do : >$<.tree/dir/sub/a-long-name-$$i; done
	@$(FLATTEN_TREE) $<.tree $<.corpus/seed-all
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=65536 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
