# SPDX-License-Identifier: Apache-2.0
# build/libsandbox.so, build/libsandbox.a and what is installed beside them.
SDK_SRCS := $(addprefix sdk/lib/, command.c config.c control.c dispatch.c error.c fd.c finish.c memory_file.c proc.c report.c result.c \
	spawn.c start.c stream.c words.c)
SDK_OBJS := $(patsubst %,$(B)/sdk/pic/%.o,$(SDK_SRCS))
SDK_LIBS := -ljansson -pthread
SDK_SONAME := libsandbox.so.0
SDK_CFLAGS = $(filter-out -fPIE,$(HOST_CFLAGS)) -fPIC -DSANDBOX_PREFIX='"$(PREFIX)"'

.PHONY: sdk
sdk: $(B)/libsandbox.so $(B)/libsandbox.a $(B)/libsandbox.pc
all: sdk

$(B)/sdk/pic/%.c.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(SDK_CFLAGS) -MMD -MP -c $< -o $@

$(B)/libsandbox.so: $(SDK_OBJS) sdk/lib/libsandbox.map
	$(Q)$(CC) $(SAN) -shared -pthread -Wl,-soname,$(SDK_SONAME),--version-script=sdk/lib/libsandbox.map,-z,relro,-z,now,-z,noexecstack,-z,defs \
		$(SDK_OBJS) $(SDK_LIBS) -o $@
	$(Q)ln -sf libsandbox.so $(B)/$(SDK_SONAME)

$(B)/libsandbox.a: $(SDK_OBJS)
	$(Q)rm -f $@ && ar rcs $@ $^

# Written anew each time: PREFIX may be another one.
.PHONY: $(B)/libsandbox.pc
$(B)/libsandbox.pc: sdk/libsandbox.pc.in
	@mkdir -p $(@D)
	$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e "s|@VERSION@|$$(sed -n 's/.*SB_VERSION "\(.*\)"/\1/p' sdk/include/sandbox.h)|" $< >$@
