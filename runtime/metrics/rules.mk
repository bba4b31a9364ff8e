# SPDX-License-Identifier: Apache-2.0
# build/sandbox-metrics: what `sandbox metrics --listen` starts, with libmicrohttpd.
METRICS_SRCS := runtime/metrics/main.c $(OBSERVE_STATE_SRCS) $(OBSERVE_LOOK_SRCS) vmm/vm.c vmm/process/names.c \
	$(addprefix runtime/,cli/address.c cli/cli.c cli/text.c cli/observed.c cli/metrics_text.c policy/parse.c policy/path.c)
METRICS_OBJS := $(patsubst %,$(B)/%.o,$(METRICS_SRCS))

$(B)/sandbox-metrics: $(METRICS_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack $(METRICS_OBJS) -lmicrohttpd -ljansson -o $@
