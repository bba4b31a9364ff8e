# SPDX-License-Identifier: Apache-2.0
# Sockets: the core's harness and objects with other tests.
UNIT_NET_BIN := $(B)/tests/unit/net/unit-net
UNIT_NET_GROUPS := '-DCORE_GROUPS(X)=X(local) X(rights) X(inet)'
UNIT_NET_OWN := $(patsubst %,$(UNIT_CORE_DIR)/%.o,$(sort $(wildcard tests/unit/net/*.c)))
# As linked into unit-core, but for its tests and its main.
UNIT_NET_SHARED := $(filter-out %/main.c.o $(UNIT_CORE_DIR)/tests/unit/core/test_%,$(UNIT_CORE_OBJS))
UNIT_NET_OBJS := $(UNIT_NET_OWN) $(UNIT_NET_SHARED) $(B)/tests/unit/net/main.c.o

$(B)/tests/unit/net/main.c.o: tests/unit/core/main.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -Ikernel-shim $(UNIT_CORE_SAN) $(UNIT_NET_GROUPS) -MMD -MP -c $< -o $@

$(UNIT_NET_OWN): UNIT_CORE_SAN += $(UNIT_NET_GROUPS)

$(UNIT_NET_BIN): $(UNIT_NET_OBJS)
	$(Q)$(CC) $(UNIT_CORE_SAN) -pie $^ -o $@ -Wl,--wrap=tty_foreground_pgrp -lcmocka -pthread

UNIT_BINS += $(UNIT_NET_BIN)
