# Conformance programs: one per area, each a table of behaviours. Everything is built dynamic glibc;
# those where the C library's start-up, threads, signals or clocks matter are built four more ways.

CONF_SRC := tests/conformance
CONF_OUT := $(B)/tests/conformance
# Written as programs are: literals in argv and iovec, chown(f, -1, -1).
CONF_CFLAGS := -std=gnu17 -O2 -g $(WARN) -Wno-write-strings -Wno-conversion -Wno-sign-conversion -pthread -MMD -MP

CONF_PROGRAMS := \
	fs_open fs_path fs_dir fs_stat fs_rename_unlink fs_rw fs_lock fs_mount fd_dup_fcntl pipe poll_select \
	epoll eventfd mm_mmap mm_brk_mprotect_mremap mm_fault \
	proc_fork_wait fork_large proc_exec proc_script proc_exit proc_ids proc_caps proc_rlimit \
	thread_futex thread_pthread thread_tls parallel \
	sig_basic sig_context sig_io sig_restart sig_altstack \
	cpu_step cpu_code cpu_vector cpu_clock hot_calls \
	ptrace_stop ptrace_call ptrace_event ptrace_seize ptrace_regs ptrace_memory ptrace_step \
	pidfd pty time_clock time_sleep tty_ioctl procfs procfs_task sysfs devfs elf_auxv \
	errno_bad_fd errno_bad_pointer errno_nosys env_args \
	sock_unix sock_dgram sock_msg sock_file sock_tcp sock_udp sock_inet sock_oob sock_control \
	ipc_shm ipc_sem ipc_msg ipc_mq ipc_mqfs fs_inotify calls_rare calls_old futex_many futex_op \
	mm_lock signalfd_info rseq

CONF_VARIED := \
	fs_open mm_mmap mm_brk_mprotect_mremap mm_fault proc_exec proc_exit thread_tls \
	thread_pthread sig_basic elf_auxv time_clock env_args

CONF_VARIANTS := static static-pie musl musl-static
CONF_BINARIES := $(CONF_PROGRAMS:%=$(CONF_OUT)/dynamic/%) \
	$(foreach v,$(CONF_VARIANTS),$(CONF_VARIED:%=$(CONF_OUT)/$v/%))

HELLO_VARIANTS := dynamic $(CONF_VARIANTS)
HELLO_BINARIES := $(HELLO_VARIANTS:%=$(CONF_OUT)/%/hello)

CONF_CC_dynamic := $(CC)
CONF_CC_static := $(CC)
CONF_CC_static-pie := $(CC)
CONF_CC_musl := $(MUSL_CC)
CONF_CC_musl-static := $(MUSL_CC)
CONF_FLAGS_dynamic := -fPIE
CONF_FLAGS_static := -fno-pie
CONF_FLAGS_static-pie := -fPIE
CONF_FLAGS_musl := -fPIE
CONF_FLAGS_musl-static := -fno-pie
CONF_LINK_dynamic := -pie
CONF_LINK_static := -static
CONF_LINK_static-pie := -static-pie
CONF_LINK_musl := -pie
CONF_LINK_musl-static := -static

define conf_variant
$(CONF_OUT)/$1/%.o: $(CONF_SRC)/%.c
	@mkdir -p $$(@D)
	$(Q)$(CONF_CC_$1) $(CONF_CFLAGS) $(CONF_FLAGS_$1) -c -o $$@ $$<

$(CONF_OUT)/$1/hello.o: tests/programs/hello.c
	@mkdir -p $$(@D)
	$(Q)$(CONF_CC_$1) $(CONF_CFLAGS) $(CONF_FLAGS_$1) -c -o $$@ $$<

$(CONF_OUT)/$1/hello: $(CONF_OUT)/$1/hello.o
	$(Q)$(CONF_CC_$1) $(CONF_LINK_$1) -o $$@ $$^

