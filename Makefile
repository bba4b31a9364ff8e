# SPDX-License-Identifier: Apache-2.0
# One Makefile; each folder lists its sources in its rules.mk. Everything built goes under $(B).

B       ?= build
ifeq ($(origin CC),default)
CC      := gcc
endif
MUSL_CC ?= musl-gcc
V       ?= 0
Q       := $(if $(filter 1,$(V)),,@)
PREFIX  ?= /usr/local
DESTDIR ?=

WARN_GCC := -Wlogical-op -Wduplicated-cond -Wduplicated-branches
# Handlers in a table share a signature, and few use all of it: no -Wunused-parameter.
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wvla -Wformat=2 -Wimplicit-fallthrough -Wconversion -Wsign-conversion \
	-Wno-unused-parameter $(if $(findstring clang,$(CC)),,$(WARN_GCC))
OPT  ?= -O2 -g
# Of a build of its own with sanitizers, under another $(B): see tests/security/asan.
SAN      ?=
SAN_SRCS ?=
# Of another one that counts which lines of the core run: see tests/coverage.
COV      ?=
# Host side: launcher, service, backends.
HOST_CFLAGS := -std=gnu11 $(OPT) $(WARN) -I. -iquote kernel-shim -iquote kernel-shim/home/host -D_GNU_SOURCE -fvisibility=hidden -fstack-protector-strong \
	-D_FORTIFY_SOURCE=2 -fPIE -pthread $(SAN)
HOST_LIBS   := -lseccomp -ljansson -lcap -pthread
# The shim's core: freestanding, no libc. -mgeneral-regs-only: the program's vector registers stay
# where they are while the shim runs.
CORE_CFLAGS := -std=gnu11 $(OPT) $(WARN) -I. -iquote kernel-shim -I$(B) -ffreestanding -fno-builtin -fno-stack-protector \
	-fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables
# In ring 0 small is fast enough: no room between functions and before loops.
GUEST_CFLAGS := $(CORE_CFLAGS) -iquote kernel-shim/home/guest -mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fno-pic -fno-pie \
	-falign-functions=1 -falign-loops=1 $(if $(findstring clang,$(CC)),,-falign-jumps=1) -fcf-protection=none -U_FORTIFY_SOURCE
HOSTHOME_CFLAGS := $(CORE_CFLAGS) -iquote kernel-shim/home/host -fvisibility=hidden -fPIE $(SAN) $(COV)

.PHONY: all clean install uninstall check conformance unit security check-emulated deps help
all: $(B)/sandbox $(B)/sandbox-image $(B)/sandbox-trace $(B)/sandbox-metrics $(B)/sandbox-profile $(B)/sandbox-relay

# Lists that the folders fill.
SANDBOX_SRCS :=
CORE_SRCS :=
UNIT_BINS :=

include kernel-shim/rules.mk vmm/rules.mk runtime/rules.mk
include $(wildcard images/rules.mk sdk/rules.mk docs/rules.mk)

SANDBOX_OBJS := $(patsubst %,$(B)/%.o,$(SANDBOX_SRCS) $(SAN_SRCS)) $(HOSTHOME_OBJS) $(HOSTHOME_HOME_OBJS) $(GUEST_IMAGE_OBJ) \
	$(STUB_IMAGE_OBJ)

include tests/rules.mk

$(B)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/sandbox: $(SANDBOX_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) $(SAN) -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack $(SANDBOX_OBJS) $(HOST_LIBS) -o $@

# Of the targets that a stranger types: all processors build, unless -j said how many.
JOBS = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

# Main job on a real program, from nothing: what the README's first command runs.
.PHONY: demo
demo:
	@.ci/deps .ci/packages-build
	@echo "== build"
	@$(MAKE) --no-print-directory $(JOBS) all
	$(B)/sandbox doctor
	$(B)/sandbox run /usr/bin/python3 -c 'import os, platform; \
		print("hello from inside:", platform.system(), platform.machine(), "- processes:", \
		len([p for p in os.listdir("/proc") if p.isdigit()]))'

