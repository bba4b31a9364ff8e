# SPDX-License-Identifier: Apache-2.0
# Pipes, polling, /dev and /proc: the core's harness and objects with other tests.
UNIT_IO_BIN := $(B)/tests/unit/io/unit-io
UNIT_IO_GROUPS := '-DCORE_GROUPS(X)=X(pipe) X(poll) X(epoll) X(eventfd) X(proc) X(ipc)'
UNIT_IO_OWN := $(patsubst %,$(UNIT_CORE_DIR)/%.o,$(sort $(wildcard tests/unit/io/*.c)))
# As linked into unit-core, but for its tests and its main.
UNIT_IO_SHARED := $(filter-out %/main.c.o $(UNIT_CORE_DIR)/tests/unit/core/test_%,$(UNIT_CORE_OBJS))
UNIT_IO_OBJS := $(UNIT_IO_OWN) $(UNIT_IO_SHARED) $(B)/tests/unit/io/main.c.o

$(B)/tests/unit/io/main.c.o: tests/unit/core/main.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -Ikernel-shim $(UNIT_CORE_SAN) $(UNIT_IO_GROUPS) -MMD -MP -c $< -o $@

$(UNIT_IO_OWN): UNIT_CORE_SAN += $(UNIT_IO_GROUPS)

$(UNIT_IO_BIN): $(UNIT_IO_OBJS)
	$(Q)$(CC) $(UNIT_CORE_SAN) -pie $^ -o $@ -Wl,--wrap=tty_foreground_pgrp -lcmocka -pthread

UNIT_BINS += $(UNIT_IO_BIN)
