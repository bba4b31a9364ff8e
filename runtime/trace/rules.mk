# SPDX-License-Identifier: Apache-2.0
# build/sandbox-trace: what `sandbox trace` starts, with libbpf. Its kernel part is compiled for BPF and lies in the
# program as a skeleton; what it needs of the kernel's structures it finds in the BTF of the one that runs (CO-RE).
BPF_CLANG ?= clang
BPFTOOL   ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool /sbin/bpftool) bpftool)
TRACE_SRCS := $(addprefix runtime/trace/, main.c kernel.c calls.c follow.c latency_groups.c histogram.c histogram_print.c join.c print.c) $(OBSERVE_STATE_SRCS) $(OBSERVE_LOOK_SRCS) vmm/vm.c vmm/process/names.c \
	$(addprefix runtime/,cli/cli.c cli/text.c policy/parse.c policy/path.c)
TRACE_OBJS := $(patsubst %,$(B)/%.o,$(TRACE_SRCS))
TRACE_SKELS := $(addprefix $(B)/runtime/trace/, host.skel.h latency.skel.h)

$(B)/runtime/trace/%.bpf.o: runtime/trace/%.bpf.c runtime/trace/event.h runtime/trace/latency.h runtime/trace/target.bpf.h
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) -O2 -g -target bpf -Wall -Werror -D__TARGET_ARCH_x86 -I. -idirafter /usr/include/$(shell uname -m)-linux-gnu \
		-c $< -o $@

$(TRACE_SKELS): $(B)/runtime/trace/%.skel.h: $(B)/runtime/trace/%.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf >$@.new && mv $@.new $@

TRACE_SKEL_OBJS := $(B)/runtime/trace/calls.c.o $(B)/runtime/trace/latency_groups.c.o
$(TRACE_SKEL_OBJS): $(TRACE_SKELS)
$(TRACE_SKEL_OBJS): HOST_CFLAGS += -isystem $(B)/runtime/trace

$(B)/sandbox-trace: $(TRACE_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(TRACE_OBJS) -lbpf -lseccomp -ljansson -o $@
