# SPDX-License-Identifier: Apache-2.0
# The core under the sanitizers, with programs that are C functions. heap.c stands for mm/slab.c.
UNIT_CORE_DIR := $(B)/tests/unit/core
UNIT_CORE_BIN := $(UNIT_CORE_DIR)/unit-core
# File systems: all of them or none, as long as they are being written. absent.c is weak.
UNIT_CORE_HAS_FS := $(and $(filter %/namei.c,$(CORE_SRCS)),$(filter %/procfs.c,$(CORE_SRCS)))
UNIT_CORE_NO_FS := $(filter-out %/exec.c %/exec_script.c %/exec_stack.c %/elf.c,$(filter \
	kernel-shim/core/% kernel-shim/mm/% $(addprefix kernel-shim/sys/,clone.c cred.c dispatch.c \
	futex.c info.c mlock.c mmap.c process.c rlimit.c sched.c signal.c time.c trace.c wait.c), \
	$(CORE_SRCS)))
UNIT_CORE_SHIM := $(filter-out kernel-shim/mm/slab.c, \
	$(if $(UNIT_CORE_HAS_FS),$(CORE_SRCS),$(UNIT_CORE_NO_FS)))
UNIT_CORE_OWN := $(sort $(wildcard tests/unit/core/*.c)) \
	$(addprefix kernel-shim/home/host/,platform.c cpu.c soft_copy.c sample.c sample_file.c sample_writer.c sample_stack.c)
UNIT_CORE_OBJS := $(patsubst %,$(UNIT_CORE_DIR)/%.o,$(UNIT_CORE_SHIM) $(UNIT_CORE_OWN) \
	kernel-shim/home/host/switch.S $(if $(UNIT_CORE_HAS_FS),$(CORE_ASM)))
UNIT_CORE_SAN := -O1 -DSHIM_CHECKS -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all $(UNIT_COV)

$(UNIT_CORE_DIR)/kernel-shim/home/%.c.o: kernel-shim/home/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_CORE_SAN) -MMD -MP -c $< -o $@

$(UNIT_CORE_DIR)/tests/%.c.o: tests/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_CORE_SAN) -MMD -MP -c $< -o $@

$(UNIT_CORE_DIR)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOSTHOME_CFLAGS) $(UNIT_CORE_SAN) -MMD -MP -c $< -o $@

$(UNIT_CORE_DIR)/%.S.o: %.S
	@mkdir -p $(@D)
	$(Q)$(CC) -I. -iquote kernel-shim -I$(B) -MMD -MP -c $< -o $@

$(UNIT_CORE_DIR)/kernel-shim/vdso/image.S.o: $(VDSO)

$(UNIT_CORE_BIN): $(UNIT_CORE_OBJS)
	$(Q)$(CC) $(UNIT_CORE_SAN) -pie $^ -o $@ -Wl,--wrap=tty_foreground_pgrp -lcmocka -pthread

UNIT_BINS += $(UNIT_CORE_BIN)

.PHONY: unit-core
unit-core: $(UNIT_CORE_BIN)
	$(Q)$<
