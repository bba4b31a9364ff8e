# SPDX-License-Identifier: Apache-2.0
# A fuzzer of execve's file formats (clang, libclang-rt-14-dev): make fuzz-elf FUZZ_SECONDS=30
FUZZ_ELF_DIR  := $(B)/tests/fuzz/elf
FUZZ_ELF_BIN  := $(FUZZ_ELF_DIR)/fuzz_exec
FUZZ_ELF_SAN  := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-Wno-unknown-warning-option # $(WARN) is $(CC)'s
FUZZ_ELF_SRCS := $(UNIT_MM_CORE) tests/unit/mm/fake.c tests/fuzz/elf/fuzz_exec.c
FUZZ_ELF_OBJS := $(patsubst %,$(FUZZ_ELF_DIR)/%.o,$(FUZZ_ELF_SRCS)) $(B)/host/kernel-shim/vdso/image.S.o
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 30

$(FUZZ_ELF_DIR)/kernel-shim/%.c.o: kernel-shim/%.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOSTHOME_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_ELF_DIR)/tests/%.c.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_ELF_SAN) -MMD -MP -c $< -o $@

$(FUZZ_ELF_BIN): $(FUZZ_ELF_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_ELF_SAN) $^ -o $@

# Begins with a real program and a script; the corpus grows under the build directory.
.PHONY: fuzz-elf
fuzz-elf: $(FUZZ_ELF_BIN)
	@mkdir -p $<.corpus
	@cp $(VDSO) $<.corpus/seed-shared && printf '#! /ld  arg \n' >$<.corpus/seed-script
	@printf 'int main(void) { return 0; }' | $(CC) -x c -O1 -static -nostartfiles -nostdlib \
		-Wl,-e,main,-z,noseparate-code - -o $<.corpus/seed-static
	@printf 'int main(void) { return 0; }' | $(CC) -x c -O1 -fPIE -pie -nostartfiles -nostdlib \
		-Wl,-e,main,-z,noseparate-code,-dynamic-linker,/ld - -o $<.corpus/seed-dynamic
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=16384 -verbosity=0 \
		-print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
