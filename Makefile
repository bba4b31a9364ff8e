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

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wundef -Wvla -Wno-unused-parameter
OPT  ?= -O2 -g
# Host side: launcher, service, backends.
HOST_CFLAGS := -std=gnu11 $(OPT) $(WARN) -I. -iquote kernel-shim -D_GNU_SOURCE -fvisibility=hidden -fstack-protector-strong \
	-D_FORTIFY_SOURCE=2 -fPIE -pthread
HOST_LIBS   := -lseccomp -ljansson -lcap -pthread
# The shim's core: freestanding, no libc. -mgeneral-regs-only: the program's vector registers stay
# where they are while the shim runs.
CORE_CFLAGS := -std=gnu11 $(OPT) $(WARN) -I. -iquote kernel-shim -I$(B) -ffreestanding -fno-builtin -fno-stack-protector \
	-fno-strict-aliasing -fno-common -fno-asynchronous-unwind-tables
GUEST_CFLAGS := $(CORE_CFLAGS) -DHOME_GUEST -mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fno-pic -fno-pie \
	-fcf-protection=none -U_FORTIFY_SOURCE
HOSTHOME_CFLAGS := $(CORE_CFLAGS) -DHOME_HOST -fPIE

.PHONY: all clean install check conformance unit check-emulated lint deps help
all: $(B)/sandbox

# Lists that the folders fill.
SANDBOX_SRCS :=
CORE_SRCS :=
UNIT_BINS :=

include kernel-shim/rules.mk vmm/rules.mk runtime/rules.mk
include $(wildcard images/rules.mk sdk/rules.mk tests/rules.mk)

SANDBOX_OBJS := $(patsubst %,$(B)/%.o,$(SANDBOX_SRCS)) $(HOSTHOME_OBJS) $(HOSTHOME_HOME_OBJS) $(GUEST_IMAGE_OBJ)

$(B)/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/sandbox: $(SANDBOX_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie -pthread -Wl,-z,relro,-z,now,-z,noexecstack $(SANDBOX_OBJS) $(HOST_LIBS) -o $@

clean:
	rm -rf $(B)

# Rebuild when a header changes.
-include $(shell [ -d $(B) ] && find $(B) -name '*.d' 2>/dev/null)