$(filter $(CONF_OUT)/$1/%,$(CONF_BINARIES)): $(CONF_OUT)/$1/%: $(CONF_OUT)/$1/%.o $(CONF_OUT)/$1/behave.o
	$(Q)$(CONF_CC_$1) $(CONF_LINK_$1) -pthread -o $$@ $$^ -lm
endef
$(foreach v,$(HELLO_VARIANTS),$(eval $(call conf_variant,$v)))

$(filter $(CONF_OUT)/dynamic/sock_%,$(CONF_BINARIES)): $(CONF_OUT)/dynamic/sockets.o
$(filter $(CONF_OUT)/dynamic/ptrace_%,$(CONF_BINARIES)): $(CONF_OUT)/dynamic/tracing.o

# For debuggers: as written, with all that they want to know.
DEBUGGED_BINARIES := $(addprefix $(CONF_OUT)/debugged/,plain threads)
$(DEBUGGED_BINARIES): $(CONF_OUT)/debugged/%: tests/programs/debugged/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -g -O0 $(WARN) -pthread -o $@ $<

.PHONY: conformance-programs
conformance-programs: $(CONF_BINARIES) $(HELLO_BINARIES) $(DEBUGGED_BINARIES)

.SECONDARY: $(CONF_BINARIES:=.o) $(CONF_OUT)/dynamic/sockets.o $(CONF_OUT)/dynamic/tracing.o $(foreach v,$(HELLO_VARIANTS),$(CONF_OUT)/$v/behave.o)
-include $(CONF_BINARIES:=.d) $(HELLO_BINARIES:=.d) $(foreach v,$(HELLO_VARIANTS),$(CONF_OUT)/$v/behave.d)

# Every behaviour and program natively and in the sandbox, compared: with the backend that `auto` picks,
# and with each other one that works here (there without what takes minutes). PYTEST_ARGS adds to the command.
.PHONY: conformance conformance-auto conformance-process conformance-kvm
PYTEST_ARGS ?=
CONF_SANDBOX := $(abspath $(B))/sandbox
CONFORMANCE = SANDBOX_BIN="$(CONF_SANDBOX)" /usr/bin/python3 -m pytest -q -n 3 -p no:cacheprovider \
	tests/conformance $(SOME) $(PYTEST_ARGS)

conformance: $(B)/sandbox conformance-programs
	$(Q)some=; for b in $$(tests/conformance/backends $(B)/sandbox); do \
		$(MAKE) --no-print-directory conformance-$$b SOME="$$some" || exit 1; \
		some="-m 'not large'"; done

conformance-auto conformance-process conformance-kvm: conformance-%: $(B)/sandbox conformance-programs
	@echo "== conformance: backend $*"
	$(Q)SANDBOX_BACKEND=$* $(CONFORMANCE)

# Each behaviour many times, more at once than there are processors: what gives way to load only sometimes. Some ten
# minutes for each backend.
.PHONY: races races-process races-kvm
ROUNDS ?= 20
races: races-process races-kvm
races-process races-kvm: races-%: $(B)/sandbox conformance-programs
	@echo "== races: backend $*, $(ROUNDS) rounds"
	$(Q)SANDBOX_BACKEND=$* CONFORMANCE_ROUNDS=$(ROUNDS) SANDBOX_BIN="$(CONF_SANDBOX)" /usr/bin/python3 -m pytest -q \
		-n 8 -p no:cacheprovider tests/conformance/test_behaviour.py $(PYTEST_ARGS)

# A part of it where there is neither /dev/kvm nor a user namespace, as root and as an ordinary user.
.PHONY: conformance-bare
BARE_PART := fs_open or fs_stat or proc_fork_wait or sig_basic or thread_pthread or mm_mmap or bash or python
conformance-bare: $(B)/sandbox conformance-programs
	$(Q)for who in root user; do echo "== conformance: bare, $$who"; SANDBOX_OPTS=-q tests/conformance/bare $$who \
		env $(subst $(PYTEST_ARGS),,$(CONFORMANCE)) -k '($(BARE_PART)) and not terminal' || exit 1; done
