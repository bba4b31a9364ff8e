# SPDX-License-Identifier: Apache-2.0
# `make bench` compares times with native and with peers; `make check-counts` compares what can be counted.
# BENCH_ARGS: see tests/bench/run --help.

BENCH_OUT := $(B)/bench

BENCH_CC := $(CC) -std=gnu11 -O2 $(WARN) -I. -D_GNU_SOURCE -pthread -static

$(BENCH_OUT)/micro: tests/bench/micro.c tests/bench/micro_wait.c tests/bench/micro.h tests/bench/marks.h
	@mkdir -p $(@D)
	$(Q)$(BENCH_CC) -o $@ $(filter %.c,$^)

$(BENCH_OUT)/scale: tests/bench/scale.c
	@mkdir -p $(@D)
	$(Q)$(BENCH_CC) -o $@ $<

# The sandbox with a backend that counts, and without its command line.
STEPS_OBJS := $(filter-out $(B)/runtime/cli/%,$(SANDBOX_OBJS)) $(BENCH_OUT)/steps.c.o \
	$(BENCH_OUT)/profile.c.o

$(BENCH_OUT)/%.c.o: tests/bench/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(BENCH_OUT)/steps: $(STEPS_OBJS)
	$(Q)$(CC) -pie -pthread $(STEPS_OBJS) $(HOST_LIBS) -o $@

$(BENCH_OUT)/hello: tests/programs/hello.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -static -MMD -MP -o $@ $<

# Where instructions can be counted, the backends' own paths: tests/emulated/rules.mk.
EXIT_PATHS_OBJS := $(BENCH_OUT)/exit_paths.c.o $(patsubst %,$(B)/%.o,$(VMM_SRCS))
$(BENCH_OUT)/exit_paths.c.o: HOST_CFLAGS += '-DEXIT_PATHS_BACKENDS=&vm_kvm_ops, &vm_vmx_ops'
$(BENCH_OUT)/exit_paths: $(EXIT_PATHS_OBJS)
	$(Q)$(CC) -pie -pthread $^ -o $@

.PHONY: bench bench-programs check-counts
bench-programs: $(BENCH_OUT)/micro $(BENCH_OUT)/scale $(BENCH_OUT)/hello $(BENCH_OUT)/steps
	@mkdir -p $(BENCH_OUT)/scratch

bench: bench-programs $(B)/sandbox
	$(Q)B=$(B) tests/bench/run $(BENCH_ARGS)

check-counts: bench-programs $(B)/sandbox
	$(Q)B=$(B) /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/bench

# What each way of trapping a system call costs here.
$(B)/bench/traps: tests/bench/traps.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -D_GNU_SOURCE -MMD -MP -o $@ $<

.PHONY: bench-traps
bench-traps: $(B)/bench/traps
	$(Q)$<

# The image tool against its peers, on a tree of 500 MiB.
.PHONY: bench-images
bench-images: all $(BENCH_OUT)/hello
	$(Q)SANDBOX_BIN=$(abspath $(B))/sandbox tests/bench/images $(BENCH_ARGS)

# What being looked at costs: top, metrics, trace --host, profile.
.PHONY: bench-overhead
bench-overhead: all bench-programs
	$(Q)B=$(B) tests/bench/overhead $(BENCH_ARGS)

# Cold starts by the library, against native ones.
$(BENCH_OUT)/sdk-start: $(BENCH_OUT)/sdk_start.c.o $(B)/libsandbox.so
	$(Q)$(CC) -pie -pthread $< -o $@ -L$(B) -lsandbox -Wl,-rpath,'$$ORIGIN/..'

.PHONY: bench-sdk
bench-sdk: all $(BENCH_OUT)/sdk-start $(BENCH_OUT)/hello
	$(Q)$(BENCH_OUT)/sdk-start $(abspath $(BENCH_OUT))/hello

# Clones of a template against starts: the time to a program's first answer, and memory.
.PHONY: bench-clones
bench-clones: all
	$(Q)SANDBOX_BIN=$(abspath $(B))/sandbox tests/bench/clones $(BENCH_ARGS)
