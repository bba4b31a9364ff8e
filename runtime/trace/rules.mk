# SPDX-License-Identifier: Apache-2.0
# build/sandbox-trace: what `sandbox trace` starts, with libbpf. Its kernel part is compiled for BPF and lies in the
# program as a skeleton; what it needs of the kernel's structures it finds in the BTF of the one that runs (CO-RE).
BPF_CLANG ?= clang
BPFTOOL   ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/bin/bpftool /sbin/bpftool) bpftool)
TRACE_SRCS := $(addprefix runtime/trace/, main.c print.c) $(OBSERVE_STATE_SRCS) $(OBSERVE_LOOK_SRCS) vmm/vm.c vmm/process/names.c \
	$(addprefix runtime/,cli/cli.c cli/text.c policy/parse.c policy/path.c)
TRACE_OBJS := $(patsubst %,$(B)/%.o,$(TRACE_SRCS))
TRACE_SKEL := $(B)/runtime/trace/host.skel.h

$(B)/runtime/trace/host.bpf.o: runtime/trace/host.bpf.c runtime/trace/event.h
	@mkdir -p $(@D)
	$(Q)$(BPF_CLANG) -O2 -g -target bpf -Wall -Werror -D__TARGET_ARCH_x86 -I. -idirafter /usr/include/$(shell uname -m)-linux-gnu \
		-c $< -o $@

$(TRACE_SKEL): $(B)/runtime/trace/host.bpf.o
	$(Q)$(BPFTOOL) gen skeleton $< name host_bpf >$@.new && mv $@.new $@

$(B)/runtime/trace/main.c.o: $(TRACE_SKEL)
$(B)/runtime/trace/main.c.o: HOST_CFLAGS += -isystem $(B)/runtime/trace

$(B)/sandbox-trace: $(TRACE_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(TRACE_OBJS) -lbpf -lseccomp -ljansson -o $@
