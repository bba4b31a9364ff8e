# SPDX-License-Identifier: Apache-2.0
# The VFS, tmpfs and hostfs: the core's harness and objects with other tests, and the real channel
# service on a temporary directory.
UNIT_FS_BIN := $(B)/tests/unit/fs/unit-fs
UNIT_FS_GROUPS := '-DCORE_GROUPS(X)=X(namei) X(open) X(rename) X(perm) X(tmpfs) X(locks) X(files) X(hostfs)'
UNIT_FS_OWN := $(patsubst %,$(UNIT_CORE_DIR)/%.o,$(sort $(wildcard tests/unit/fs/*.c)))
UNIT_FS_SHARED := $(filter-out %/main.c.o $(UNIT_CORE_DIR)/tests/unit/core/test_%,$(UNIT_CORE_OBJS))
UNIT_FS_SERVICE := $(patsubst %.c,$(B)/tests/unit/service/%.o,$(SERVICE_SRCS))
UNIT_FS_OBJS := $(UNIT_FS_OWN) $(UNIT_FS_SHARED) $(UNIT_FS_SERVICE) $(B)/tests/unit/fs/main.c.o

$(B)/tests/unit/fs/main.c.o: tests/unit/core/main.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -Ikernel-shim $(UNIT_CORE_SAN) $(UNIT_FS_GROUPS) -MMD -MP -c $< -o $@

$(UNIT_FS_OWN): UNIT_CORE_SAN += $(UNIT_FS_GROUPS)

$(UNIT_FS_BIN): $(UNIT_FS_OBJS)
	$(Q)$(CC) $(UNIT_CORE_SAN) -pie $^ -o $@ -Wl,--wrap=tty_foreground_pgrp -lcmocka -pthread

UNIT_BINS += $(UNIT_FS_BIN)

.PHONY: unit-fs
unit-fs: $(UNIT_FS_BIN)
	$(Q)$<
