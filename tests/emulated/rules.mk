# The emulated machine and the probe of /dev/kvm. EMULATED_ARGS adds to the command line of `run`.

KVM_PROBE      := tests/emulated/kvm_probe
KVM_PROBE_BIN  := $(B)/$(KVM_PROBE)/kvm_probe
KVM_PROBE_OBJS := $(patsubst %,$(B)/$(KVM_PROBE)/%.o,guest.S machine.c cases.c offers.c main.c)

$(B)/$(KVM_PROBE)/%.S.o: $(KVM_PROBE)/%.S
	@mkdir -p $(@D)
	$(Q)$(CC) -MMD -MP -c $< -o $@

$(KVM_PROBE_BIN): $(KVM_PROBE_OBJS)
	@mkdir -p $(@D)
	$(Q)$(CC) -static -o $@ $^

.PHONY: probe-kvm probe-kvm-emulated
probe-kvm: $(KVM_PROBE_BIN)
	$<

probe-kvm-emulated: $(KVM_PROBE_BIN)
	$(Q)EMULATED_BUILD=$(abspath $(B))/emulated tests/emulated/run $(EMULATED_ARGS) --bin $< -- kvm_probe

# The conformance behaviours where ring 0 is real: QEMU's nested SVM with Debian's KVM.
.PHONY: check-emulated
check-emulated: $(B)/sandbox conformance-programs
	$(Q)EMULATED_BUILD=$(abspath $(B))/emulated tests/emulated/run $(EMULATED_ARGS) --timeout 2400 \
		--bin $(B)/sandbox:/usr/local/bin/sandbox \
		--tree $(B)/tests/conformance/dynamic:/conformance/dynamic \
		--tree tests/conformance/run-list.sh:/conformance/run-list.sh \
		--tree tests/emulated/conformance:/conformance/run \
		--tree tests/emulated/known-gaps:/conformance/known-gaps \
		--env HOMES=guest \
		-- sh /conformance/run /conformance
