# SPDX-License-Identifier: Apache-2.0
# A fuzzer of the shim's reader of images (clang, libclang-rt-14-dev): make fuzz-imagefs FUZZ_SECONDS=30
FUZZ_IMAGEFS_DIR  := $(B)/tests/fuzz/imagefs
FUZZ_IMAGEFS_BIN  := $(FUZZ_IMAGEFS_DIR)/fuzz_imagefs
FUZZ_IMAGEFS_OBJS := $(patsubst %,$(FUZZ_IMAGEFS_DIR)/%.o,kernel-shim/fs/erofs.c \
	tests/fuzz/imagefs/fuzz_imagefs.c)

$(FUZZ_IMAGEFS_DIR)/kernel-shim/%.c.o: kernel-shim/%.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOSTHOME_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_IMAGEFS_DIR)/tests/%.c.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_IMAGEFS_BIN): $(FUZZ_IMAGEFS_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_ELF_SAN) $^ -o $@

# Begins with an image of a few files that Debian's mkfs.erofs makes.
.PHONY: fuzz-imagefs
fuzz-imagefs: $(FUZZ_IMAGEFS_BIN)
	@rm -rf $<.tree && mkdir -p $<.corpus $<.tree/dir/deeper && ln -s dir/file $<.tree/link
	@echo small >$<.tree/dir/file && seq 3000 >$<.tree/large && ln $<.tree/large $<.tree/dir/same
	@for i in $$(seq 300); do : >$<.tree/dir/deeper/name-$$i; done; python3 -c "import os; os.setxattr(\"$<.tree/large\", \"user.key\", b\"value\")" || :
	@mkfs.erofs --quiet $<.corpus/seed $<.tree 2>/dev/null >&2 || mkfs.erofs $<.corpus/seed $<.tree >/dev/null
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=65536 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