deps:
	@.ci/deps

help:
	@echo "make            build $(B)/sandbox"
	@echo "make demo       install what is missing, build, run a real program"
	@echo "make check      install what is missing, lint, build, all tests that need no emulation"
	@echo "make lint       style and static checks; make check-clang: clang's warnings"
	@echo "make check-emulated   the conformance suite in QEMU with nested SVM"
	@echo "make check-metal      the VMX core's tests, and programs, in Bochs without an operating system"
	@echo "make hostile-vmx      hostile guests of backend vmx in Bochs, FUZZ_SECONDS=3600 FUZZ_SEED=1"
	@echo "make metal      build/sandbox-metal, which runs a program without an operating system: docs/metal.md"
	@echo "make check-images     the image tool, with real clients; make fuzz-images FUZZ_SECONDS=60"
	@echo "make check-sdk        the Python binding, what is installed, the examples of the SDK"
	@echo "make judge-load       the judge under hostile load, SECONDS=120; make valgrind-sdk: the library's tests under valgrind"
	@echo "make bench      ratios against native and other sandboxes; make bench-images: the image tool; make bench-sdk: cold starts"
	@echo "                by the library; make bench-clones: clones; make bench-overhead: what being looked at costs"
	@echo "make coverage   which lines of the shim's core the tests reach"
	@echo "make vmx-module install-dkms   the kernel module of backend vmx: build/vmx-module, or for DKMS"
	@echo "make install    to DESTDIR=$(DESTDIR) PREFIX=$(PREFIX); make uninstall"

check: deps
	@echo "== lint"
	@$(MAKE) --no-print-directory lint
	@echo "== build"
	@$(MAKE) --no-print-directory $(JOBS) compile conformance-programs $(SECURITY_BINS) asan-sandbox
	@if command -v clang >/dev/null; then echo "== build with clang"; $(MAKE) --no-print-directory $(JOBS) check-clang; fi
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory security
	@$(MAKE) --no-print-directory conformance
	@$(MAKE) --no-print-directory conformance-bare
	@$(MAKE) --no-print-directory cli
	@$(MAKE) --no-print-directory check-counts
	@$(MAKE) --no-print-directory check-images
	@$(MAKE) --no-print-directory check-sdk
	@$(MAKE) --no-print-directory fuzz-images FUZZ_SECONDS=5

install: $(B)/sandbox $(B)/sandbox-image $(B)/sandbox-trace $(B)/sandbox-metrics $(B)/sandbox-profile $(B)/sandbox-relay
	install -D -m 755 $(B)/sandbox $(DESTDIR)$(PREFIX)/bin/sandbox
	for p in image trace metrics profile relay; do install -D -m 755 $(B)/sandbox-$$p $(DESTDIR)$(PREFIX)/libexec/sandbox/sandbox-$$p; done
	for m in docs/man/*.1; do install -D -m 644 $$m $(DESTDIR)$(PREFIX)/share/man/man1/$${m##*/}; done
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(B)/sandbox completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sandbox

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/libexec/sandbox/sandbox-trace $(DESTDIR)$(PREFIX)/libexec/sandbox/sandbox-metrics \
		$(DESTDIR)$(PREFIX)/libexec/sandbox/sandbox-profile $(DESTDIR)$(PREFIX)/libexec/sandbox/sandbox-relay
	rm -f $(DESTDIR)$(PREFIX)/bin/sandbox $(DESTDIR)$(PREFIX)/libexec/sandbox/sandbox-image $(DESTDIR)$(PREFIX)/share/bash-completion/completions/sandbox
	for m in docs/man/*.1; do rm -f $(DESTDIR)$(PREFIX)/share/man/man1/$${m##*/}; done

clean:
	rm -rf $(B)

# Rebuild when a header changes.
-include $(shell [ -d $(B) ] && find $(B) -name '*.d' 2>/dev/null)
