# SPDX-License-Identifier: Apache-2.0
# A fuzzer of job files and of what steps print (clang, libclang-rt-14-dev): make fuzz-jobfile FUZZ_SECONDS=30
FUZZ_JOBFILE_DIR  := $(B)/tests/fuzz/jobfile
FUZZ_JOBFILE_BIN  := $(FUZZ_JOBFILE_DIR)/fuzz_jobfile
FUZZ_JOBFILE_SAN  := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-Wno-unknown-warning-option # $(WARN) is $(CC)'s
FUZZ_JOBFILE_SRCS := $(IMAGE_JOB_PARSE_SRCS) images/job/lines.c images/error.c runtime/policy/parse.c runtime/policy/path.c \
	tests/fuzz/jobfile/fuzz_jobfile.c
FUZZ_JOBFILE_OBJS := $(patsubst %,$(FUZZ_JOBFILE_DIR)/%.o,$(FUZZ_JOBFILE_SRCS))
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 30

$(FUZZ_JOBFILE_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(FUZZ_CC) $(HOST_CFLAGS) $(FUZZ_JOBFILE_SAN) -MMD -MP -c $< -o $@

$(FUZZ_JOBFILE_BIN): $(FUZZ_JOBFILE_OBJS)
	$(Q)$(FUZZ_CC) $(FUZZ_JOBFILE_SAN) $^ -lyaml -o $@

# Begins with the example of every key; the corpus grows under the build directory.
.PHONY: fuzz-jobfile
fuzz-jobfile: $(FUZZ_JOBFILE_BIN)
	@mkdir -p $<.corpus
	@cp tests/fuzz/jobfile/seed.yml $<.corpus/seed-all
	@printf 'matrix: {a: [1, 2]}\nsteps: [{run: "$${{ matrix.a }}"}]\n' >$<.corpus/seed-matrix
	@printf 'a\rb\033[31mred\033[2J\033]0;title\007\303\244\n' >$<.corpus/seed-output
	$(Q)"$<" -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=8192 -rss_limit_mb=1024 -verbosity=0 \
		-dict=tests/fuzz/jobfile/keys.dict -print_final_stats=1 -artifact_prefix="$<." "$<.corpus"
