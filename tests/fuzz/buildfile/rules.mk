# SPDX-License-Identifier: Apache-2.0
# A fuzzer of build files: make fuzz-buildfile FUZZ_SECONDS=30
FUZZ_BUILDFILE_DIR  := $(B)/tests/fuzz/buildfile
FUZZ_BUILDFILE_BIN  := $(FUZZ_BUILDFILE_DIR)/fuzz_buildfile
FUZZ_BUILDFILE_SRCS := images/error.c $(addprefix images/pack/,buildfile.c elf.c expand.c words.c) \
	tests/fuzz/buildfile/fuzz_buildfile.c
FUZZ_BUILDFILE_OBJS := $(patsubst %,$(FUZZ_BUILDFILE_DIR)/%.o,$(FUZZ_BUILDFILE_SRCS))

$(FUZZ_BUILDFILE_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_BUILDFILE_BIN): $(FUZZ_BUILDFILE_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_ELF_SAN) $^ -o $@ -ljansson

# Begins with a file that has every instruction, and a program for the other parser of pack/.
.PHONY: fuzz-buildfile
fuzz-buildfile: $(FUZZ_BUILDFILE_BIN)
	@mkdir -p $<.corpus
	@cp tests/fuzz/buildfile/seed $<.corpus/seed
	@printf 'int main(void) { return 0; }' | $(CC) -x c - -o $<.elf -Wl,-rpath,'$$ORIGIN/../lib' -s && \
		{ printf '\177'; cat $<.elf; } >$<.corpus/seed-elf
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=16384 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
