# SPDX-License-Identifier: Apache-2.0
# build/libsandbox.so, build/libsandbox.a and what is installed beside them.
SDK_SRCS := $(addprefix sdk/lib/, clone.c command.c config.c control.c dispatch.c error.c fd.c finish.c memory_file.c pool.c proc.c report.c reset.c result.c \
	setup.c snapshot.c spawn.c start.c stream.c template.c wire.c words.c)
SDK_SRCS += runtime/cli/whole.c # files that appear when they are whole
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

.PHONY: install-sdk uninstall-sdk
install: install-sdk
install-sdk: sdk
	install -D -m 755 $(B)/libsandbox.so $(DESTDIR)$(PREFIX)/lib/$(SDK_SONAME)
	ln -sf $(SDK_SONAME) $(DESTDIR)$(PREFIX)/lib/libsandbox.so
	install -D -m 644 $(B)/libsandbox.a $(DESTDIR)$(PREFIX)/lib/libsandbox.a
	install -D -m 644 $(B)/libsandbox.pc $(DESTDIR)$(PREFIX)/lib/pkgconfig/libsandbox.pc
	install -D -m 644 sdk/include/sandbox.h $(DESTDIR)$(PREFIX)/include/sandbox.h
	install -D -m 644 sdk/include/sandbox-guest.h $(DESTDIR)$(PREFIX)/include/sandbox-guest.h
	install -D -m 755 sdk/bin/sandbox-cc $(DESTDIR)$(PREFIX)/bin/sandbox-cc
	install -D -m 644 sdk/python/sandbox.py $(DESTDIR)$(PREFIX)/share/sandbox/python/sandbox.py
	install -D -m 644 docs/man/libsandbox.3 $(DESTDIR)$(PREFIX)/share/man/man3/libsandbox.3
	ln -sf libsandbox.3 $(DESTDIR)$(PREFIX)/share/man/man3/sandbox.h.3

uninstall: uninstall-sdk
uninstall-sdk:
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/, lib/$(SDK_SONAME) lib/libsandbox.so lib/libsandbox.a lib/pkgconfig/libsandbox.pc \
		include/sandbox.h include/sandbox-guest.h bin/sandbox-cc share/sandbox/python/sandbox.py share/man/man3/libsandbox.3 share/man/man3/sandbox.h.3)

# The binding, the compiler wrapper, what is installed, the examples.
.PHONY: check-sdk
check-sdk: all sdk-examples
	$(Q)SANDBOX_BIN=$(abspath $(B))/sandbox /usr/bin/python3 -m pytest -q -p no:cacheprovider tests/sdk

include $(wildcard sdk/examples/*/rules.mk)
