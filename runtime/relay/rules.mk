# SPDX-License-Identifier: Apache-2.0
# build/sandbox-relay: what `sandbox serve --accept` starts inside the sandbox. Static, by musl: it may be the only file there.
RELAY_SRCS := $(addprefix runtime/relay/, main.c listener.c rest.c pass.c peer.c)
RELAY_OBJS := $(patsubst %,$(B)/musl/%.o,$(RELAY_SRCS))
RELAY_CFLAGS := -std=gnu11 -O2 -g $(WARN) -I. -D_GNU_SOURCE -fno-pie -MMD -MP

$(RELAY_OBJS): $(B)/musl/%.o: %
	@mkdir -p $(@D)
	$(Q)$(MUSL_CC) $(RELAY_CFLAGS) -c $< -o $@

$(B)/sandbox-relay: $(RELAY_OBJS)
	$(Q)$(MUSL_CC) -static -no-pie -Wl,-z,noexecstack $(RELAY_OBJS) -o $@
