# SPDX-License-Identifier: Apache-2.0
# Unit tests of the library, with real sandboxes: once under ASan and UBSan, once under TSan; and with each allocation and system
# call of it made to fail in turn.
UNIT_SDK_SRCS = $(SDK_SRCS) $(addprefix tests/unit/sdk/, test_main.c support.c test_run.c test_limits.c test_control.c test_abi.c test_host.c test_snapshot.c test_template.c)
UNIT_SDK_DIR := $(B)/tests/unit/sdk
UNIT_SDK_BIN := $(UNIT_SDK_DIR)/unit-sdk
UNIT_SDK_TSAN_BIN := $(UNIT_SDK_DIR)/unit-sdk-tsan
UNIT_SDK_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
UNIT_SDK_TSAN_CFLAGS := -O1 -fno-omit-frame-pointer -fsanitize=thread

$(UNIT_SDK_DIR)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_SDK_CFLAGS) -MMD -MP -c $< -o $@

$(UNIT_SDK_DIR)/tsan/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_SDK_TSAN_CFLAGS) -MMD -MP -c $< -o $@

# The executable that they start is found by its name.
UNIT_SDK_FAKE := $(UNIT_SDK_DIR)/fake-template
UNIT_SDK_ENV = SANDBOX_EXECUTABLE=$(abspath $(B))/sandbox FAKE_TEMPLATE=$(abspath $(UNIT_SDK_FAKE))

$(UNIT_SDK_FAKE): $(UNIT_SDK_DIR)/plain/tests/unit/sdk/fake_template.o
	$(Q)$(CC) $^ -o $@

$(UNIT_SDK_BIN).bin: $(patsubst %.c,$(UNIT_SDK_DIR)/asan/%.o,$(UNIT_SDK_SRCS))
	$(Q)$(CC) $(UNIT_SDK_CFLAGS) $^ -o $@ -lcmocka $(SDK_LIBS)

$(UNIT_SDK_TSAN_BIN).bin: $(patsubst %.c,$(UNIT_SDK_DIR)/tsan/%.o,$(UNIT_SDK_SRCS))
	$(Q)$(CC) $(UNIT_SDK_TSAN_CFLAGS) $^ -o $@ -lcmocka $(SDK_LIBS)

# What `make unit` starts: it needs no words of its own.
$(UNIT_SDK_BIN) $(UNIT_SDK_TSAN_BIN): %: %.bin $(B)/sandbox $(UNIT_SDK_FAKE)
	$(Q)printf '#!/bin/sh\n$(UNIT_SDK_ENV) exec %s "$$@"\n' '$(abspath $<)' >$@ && chmod +x $@

UNIT_BINS += $(UNIT_SDK_BIN) $(UNIT_SDK_TSAN_BIN)

.PHONY: unit-sdk
unit-sdk: $(UNIT_SDK_BIN) $(UNIT_SDK_TSAN_BIN)
	$(Q)for b in $^; do echo "== $$b"; $$b || exit 1; done

# One call that fails, --wrap: what <fortify> makes of a call would have another name.
UNIT_SDK_FAULTS_SRCS = $(SDK_SRCS) $(addprefix tests/unit/sdk/, support.c faults/inject.c faults/test_faults.c)
comma := ,
UNIT_SDK_FAULTS_BIN := $(UNIT_SDK_DIR)/unit-sdk-faults
UNIT_SDK_WRAPPED := malloc calloc realloc strdup pipe2 memfd_create epoll_create1 epoll_ctl timerfd_create timerfd_settime read write \
	pread pwrite fstat fchmod poll access mmap opendir kill open fcntl syscall \
	socketpair sendmsg recv openat fsync linkat renameat

$(UNIT_SDK_DIR)/faults/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) $(UNIT_SDK_CFLAGS) -U_FORTIFY_SOURCE -MMD -MP -c $< -o $@

$(UNIT_SDK_FAULTS_BIN).bin: $(patsubst %.c,$(UNIT_SDK_DIR)/faults/%.o,$(UNIT_SDK_FAULTS_SRCS))
	$(Q)$(CC) $(UNIT_SDK_CFLAGS) $(addprefix -Wl$(comma)--wrap=,$(UNIT_SDK_WRAPPED)) $^ -o $@ -lcmocka $(SDK_LIBS)

$(UNIT_SDK_FAULTS_BIN): %: %.bin $(B)/sandbox $(UNIT_SDK_FAKE)
	$(Q)printf '#!/bin/sh\n$(UNIT_SDK_ENV) exec %s "$$@"\n' '$(abspath $<)' >$@ && chmod +x $@

UNIT_BINS += $(UNIT_SDK_FAULTS_BIN)

# The same tests without a sanitizer, under valgrind; the sandboxes' own processes are not looked at.
UNIT_SDK_PLAIN_BIN := $(UNIT_SDK_DIR)/unit-sdk-plain

$(UNIT_SDK_DIR)/plain/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(HOST_CFLAGS) -O1 -MMD -MP -c $< -o $@

$(UNIT_SDK_PLAIN_BIN): $(patsubst %.c,$(UNIT_SDK_DIR)/plain/%.o,$(UNIT_SDK_SRCS))
	$(Q)$(CC) $^ -o $@ -lcmocka $(SDK_LIBS)

.PHONY: valgrind-sdk
valgrind-sdk: $(UNIT_SDK_PLAIN_BIN) $(B)/sandbox $(UNIT_SDK_FAKE)
	$(Q)$(UNIT_SDK_ENV) UNDER_VALGRIND=1 valgrind -q --error-exitcode=1 --leak-check=full --child-silent-after-fork=yes \
		--show-leak-kinds=definite,indirect,possible --errors-for-leak-kinds=definite,indirect,possible $<
